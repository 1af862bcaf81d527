"""How many rows are usual for a day, learned from good days before it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from pydantic import JsonValue

from titlebout.core.partitions import calendar_of
from titlebout.core.results import PartitionKey
from titlebout.core.specs.validation_spec import RowCountCheck

MIN_WEEKS = 3
"""Good days of the same weekday that can speak for it."""
# Medians of a few days lie close to these days by construction: less than this is no sign of a week's rhythm.
_RHYTHM = 0.7
_COUNTING_ERRORS = 2.0


@dataclass(frozen=True)
class RowBand:
    """The band of row counts that raise no question.

    Attributes:
        low: Smallest number of rows.
        usual: Median, of the same weekday where weekdays differ.
        high: Largest number of rows.
        by_weekday: Whether weekdays differ.
        released: Row counts that a person has let pass.
        tolerance: Share of rows by which others may differ from these.
    """

    low: float
    usual: float
    high: float
    by_weekday: bool
    released: tuple[int, ...]
    tolerance: float

    @classmethod
    def of(
        cls,
        partition: PartitionKey,
        days: Sequence[tuple[PartitionKey, int]],
        released: Sequence[int],
        check: RowCountCheck,
    ) -> Self:
        """Learn it from the rows of the good days before a partition, one or more, some of which a person let pass.

        The band is symmetric in the logarithm: with a tolerance of 0.4, three fifths and five thirds of the usual.

        >>> week = [(f"2024-01-{day:02}", 24) for day in range(1, 15)]
        >>> band = RowBand.of("2024-01-15", week, [], RowCountCheck())
        >>> band.low, band.usual, band.high
        (14.4, 24.0, 40.0)
        """
        logs = [math.log(max(rows, 1)) for _, rows in days]
        weekday, weekdays = _weekday(partition), [_weekday(key) for key, _ in days]
        centre = _rhythm(logs, weekdays, weekday) or _Centre(median(logs), robust_spread(logs))
        counting_error = _COUNTING_ERRORS / math.sqrt(math.exp(centre.usual))
        width = max(-math.log(1 - check.tolerance), check.spreads * centre.spread, counting_error)
        low, high = centre.usual - width, centre.usual + width
        if weekdays.count(weekday) < MIN_WEEKS:
            # Too early to know a rhythm of the week: what was good before is good again. Not the newest days, if
            # they are outside: that may be a fault that goes on.
            while logs and not low <= logs[-1] <= high:
                logs.pop()
            low, high = min([low, *logs]), max([high, *logs])
        low, usual, high = (round(math.exp(each), 2) for each in (low, centre.usual, high))
        return cls(low, usual, high, centre.by_weekday, tuple(released), check.tolerance)

    def holds(self, rows: int) -> bool:
        """Whether so many rows raise no question."""
        if self.low <= rows <= self.high:
            return True
        least = 1 - self.tolerance
        return any(least <= rows / each <= 1 / least for each in self.released if each)

    def document(self) -> dict[str, JsonValue]:
        """Return it for the report."""
        return {"low": self.low, "usual": self.usual, "high": self.high, "by_weekday": self.by_weekday}


@dataclass(frozen=True)
class _Centre:
    """Where logarithms of row counts lie, and how far apart."""

    usual: float
    spread: float
    by_weekday: bool = False


def _rhythm(logs: Sequence[float], weekdays: Sequence[int], weekday: int) -> _Centre | None:
    """Return what is usual for a weekday, if there are enough of it and weekdays tell much of the difference."""
    if weekdays.count(weekday) < MIN_WEEKS:
        return None
    pairs = list(zip(logs, weekdays, strict=True))
    middles = {each: median(log for log, other in pairs if other == each) for each in set(weekdays)}
    overall = median(logs)
    around = [log - middles[each] for log, each in pairs]
    # Not by medians: of seven days, two at the weekend leave them as they are.
    if sum(map(abs, around)) >= _RHYTHM * sum(abs(log - overall) for log in logs):
        return None
    return _Centre(middles[weekday], robust_spread(around), by_weekday=True)


def _weekday(key: PartitionKey) -> int:
    """Return the weekday on which a partition begins; all weeks begin on the same, and so have no rhythm."""
    first, _ = calendar_of(key).days(key)
    return first.weekday()


def robust_spread(values: Sequence[float]) -> float:
    """Return the standard deviation that normal values of this median absolute deviation would have.

    >>> robust_spread([1.0, 2.0, 3.0, 4.0, 100.0])
    1.4826
    """
    middle = median(values)
    return 1.4826 * median(abs(value - middle) for value in values)
