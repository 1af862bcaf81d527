"""Step `search_parameters`: what a challenger is trained with, found on its own training window, once per recipe."""

import logging

from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError, LakeConflictError, SpecError, TitleboutError, UnavailableError
from titlebout.core.layout import search_path
from titlebout.core.learning.parameter_trials import Budget, Settings, best_trial, run_trials
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.search_port import ParameterSearch
from titlebout.core.learning.search_report import SearchReport, SearchTrial, TrialOrigin
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.core.partitions import calendar_of, shift_key
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey, RunContext, TrainingProof
from titlebout.core.specs.search_spec import SearchSection, SearchWhen
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import read_file, read_version

logger = logging.getLogger(__name__)

DRIFT = "drift"
"""Reason of a run that a drift finding has started."""


def search_parameters(
    spec: ModelSpec,
    run: RunContext,
    *,
    proof: TrainingProof,
    lake: Lake,
    ledger: Ledger,
    search: ParameterSearch,
) -> SearchReport:
    """Search, or take the champion's parameters over on a night that does not search; the first answer stands.

    A report that is in the lake is the answer, whatever serves by now: a task that is cleared trains the same model.

    Args:
        spec: The model spec, with a section `training.search`.
        run: The run that asks.
        proof: The night's windows; its holdout is left alone.
        lake: Holds snapshots, versions and earlier reports.
        ledger: Knows the champion.
        search: Proposes parameters.

    Raises:
        NotEnoughPartitionsError: Too few rows to learn from, or to judge trials on.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit today's spec.
        SpecError: The spec has no section `training.search`.
        UnavailableError: Lake or ledger does not answer; clear the task to resume.
    """
    section = spec.training.search
    if section is None:
        message = f"{spec.name}: training.search is not set; there is nothing to search"
        raise SpecError(message)
    is_due = is_search_due(section.when, run)
    asked = Recipe.of(spec, run.partition, proof.training, proof.history).version
    path = search_path(spec.name, asked, is_search=is_due)
    if lake.has(path):
        logger.info("the parameters of %s are in the lake already", asked)
        return _stored(lake, path)
    champion = _champion(spec, run.partition, lake, ledger)
    if is_due:
        trials = TailTrials.of(
            spec,
            lake,
            proof.training,
            proof.history,
            validation_days=section.validation_days,
            max_rows=section.max_rows,
        )
        report = _searched(spec, section, run.partition, trials, search, champion)
    else:
        report = _kept(spec, section, run.partition, champion)
    try:
        lake.publish(path, report.document())
    except LakeConflictError:
        # Another try of this task was faster; both must train the same model.
        report = _stored(lake, path)
    logger.info("parameters of %s: %s", asked, report.reason)
    return report


def is_search_due(when: SearchWhen, run: RunContext) -> bool:
    """Whether a night searches: by its partition and its reason alone, so a night that is run again does the same."""
    match when:
        case SearchWhen.ALWAYS:
            return True
        case SearchWhen.DRIFT:
            return run.reason == DRIFT
        case SearchWhen.WEEKLY:
            return _week(run.partition) != _week(shift_key(run.partition, -1))


def _week(partition: PartitionKey) -> tuple[int, int]:
    return calendar_of(partition).days(partition)[0].isocalendar()[:2]


def _searched(
    spec: ModelSpec,
    section: SearchSection,
    partition: PartitionKey,
    trials: TailTrials,
    search: ParameterSearch,
    champion: tuple[str, Settings] | None,
) -> SearchReport:
    own = Settings.of(spec.training)
    first = [(TrialOrigin.SPEC, own)]
    if champion:
        warm = own.changed(champion[1].within(section))
        first = [(TrialOrigin.CHAMPION, warm), *(first if warm != own else [])]
    seed = spec.training.seed
    study = search.study(section.space, seed=seed)
    done = list[SearchTrial]()
    for trial in run_trials(trials, study, first, Budget(section.trials, section.seconds)):
        logger.info("trial %d of %d (%s): %s", trial.number, section.trials, trial.origin, _ending(trial))
        done.append(trial)
    best = best_trial(done)
    if best is None:
        logger.warning("all %d trials failed, the first one: %s", len(done), done[0].reason)
    return SearchReport(
        model=spec.name,
        partition=partition,
        metric=spec.comparison.metric.value,
        seed=seed,
        validation=trials.validation,
        warm_start=champion[0] if champion else None,
        trials=tuple(done),
        chosen=best.number if best else None,
        params=best.params if best else own.params,
        rounds=best.rounds if best else own.rounds,
        reason=_reason(section, done, best),
    )


def _ending(trial: SearchTrial) -> str:
    return trial.reason if trial.value is None else f"{trial.value:.6g} in {trial.seconds:.1f} s"


def _reason(section: SearchSection, done: list[SearchTrial], best: SearchTrial | None) -> str:
    if best is None:
        return f"all {len(done)} trials failed, so the spec's own parameters; the first one: {done[0].reason}"
    cut = f"; {section.seconds:g} s were over before trial {len(done) + 1}" if len(done) < section.trials else ""
    return (
        f"trial {best.number} of {len(done)}, proposed by {best.origin}, has the smallest error {best.value:.6g}{cut}"
    )


def _kept(
    spec: ModelSpec, section: SearchSection, partition: PartitionKey, champion: tuple[str, Settings] | None
) -> SearchReport:
    own = Settings.of(spec.training)
    settings = own.changed(champion[1].within(section)) if champion else own
    source = f"those of champion {champion[0]}" if champion else "the spec's own: no champion to take them from"
    return SearchReport(
        model=spec.name,
        partition=partition,
        metric=spec.comparison.metric.value,
        seed=spec.training.seed,
        warm_start=champion[0] if champion else None,
        params=settings.params,
        rounds=settings.rounds,
        reason=f"no search tonight (training.search.when: {section.when}): {source}",
    )


def _champion(spec: ModelSpec, partition: PartitionKey, lake: Lake, ledger: Ledger) -> tuple[str, Settings] | None:
    """Return the champion and its settings; None where there is none, or none that was known by that night."""
    served = ledger.state(spec.name).champion
    if served is None or served.partition >= partition:
        return None
    try:
        recipe = Recipe.model_validate_json(read_file(lake, read_version(lake, spec.name, served.version), "recipe"))
        training = recipe.spec(spec).training
    except UnavailableError:
        raise
    except (TitleboutError, ValidationError) as error:
        # Only a start: a champion that cannot be read is the bout's business.
        logger.warning("champion %s gives no parameters to start from: %s", served.version, error)
        return None
    return served.version, Settings.of(training)


def _stored(lake: Lake, path: str) -> SearchReport:
    try:
        return SearchReport.model_validate_json(lake.read(path))
    except ValidationError as error:
        message = f"{lake.uri(path)}: not readable as the report of a search; restore the lake from a backup"
        raise CorruptObjectError(message) from error
