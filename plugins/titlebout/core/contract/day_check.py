"""The contract check for rows of another day than the partition's."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.contract.contract import Contract, Violation
from titlebout.core.partitions import local_day, parse_key
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.suites.decoded_column import EPOCH, EPOCH_DAY, ColumnKind, DecodedColumn, microseconds
from titlebout.core.suites.judgements import MAX_EXAMPLES

_SHOWN_DAYS = 10
_HOUR = 3_600_000_000


def stored_day(contract: Contract, partition: PartitionKey) -> tuple[int, int]:
    """Return where the partition's day begins and ends in the time column, as the column stores times."""
    if contract.columns[contract.time_column] is ColumnType.DATE:
        day = (parse_key(partition) - EPOCH_DAY).days
        return day, day + 1
    start, end = local_day(partition, contract.timezone)
    return microseconds(start), microseconds(end)


def rows_of_other_days(
    contract: Contract, partition: PartitionKey, column: DecodedColumn, keys: Sequence[DecodedColumn]
) -> list[Violation]:
    """Find rows that happened on another day, as the model's time zone has days, or at no time at all.

    Args:
        contract: Names the time zone.
        partition: Key of the partition, which is the day of all its rows.
        column: The time column.
        keys: The key columns, by which rows are shown.
    """
    start, end = stored_day(contract, partition)
    inside = (column.values >= start) & (column.values < end)
    if column.has_value is not None:
        inside &= column.has_value
    rows = np.flatnonzero(~inside)
    if not len(rows):
        return []
    timed = rows if column.has_value is None else rows[column.has_value[rows]]
    found = _days(column.values[timed], column.kind, contract.timezone)
    fullest = sorted(found, key=lambda day: (-found[day], day))[:_SHOWN_DAYS]
    observed: dict[str, JsonValue] = {day: found[day] for day in sorted(fullest)}
    if len(timed) < len(rows):
        observed["no time"] = len(rows) - len(timed)
    shown = {each.name: each for each in (*keys, column)}
    examples: list[JsonValue] = [
        {name: each.shown(row) for name, each in shown.items()} for row in rows[:MAX_EXAMPLES].tolist()
    ]
    wanted: dict[str, JsonValue] = {"day": partition, "timezone": contract.timezone}
    return [Violation(observed, wanted, column.name, len(rows), examples)]


def _days(values: NDArray[np.int64], kind: ColumnKind, timezone: str) -> dict[str, int]:
    """Count rows by their day; of a time, by the day on which its hour began."""
    unit = 1 if kind is ColumnKind.DATE else _HOUR
    distinct, counts = np.unique(values // unit, return_counts=True)
    days: dict[str, int] = {}
    for number, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        try:
            day = _day(number, kind, timezone)
        except OverflowError:  # the last hours of the year 9999, or the first of the year 1, elsewhere
            day = "outside the years 1 to 9999"
        days[day] = days.get(day, 0) + count
    return days


def _day(number: int, kind: ColumnKind, timezone: str) -> str:
    if kind is ColumnKind.DATE:
        return (EPOCH_DAY + timedelta(days=number)).isoformat()
    return (EPOCH + timedelta(hours=number)).astimezone(ZoneInfo(timezone)).date().isoformat()
