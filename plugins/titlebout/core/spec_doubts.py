"""Settings of a valid spec that are probably not meant so."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from titlebout.core.bouts.whole_days import block_of
from titlebout.core.cadences import HOURS, Cadence
from titlebout.core.errors import first_few
from titlebout.core.results import PartitionKey, Severity
from titlebout.core.spec_words import expectations_of
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import ClassWeights
from titlebout.core.specs.validation_spec import CheckSeverity
from titlebout.core.suites.decoded_column import NotCompilableError
from titlebout.core.suites.suite_checks import read_check
from titlebout.core.windows import window_numbers

_TELL_TIME = frozenset({"year", "yr", "instant", "index", "row", "rownum", "rowid", "timestamp", "unixtime"})
_SHOWN = 8
_FEWEST_TO_PROVE = 4


def doubts(spec: ModelSpec, suite: Mapping[str, JsonValue], partition: PartitionKey) -> list[str]:
    """Return what a person should think about, each with what to do."""
    return [
        *_suite(spec, suite),
        *_windows(spec, partition),
        *_columns(spec),
        *_scores(spec),
        *_search(spec, partition),
        *_bout(spec),
        *_trial(spec),
        *_log(spec),
    ]


def _suite(spec: ModelSpec, suite: Mapping[str, JsonValue]) -> Iterator[str]:
    expectations = expectations_of(suite)
    named = [name for each in expectations for name in _columns_of(each)]
    if spec.dataset.target not in named and spec.validation.checks.target.severity is not CheckSeverity.CRITICAL:
        yield f"nothing critical checks the target {spec.dataset.target}: a day of wrong labels would be learnt"
    elif spec.dataset.target not in named:
        yield f"the suite never checks the target {spec.dataset.target}: add a range, and that it is not null"
    if not any(each.get("severity", Severity.CRITICAL.value) == Severity.CRITICAL.value for each in expectations):
        yield "no expectation is critical: the suite refuses nothing"
    unknown = sorted(set(named) - set(spec.dataset.snapshot_columns))
    if unknown:
        yield f"the suite names columns that no snapshot has: {first_few(unknown, _SHOWN)}; it will refuse every day"
    left = []
    for each in expectations:
        try:
            read_check(dict(each))
        except NotCompilableError:
            left.append(str(each.get("type")))
    if left:
        kinds = first_few(sorted(set(left)), _SHOWN)
        yield f"{len(left)} expectations need Great Expectations itself, which takes seconds: {kinds}"


def _columns_of(expectation: Mapping[str, JsonValue]) -> list[str]:
    kwargs = expectation.get("kwargs")
    if not isinstance(kwargs, dict):
        return []
    single = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    several = kwargs.get("column_list")
    return [name for name in (*single, *(several if isinstance(several, list) else ())) if isinstance(name, str)]


def _windows(spec: ModelSpec, partition: PartitionKey) -> Iterator[str]:
    training, comparison, calendar = spec.training, spec.comparison, spec.calendar
    grid, (learned, judged) = calendar.grid, window_numbers(spec, calendar.number(partition))
    blocks = {block_of(calendar.key(number)) for number in judged}
    counted = "" if calendar.cadence is Cadence.DAILY else f" ({len(blocks)} blocks)"
    if len(blocks) < comparison.min_blocks:
        yield (
            f"holdout_days {training.holdout_days}{counted} is less than comparison.min_blocks "
            f"{comparison.min_blocks}: every verdict will be inconclusive"
        )
    if training.min_partitions > len(learned):
        counted = "" if calendar.cadence is Cadence.DAILY else f", which holds {len(learned)}"
        window = f"a window of {training.window_days} days{counted}"
        yield f"min_partitions {training.min_partitions} can never be in {window}"
    first = spec.dataset.first_partition
    missing_hours = grid.first_hour(calendar.first_from(first)) - grid.first_hour(learned.start)
    if missing_hours > 0:
        missing = f"{missing_hours / HOURS:.0f} days"
        yield f"the windows of {partition} reach {missing} further back than first_partition {first}"


def _columns(spec: ModelSpec) -> Iterator[str]:
    dataset, features = spec.dataset, spec.training.features
    if dataset.time_column not in dataset.key_columns:
        key = first_few(dataset.key_columns, _SHOWN)
        yield f"key_columns {key} lack the time column {dataset.time_column}: is a key unique over all days?"
    used = {*features.numeric, *features.categorical}
    if dataset.target in features.excluded:
        yield f"training.features.excluded names the target {dataset.target}, which is no feature anyway; leave it out"
    telling = sorted(name for name in used if name.lower() in _TELL_TIME)
    if telling:
        yield f"{first_few(telling, _SHOWN)} may only tell the time: new values are ones that no window has seen"
    roles = {*features.columns, *features.excluded, *dataset.key_columns, dataset.time_column, dataset.target}
    if spec.release.strategy is ReleaseStrategy.AB:
        roles |= {name for name in (spec.release.ab.outcome, spec.release.ab.request_id_column) if name}
    idle = [name for name in dataset.snapshot_columns if name not in roles and not _is_input(spec, name)]
    if idle:
        named = first_few(idle, _SHOWN)
        yield f"read and used for nothing: {named}; make them features, or exclude them with the reason"


def _is_input(spec: ModelSpec, name: str) -> bool:
    return any(name in each.model_dump().values() for each in spec.dataset.derived.values())


def _scores(spec: ModelSpec) -> Iterator[str]:
    training = spec.training
    if training.class_weights is ClassWeights.BALANCED and training.calibration is None:
        yield (
            "class_weights balanced moves the scores away from how often class 1 comes: they rank rows and are no "
            "probabilities; add training.calibration"
        )


def _search(spec: ModelSpec, partition: PartitionKey) -> Iterator[str]:
    search, calendar = spec.training.search, spec.calendar
    if search is None:
        return
    if search.min_gain is None:
        yield "training.search.min_gain is null: the luckiest of all trials is believed, clearly better or not"
        return
    learned = window_numbers(spec, calendar.number(partition))[0]
    tail = range(calendar.grid.first_within(learned[-1], search.validation_days), learned.stop)
    blocks = {block_of(calendar.key(number)) for number in tail}
    if len(blocks) < _FEWEST_TO_PROVE:
        yield (
            f"training.search.validation_days {search.validation_days} has {len(blocks)} blocks: too few to prove that "
            "a trial is better than the spec's own parameters, which will nearly always stay"
        )


def _bout(spec: ModelSpec) -> Iterator[str]:
    comparison = spec.comparison
    if not comparison.min_gain:
        yield "comparison.min_gain is 0: a gain however small is promoted, once it is proven"
    if comparison.max_error is None:
        yield "comparison.max_error is not set: the first model only has to beat a constant"


def _trial(spec: ModelSpec) -> Iterator[str]:
    release, grid = spec.release, spec.calendar.grid
    hours = len(release.shares) * release.step_timeout_hours
    night = 1 if spec.dataset.cadence is Cadence.HOURLY else HOURS
    if release.strategy is ReleaseStrategy.AB:
        yield from _split(spec)
        return
    if release.has_trial and spec.dataset.cadence in {Cadence.DAILY, Cadence.HOURLY} and hours > night:
        yield (
            f"a trial may take {hours:g} h ({len(release.shares)} steps of release.step_timeout_hours), and the next "
            f"{grid.noun} waits for it; shorten it"
        )


def _split(spec: ModelSpec) -> Iterator[str]:
    """A split is over before any outcome can have come: those of a partition come after it has ended."""
    ab = spec.release.ab
    longest = 1 if spec.dataset.cadence is Cadence.HOURLY else spec.calendar.grid.longest_days * HOURS
    needed = longest + spec.dataset.label_delay_days * HOURS
    if ab.hours <= needed:
        yield (
            f"release.ab.hours {ab.hours:g}: an outcome is known up to {needed} h after its answer, so the split may "
            "end before the first of them; hold it longer"
        )
    kept_days = spec.serving.log.retention_days
    if kept_days is not None and kept_days * HOURS < ab.hours + needed:
        yield (
            f"serving.log.retention_days {kept_days}: answers of a split of release.ab.hours {ab.hours:g} may be "
            "deleted before their outcomes come; keep them longer"
        )


def _log(spec: ModelSpec) -> Iterator[str]:
    """Answers that are deleted before their labels come are never measured."""
    # With it comes NumPy, which nobody needs who does not log.
    from titlebout.core.performance.given_scores import why_log_has_no_keys

    log, performance = spec.serving.log, spec.performance
    longest = 1 if spec.dataset.cadence is Cadence.HOURLY else spec.calendar.grid.longest_days * HOURS
    needed = longest * (1 + performance.label_partitions) + spec.dataset.label_delay_days * HOURS
    if not log.enabled or log.retention_days is None or log.retention_days * HOURS >= needed:
        return
    if why_log_has_no_keys(spec) is None:
        yield (
            f"serving.log.retention_days {log.retention_days}: labels come up to {needed} h after an answer, which may "
            "be deleted by then, and performance is measured on replays; keep them longer"
        )
