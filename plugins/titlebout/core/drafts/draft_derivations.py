"""Derived columns of a draft: a duration as the target, and dates from month names in row order."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from titlebout.core.arrow_values import arrow_numbers
from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.drafts.draft_roles import find_month
from titlebout.core.drafts.draft_rows import Part, RawRows
from titlebout.core.errors import SpecError
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.reading.derivations import with_derived
from titlebout.core.specs.dataset_spec import ColumnType, DatasetSection
from titlebout.core.specs.derived_columns import Derivation, MinutesBetween, MonthStart

MINUTES = "minutes:"


def minutes_between(columns: SampledColumns, wanted: str) -> MinutesBetween:
    """Read `minutes:START:END`; a name may hold colons itself.

    Raises:
        SpecError: It is not written so, or these are no columns of times.
    """
    words = wanted.removeprefix(MINUTES).split(":")
    for cut in range(1, len(words)):
        start, end = ":".join(words[:cut]), ":".join(words[cut:])
        if start in columns.times and end in columns.times:
            return MinutesBetween(kind="minutes_between", start=start, end=end)
    message = f"--target {wanted!r}: write minutes:START:END with two columns of times, found {columns.times}"
    raise SpecError(message)


def month_start(columns: SampledColumns, raw: RawRows, first_year: int | None) -> MonthStart:
    """Derive days from a column of month names.

    Raises:
        SpecError: There is none, the rows come in several files, or the first year was not said.
    """
    month = find_month(columns)
    if month is None:
        message = (
            f"no column holds dates (columns: {', '.join(columns.kinds)!s:.200}); a partition is a day, so rows need "
            "a date or a timestamp: add one before delivery, or name its column with --time-column"
        )
        raise SpecError(message)
    if len(raw.parts) != 1:
        message = f"rows name a month ({month}) and no year, so they must come in one file; found {len(raw.parts)}"
        raise SpecError(message)
    if first_year is None:
        message = f"rows name a month ({month}) and no year; say the year of the first row with --first-year"
        raise SpecError(message)
    return MonthStart(kind="month_start", month=month, first_year=first_year)


def with_partition_starts(columns: SampledColumns, parts: Sequence[Part], name: str) -> SampledColumns:
    """Add the day that the path of each row names; all parts have to name one."""
    days = [np.full(part.rows, np.datetime64(str(part.partition)), dtype="datetime64[D]") for part in parts]
    numbers = arrow_numbers(np.concatenate(days).astype(np.int32), ARROW_TYPES[ColumnType.DATE])
    return SampledColumns(columns.table.append_column(name, numbers), {**columns.kinds, name: ColumnType.DATE})


def with_derived_columns(columns: SampledColumns, derived: dict[str, Derivation]) -> SampledColumns:
    """Compute derived columns as an ingest does."""
    if not derived:
        return columns
    name = next(iter(columns.kinds))
    section = DatasetSection.model_validate(
        {
            "source": {"kind": "files", "path": "sample"},
            "columns": {**columns.kinds, **({} if len(columns.kinds) > 1 else {"": "text"})},
            "derived": {each: derivation.model_dump() for each, derivation in derived.items()},
            "time_column": name,
            "key_columns": [name],
            "target": name,
            "first_partition": date(2000, 1, 1),
        }
    )
    batches = with_derived(columns.table.combine_chunks().to_batches(), section)
    return SampledColumns(pa.Table.from_batches(batches), section.snapshot_columns)
