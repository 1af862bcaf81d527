"""Which past partitions are of the same kind as one: the same weekday or hour, the same time of another year."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from titlebout.core.cadences import HOURS, Cadence
from titlebout.core.partitions import Calendar
from titlebout.core.results import PartitionKey

PERIODS: Mapping[Cadence, int] = {Cadence.HOURLY: HOURS, Cadence.DAILY: 7}
"""Every so manyth partition is alike: hours of the day, days of the week. Weeks and months have the year alone."""
FEWEST_ALIKE = 8
SEASON_DAYS = 15
"""Partitions of other years belong to the same season within so many days."""
_YEAR_DAYS = 365.25


def views(
    calendar: Calendar, past: Sequence[PartitionKey], newest: PartitionKey
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each part of the past that a partition may be held against, and in words which it is.

    Args:
        calendar: Of the model.
        past: Keys of past partitions.
        newest: The partition.
    """
    numbers, number = np.array([calendar.number(key) for key in past]), calendar.number(newest)
    yield "all", np.ones(len(past), dtype=bool)
    if period := PERIODS.get(calendar.cadence):
        alike = (numbers - number) % period == 0
        if alike.sum() >= FEWEST_ALIKE:
            yield f"every {period}th", alike
    hours = np.array([calendar.grid.first_hour(each) for each in [*numbers.tolist(), number]])
    apart = (hours[-1] - hours[:-1]) / HOURS
    in_year = np.abs((apart + _YEAR_DAYS / 2) % _YEAR_DAYS - _YEAR_DAYS / 2)
    season = (in_year <= SEASON_DAYS) & (apart > _YEAR_DAYS / 2)
    if season.sum() >= FEWEST_ALIKE:
        yield "same season", season
