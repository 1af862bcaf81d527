"""Drafts a model from sampled rows: types, roles, features and windows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from titlebout.core.drafts.draft_derivations import (
    MINUTES,
    minutes_between,
    month_start,
    with_derived_columns,
    with_partition_starts,
)
from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.drafts.draft_features import FeaturePlanDraft, Subject, find_features, is_free_text
from titlebout.core.drafts.draft_keys import RowKey, find_key
from titlebout.core.drafts.draft_roles import Role, agreement, find_month, find_target, find_task, find_time
from titlebout.core.drafts.draft_rows import RawRows
from titlebout.core.drafts.draft_timezone import find_timezone
from titlebout.core.drafts.draft_types import TextRules, TypedRows, find_types
from titlebout.core.drafts.draft_windows import WindowsDraft, find_windows
from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.reading.derivations import KeptRows
from titlebout.core.specs.dataset_spec import Bounds
from titlebout.core.specs.derived_columns import Derivation, MonthStart, PartitionStart, inputs_of
from titlebout.core.specs.training_spec import Objective

MIN_ROWS = 20
_DURATION, _MONTH_START, _PARTITION_START = "duration_minutes", "month_start", "partition_start"


@dataclass(frozen=True)
class DraftChoices:
    """What the user says; what is None is to be found out.

    Attributes:
        target: A column, or `minutes:START:END`.
        key: Columns that name a row.
        first_year: Of the first row, where rows name months only.
        keep: Range of the target; rows outside are left out.
        timezone: In which a day begins, by its IANA name.
    """

    target: str | None = None
    time_column: str | None = None
    key: tuple[str, ...] = ()
    task: str | None = None
    first_year: int | None = None
    keep: Bounds | None = None
    timezone: str | None = None
    texts: TextRules = field(default_factory=TextRules)


@dataclass
class ModelDraft:
    """Everything that was found.

    Attributes:
        columns: The sampled rows with derived columns, without those outside of `keep`.
        keep: Ranges of rows that stay.
        objective: The task, and why.
        timezone: In which a day begins.
        agreement: Share of rows whose day is the one that their file's path names.
        checks: Contract checks with another severity than usual, each with the reason.
    """

    raw: RawRows
    typed: TypedRows
    columns: SampledColumns
    derived: dict[str, Derivation]
    keep: dict[str, Bounds]
    time: Role
    target: Role
    objective: tuple[Objective, str]
    key: RowKey
    features: FeaturePlanDraft
    windows: WindowsDraft
    timezone: str
    agreement: float = 0.0
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def unread(self) -> dict[str, str]:
        """Columns that a snapshot does not hold, each with the reason."""
        used = {*self.key.columns, self.time.column, *_inputs(self.derived)}
        # Names and free texts are of no use to a model, and may say more than a lake should hold.
        texts = {
            name: reason
            for name, reason in self.features.excluded.items()
            if name in self.typed.readings and name not in used and is_free_text(self.columns, name)
        }
        return {**self.typed.left_out, **texts}


def _inputs(derived: Mapping[str, Derivation]) -> list[str]:
    return [name for each in derived.values() for name in inputs_of(each)]


@dataclass(frozen=True)
class _Core:
    """What is settled first: rows with derived columns, and what is derived."""

    columns: SampledColumns
    derived: dict[str, Derivation]
    time: Role
    agreement: float
    target: str | None


def find_model(raw: RawRows, choices: DraftChoices) -> ModelDraft:
    """Find out what a model of these rows could be.

    Raises:
        SpecError: A choice does not fit the rows, there are too few, or something has to be said by the user.
    """
    typed = find_types(raw, choices.texts)
    if raw.table.num_rows < MIN_ROWS:
        message = f"{raw.parts[0].where}: {raw.table.num_rows} rows are too few to draft a model from; give more files"
        raise SpecError(message)
    columns = SampledColumns(typed.table, {name: reading.kind for name, reading in typed.readings.items()})
    zone = find_timezone(columns, raw, choices.timezone)
    typed.remarks += [zone.how] if zone.how else []
    core = _core(columns, raw, choices, zone.name)
    time = core.time
    reserved = [time.column, *_inputs(core.derived)]
    target = find_target(core.columns, reserved, core.target)
    keep = {target.column: choices.keep} if choices.keep else {}
    columns = _kept(core.columns, keep)
    objective = find_task(columns, target.column, choices.task)
    key = find_key(columns, time.column, target.column, _given_key(columns, choices))
    features = find_features(columns, _subject(core, target, objective[0], zone.name))
    if not features.numeric and not features.categorical and not features.date_parts:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in features.excluded.items())
        message = f"no column is left as a feature of {target.column}: {reasons}"
        raise SpecError(message)
    checks = {}
    if key.duplicates:
        checks["unique_key"] = f"{key.duplicates:,} of {columns.rows:,} sampled rows share their key"
    return ModelDraft(
        raw=raw,
        typed=typed,
        columns=columns,
        derived=core.derived,
        keep=keep,
        time=time,
        target=target,
        objective=objective,
        key=key,
        features=features,
        windows=find_windows(columns.days(time.column, zone.name)),
        timezone=zone.name,
        agreement=core.agreement,
        checks=checks,
    )


def _core(columns: SampledColumns, raw: RawRows, choices: DraftChoices, timezone: str) -> _Core:
    derived: dict[str, Derivation] = {}
    target = choices.target
    if target and target.startswith(MINUTES):
        derived[_DURATION] = minutes_between(columns, target)
        target = _DURATION
    time = find_time(columns, raw.parts, timezone, choices.time_column)
    agreeing = agreement(columns, time.column, raw.parts, timezone) if time else 0.0
    columns = with_derived_columns(columns, derived)
    if time is None and all(part.partition for part in raw.parts):
        time = Role(_PARTITION_START, "no column holds dates; the paths name the day", is_guess=False)
        columns, agreeing = with_partition_starts(columns, raw.parts, _PARTITION_START), 1.0
        derived[_PARTITION_START] = PartitionStart(kind="partition_start")
    elif time is None:
        derived[_MONTH_START] = month_start(columns, raw, choices.first_year)
        how = f"derived from {find_month(columns)}: the rows come in the order of time, and name months only"
        time = Role(_MONTH_START, how)
        columns = with_derived_columns(columns, {_MONTH_START: derived[_MONTH_START]})
    return _Core(columns, derived, time, agreeing, target)


def _given_key(columns: SampledColumns, choices: DraftChoices) -> tuple[str, ...]:
    unknown = [name for name in choices.key if name not in columns.kinds]
    if unknown:
        message = f"--key {unknown[0]!r}: no such column; {did_you_mean(unknown[0], columns.kinds)}"
        raise SpecError(message)
    return choices.key


def _subject(core: _Core, target: Role, objective: Objective, timezone: str) -> Subject:
    duration, months = core.derived.get(target.column), core.derived.get(core.time.column)
    return Subject(
        target.column,
        core.time.column,
        objective,
        timezone=timezone,
        made_from=[name for name in inputs_of(duration) if name != core.time.column] if duration else [],
        month=months.month if isinstance(months, MonthStart) else None,
    )


def _kept(columns: SampledColumns, keep: Mapping[str, Bounds]) -> SampledColumns:
    if not keep:
        return columns
    kept = KeptRows(columns.table.combine_chunks().to_batches(), keep)
    table = pa.Table.from_batches(kept, schema=columns.table.schema)
    if table.num_rows < MIN_ROWS:
        message = f"--keep leaves {table.num_rows} of {columns.rows} rows; widen the range"
        raise SpecError(message)
    return SampledColumns(table, columns.kinds)
