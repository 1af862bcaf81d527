"""The contract check for rows of another interval than the partition's."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.contract.contract import Contract, Violation
from titlebout.core.errors import PartitionKeyError
from titlebout.core.partitions import Calendar
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.suites.decoded_column import EPOCH, EPOCH_DAY, ColumnKind, DecodedColumn, microseconds
from titlebout.core.suites.judgements import MAX_EXAMPLES

_SHOWN_DAYS = 10
_HOUR = 3_600_000_000


def stored_day(contract: Contract, partition: PartitionKey) -> tuple[int, int]:
    """Return where the partition begins and ends in the time column, as the column stores times."""
    if contract.columns[contract.time_column] is ColumnType.DATE:
        first, end_day = contract.calendar.days(partition)
        return (first - EPOCH_DAY).days, (end_day - EPOCH_DAY).days
    start, end = contract.calendar.bounds(partition)
    return microseconds(start), microseconds(end)


def rows_of_other_days(
    contract: Contract, partition: PartitionKey, column: DecodedColumn, keys: Sequence[DecodedColumn]
) -> list[Violation]:
    """Find rows that happened in another partition, as the model's calendar has them, or at no time at all."""
    start, end = stored_day(contract, partition)
    inside = (column.values >= start) & (column.values < end)
    if column.has_value is not None:
        inside &= column.has_value
    rows = np.flatnonzero(~inside)
    if not len(rows):
        return []
    timed = rows if column.has_value is None else rows[column.has_value[rows]]
    found = _partitions(column.values[timed], column.kind, contract.calendar)
    fullest = sorted(found, key=lambda day: (-found[day], day))[:_SHOWN_DAYS]
    observed: dict[str, JsonValue] = {day: found[day] for day in sorted(fullest)}
    if len(timed) < len(rows):
        observed["no time"] = len(rows) - len(timed)
    shown = {each.name: each for each in (*keys, column)}
    examples: list[JsonValue] = [
        {name: each.shown(row) for name, each in shown.items()} for row in rows[:MAX_EXAMPLES].tolist()
    ]
    calendar = contract.calendar
    wanted: dict[str, JsonValue] = {calendar.grid.noun: partition, "timezone": calendar.clock}
    return [Violation(observed, wanted, column.name, len(rows), examples)]


def _partitions(values: NDArray[np.int64], kind: ColumnKind, calendar: Calendar) -> dict[str, int]:
    """Count rows by the partition that they belong to; of a time, by the one in which its hour began."""
    unit = 1 if kind is ColumnKind.DATE else _HOUR
    distinct, counts = np.unique(values // unit, return_counts=True)
    days: dict[str, int] = {}
    for number, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        try:
            day = _partition(number, kind, calendar)
        except (
            OverflowError,
            PartitionKeyError,
        ):  # the last hours of the year 9999, or the first of the year 1, elsewhere
            day = "outside the years 1 to 9999"
        days[day] = days.get(day, 0) + count
    return days


def _partition(number: int, kind: ColumnKind, calendar: Calendar) -> str:
    if kind is ColumnKind.DATE:
        return calendar.holding_day(EPOCH_DAY + timedelta(days=number))
    return calendar.holding(EPOCH + timedelta(hours=number))
