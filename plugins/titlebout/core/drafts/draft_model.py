"""What a draft knows of a model: from sampled rows to roles, features and windows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from titlebout.core.drafts.draft_derivations import (
    MINUTES,
    inputs_of,
    minutes_between,
    month_start,
    with_derived_columns,
)
from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.drafts.draft_features import FeaturePlanDraft, Subject, find_features
from titlebout.core.drafts.draft_keys import RowKey, find_key
from titlebout.core.drafts.draft_roles import Role, agreement, find_month, find_target, find_task, find_time
from titlebout.core.drafts.draft_rows import RawRows
from titlebout.core.drafts.draft_types import TextRules, TypedRows, find_types
from titlebout.core.drafts.draft_windows import WindowsDraft, find_windows
from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.reading.derivations import KeptRows
from titlebout.core.specs.dataset_spec import Bounds, ColumnType, Derivation
from titlebout.core.specs.training_spec import Objective

MIN_ROWS = 20
_DURATION, _MONTH_START = "duration_minutes", "month_start"


@dataclass(frozen=True)
class Wishes:
    """What the user says; what is None is to be found out.

    Attributes:
        target: A column, or `minutes:START:END`.
        time_column: When a row happened.
        key: Columns that name a row.
        task: What is predicted.
        first_year: Of the first row, where rows name months only.
        keep: Range of the target; rows outside are left out.
        timezone: In which a day begins.
        texts: How texts are written.
    """

    target: str | None = None
    time_column: str | None = None
    key: tuple[str, ...] = ()
    task: str | None = None
    first_year: int | None = None
    keep: Bounds | None = None
    timezone: str = "UTC"
    texts: TextRules = field(default_factory=TextRules)


@dataclass
class ModelDraft:
    """Everything that was found.

    Attributes:
        raw: The rows as the source has them.
        typed: The same rows in declared types.
        columns: These rows with derived columns, without those outside of `keep`.
        derived: Derived columns.
        keep: Ranges of rows that stay.
        time: The time column.
        target: What is predicted.
        objective: The task, and why.
        key: What names a row.
        features: Roles of the other columns.
        windows: Days and windows.
        wishes: What the user said.
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
    wishes: Wishes
    agreement: float = 0.0
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def unread(self) -> dict[str, str]:
        """Columns that a snapshot does not hold, each with the reason."""
        texts = [name for name in self.features.excluded if self.typed.readings.get(name) and self._is_long_text(name)]
        return {**self.typed.left_out, **{name: self.features.excluded[name] for name in texts}}

    def _is_long_text(self, name: str) -> bool:
        """Names and free texts are of no use to a model, and may say more than a lake should hold."""
        is_text = self.typed.readings[name].kind is ColumnType.TEXT
        used = (*self.key.columns, self.time.column, *(self._used_by_derivations()))
        return is_text and name not in used and "texts in" in self.features.excluded[name]

    def _used_by_derivations(self) -> list[str]:
        return [name for each in self.derived.values() for name in inputs_of(each)]


@dataclass(frozen=True)
class _Core:
    """What is settled first: rows with derived columns, and what is derived."""

    columns: SampledColumns
    derived: dict[str, Derivation]
    time: Role
    agreement: float
    target: str | None


def find_model(raw: RawRows, wishes: Wishes) -> ModelDraft:
    """Find out what a model of these rows could be.

    Raises:
        SpecError: A wish does not fit the rows, there are too few, or something has to be said by the user.
    """
    typed = find_types(raw, wishes.texts)
    if raw.table.num_rows < MIN_ROWS:
        message = f"{raw.parts[0].where}: {raw.table.num_rows} rows are too few to draft a model from; give more files"
        raise SpecError(message)
    core = _core(raw, typed, wishes)
    time = core.time
    reserved = [time.column, *(name for each in core.derived.values() for name in inputs_of(each))]
    target = find_target(core.columns, reserved, core.target)
    keep = {target.column: wishes.keep} if wishes.keep else {}
    columns = _kept(core.columns, keep)
    objective = find_task(columns, target.column, wishes.task)
    key = find_key(columns, time.column, target.column, _given_key(columns, wishes))
    features = find_features(columns, _subject(core, target, objective[0], wishes))
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
        windows=find_windows(columns.days(time.column, wishes.timezone)),
        wishes=wishes,
        agreement=core.agreement,
        checks=checks,
    )


def _core(raw: RawRows, typed: TypedRows, wishes: Wishes) -> _Core:
    columns = SampledColumns(typed.table, {name: reading.kind for name, reading in typed.readings.items()})
    derived: dict[str, Derivation] = {}
    target = wishes.target
    if target and target.startswith(MINUTES):
        derived[_DURATION] = minutes_between(columns, target)
        target = _DURATION
    time = find_time(columns, raw.parts, wishes.timezone, wishes.time_column)
    agreeing = agreement(columns, time.column, raw.parts, wishes.timezone) if time else 0.0
    if time is None:
        derived[_MONTH_START] = month_start(columns, raw, wishes.first_year)
        how = f"derived from {find_month(columns)}: the rows come in the order of time, and name months only"
        time = Role(_MONTH_START, how)
    return _Core(with_derived_columns(columns, derived), derived, time, agreeing, target)


def _given_key(columns: SampledColumns, wishes: Wishes) -> tuple[str, ...]:
    unknown = [name for name in wishes.key if name not in columns.kinds]
    if unknown:
        message = f"--key {unknown[0]!r}: no such column; {did_you_mean(unknown[0], columns.kinds)}"
        raise SpecError(message)
    return wishes.key


def _subject(core: _Core, target: Role, objective: Objective, wishes: Wishes) -> Subject:
    duration, months = core.derived.get(target.column), core.derived.get(core.time.column)
    return Subject(
        target.column,
        core.time.column,
        is_binary=objective is Objective.BINARY,
        timezone=wishes.timezone,
        made_from=[name for name in inputs_of(duration) if name != core.time.column] if duration else [],
        month=inputs_of(months)[0] if months else None,
        has_classes=objective is Objective.MULTICLASS,
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
