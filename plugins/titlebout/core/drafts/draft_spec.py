"""Writes a drafted model as a spec with comments that say how each value was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import JsonValue, ValidationError

from titlebout.core.drafts.draft_model import ModelDraft
from titlebout.core.drafts.draft_roles import find_classes
from titlebout.core.drafts.draft_yaml import Entry, Scalar, plain_document, yaml_text
from titlebout.core.errors import SpecError
from titlebout.core.first_mistake import first_mistake
from titlebout.core.specs.dataset_spec import ParsingSection
from titlebout.core.specs.derived_columns import DERIVED_TYPES
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import CLASSIFYING, Objective

_SCHEMA_LINE = "yaml-language-server: $schema=./schema.json"
_FINISHED_DAYS = 60


@dataclass(frozen=True)
class Origin:
    """Where the rows come from, as a spec says it.

    Attributes:
        source: The section `dataset.source`.
        how: Why it is written so.
        shown: What the user gave.
    """

    source: Mapping[str, Scalar]
    how: str
    shown: str


def spec_entries(name: str, origin: Origin, draft: ModelDraft, today: date) -> tuple[Entry, ...]:
    """Return the spec with its comments."""
    return (
        Entry("name", name),
        Entry("description", f"Predicts {draft.target.column}.", "what is one row, and who uses the prediction?"),
        Entry("owner", "titlebout"),
        Entry("schedule", _schedule(draft, today)),
        Entry("dataset", _dataset(origin, draft)),
        Entry("validation", _validation(name, draft)),
        Entry("training", _training(draft)),
        Entry("comparison", _comparison(draft)),
    )


def spec_text(entries: Sequence[Entry], origin: Origin, draft: ModelDraft) -> str:
    """Write the spec as YAML."""
    rows = "all" if draft.raw.is_whole else "a sample of"
    header = [
        _SCHEMA_LINE,
        f"Drafted by `titlebout new` from {origin.shown}, after a look at {rows} {draft.raw.table.num_rows:,} rows.",
        "Every comment says how a value was found. What says GUESS or LOOK needs a person.",
    ]
    return yaml_text(entries, header)


def checked_spec(entries: Sequence[Entry]) -> ModelSpec:
    """Return the spec as the project would load it.

    Raises:
        SpecError: The draft is no valid spec.
    """
    document: dict[str, JsonValue] = plain_document(entries)
    try:
        return ModelSpec.model_validate(document)
    except ValidationError as error:
        message = f"the draft is no valid spec: {first_mistake(error, 'the spec as a whole')}"
        raise SpecError(message) from None


def _schedule(draft: ModelDraft, today: date) -> tuple[Entry, ...]:
    last = draft.windows.days[-1]
    is_finished = (today - last).days > _FINISHED_DAYS
    if is_finished:
        start, how = date(2100, 1, 1), f"the newest rows are of {last}: nothing to do every night; run days by hand"
    else:
        start, how = last + timedelta(days=1), f"the night after the newest rows, which are of {last}"
    zone = "a day begins and ends here; times without an offset are read as UTC"
    return Entry("start_date", start, how), Entry("timezone", draft.timezone, zone)


def _dataset(origin: Origin, draft: ModelDraft) -> tuple[Entry, ...]:
    windows, unread = draft.windows, draft.unread
    columns = []
    for name, reading in draft.typed.readings.items():
        if name not in unread:
            doubt = f"; LOOK: {reading.doubt}" if reading.doubt else ""
            columns.append(Entry(name, reading.kind.value, f"{reading.how}{doubt}"))
    first = f"the oldest of {len(windows.days):,} days, the newest is {windows.days[-1]}; {windows.rhythm}"
    if windows.strays:
        first += f"; LOOK: left out as strays: {', '.join(map(str, windows.strays[:5]))}"
    entries = [
        Entry("source", tuple(Entry(key, value) for key, value in origin.source.items()), origin.how, above=True),
        Entry("columns", tuple(columns), _left_out(unread), above=True),
        *_parsing(draft),
        *_derived(draft),
        Entry("time_column", draft.time.column, f"{'GUESS: ' if draft.time.is_guess else ''}{draft.time.how}"),
        Entry("key_columns", list(draft.key.columns), draft.key.how),
        Entry("target", draft.target.column, draft.target.how),
        Entry("first_partition", windows.days[0], first),
    ]
    return tuple(entries)


def _left_out(unread: Mapping[str, str]) -> str:
    if not unread:
        return "all columns of the source"
    shown = "; ".join(f"{name!r}: {reason}" for name, reason in [*unread.items()][:12])
    return f"not read: {shown}{'; and more' if len(unread) > 12 else ''}"


def _parsing(draft: ModelDraft) -> list[Entry]:
    """Write down only what differs from the defaults."""
    parsing, default = draft.typed.parsing, ParsingSection()
    entries = []
    if parsing.decimal_separator != default.decimal_separator:
        entries.append(Entry("decimal_separator", parsing.decimal_separator, draft.typed.style.how))
    if parsing.thousands_separator:
        entries.append(Entry("thousands_separator", parsing.thousands_separator, draft.typed.style.how))
    if parsing.null_markers != default.null_markers:
        extra = [marker for marker in parsing.null_markers if marker not in default.null_markers]
        entries.append(Entry("null_markers", list(parsing.null_markers), f"{', '.join(extra)} stand among numbers"))
    unread = draft.unread
    formats = {name: shape for name, shape in parsing.date_formats.items() if name not in unread}
    if formats:
        how = {name: draft.typed.readings[name].how for name in formats}
        entries.append(Entry("date_formats", tuple(Entry(n, shape, how[n]) for n, shape in formats.items())))
    return (
        [Entry("parsing", tuple(entries), draft.typed.style.doubt and f"LOOK: {draft.typed.style.doubt}")]
        if entries
        else []
    )


def _derived(draft: ModelDraft) -> list[Entry]:
    entries = []
    if draft.derived:
        derived = []
        for name, derivation in draft.derived.items():
            fields = derivation.model_dump()
            derived.append(Entry(name, tuple(Entry(key, value) for key, value in fields.items())))
        kinds = ", ".join(f"{name}: {DERIVED_TYPES[each.kind]}" for name, each in draft.derived.items())
        entries.append(Entry("derived", tuple(derived), f"computed when a day is read; {kinds}", above=True))
    if draft.keep:
        rows, kept = draft.typed.table.num_rows, draft.columns.rows
        bounds = [
            Entry(name, tuple(Entry(side, bound) for side, bound in each.model_dump(exclude_none=True).items()))
            for name, each in draft.keep.items()
        ]
        how = f"as you said; {rows - kept:,} of {rows:,} sampled rows lie outside and are left out"
        entries.append(Entry("keep", tuple(bounds), how, above=True))
    return entries


def _validation(name: str, draft: ModelDraft) -> tuple[Entry, ...]:
    suite = Entry("suite", name, f"expectations/{name}.json")
    if not draft.checks:
        return (suite,)
    checks = tuple(
        Entry(check, (Entry("severity", "warning"),), f"{reason}; critical would refuse such days", above=True)
        for check, reason in draft.checks.items()
    )
    return suite, Entry("checks", checks)


def _training(draft: ModelDraft) -> tuple[Entry, ...]:
    objective, why = draft.objective
    windows = draft.windows
    short = "; LOOK: the data is too short for both windows" if windows.is_short else ""
    span = f"the data spans {windows.span_days:,} days, with rows {windows.rhythm}"
    return (
        Entry("objective", objective.value, why),
        *_classes(draft),
        Entry("features", _features(draft)),
        Entry("window_days", windows.window_days, f"what a challenger learns from: {span}{short}"),
        Entry("holdout_days", windows.holdout_days, "the newest days: both models are judged on them"),
        Entry("min_partitions", windows.min_partitions, "about half of the days that the window can hold"),
    )


def _classes(draft: ModelDraft) -> list[Entry]:
    if draft.objective[0] is not Objective.MULTICLASS:
        return []
    classes = find_classes(draft.columns, draft.target.column)
    rows = "all" if draft.raw.is_whole else "the sampled"
    how = f"LOOK: the values in {rows} rows; a day with another one goes into quarantine until it is added here"
    return [Entry("classes", [*classes], how, above=True)]


def _features(draft: ModelDraft) -> tuple[Entry, ...]:
    plan = draft.features
    codes = {name: remark for name, remark in plan.categorical.items() if "codes" in remark}
    doubtful = (
        f"GUESS: few different whole numbers, so codes: {', '.join(codes)}; amounts belong under numeric"
        if codes
        else ""
    )
    looks = f"LOOK: {'; '.join(plan.look)}" if plan.look else ""
    entries = [
        Entry("numeric", list(plan.numeric), looks, above=True),
        Entry("categorical", list(plan.categorical), doubtful, above=True),
    ]
    if plan.date_parts:
        entries.append(Entry("date_parts", (Entry(draft.time.column, [*plan.date_parts]),)))
    reasons = {**{n: r for n, r in draft.typed.left_out.items() if len(n) <= 128}, **plan.excluded}
    if reasons:
        excluded = tuple(Entry(name, reason) for name, reason in reasons.items())
        comment = "GUESSES: no model may look at these; take out what is known when a prediction is made"
        entries.append(Entry("excluded", excluded, comment, above=True))
    return tuple(entries)


def _comparison(draft: ModelDraft) -> tuple[Entry, ...]:
    has_chances = draft.objective[0] in CLASSIFYING
    metric, unit = ("log_loss", "nats per row") if has_chances else ("mae", f"in units of {draft.target.column}")
    return (
        Entry("metric", metric, f"{unit}; smaller is better"),
        Entry("min_gain", 0.01, "promoted only if the lower bound of the gain is 1 % of the champion's error"),
    )
