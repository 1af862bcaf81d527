"""Seasonality: the past partitions with the same weekday or hour, or from the same time of other years."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from titlebout.core.cadences import HOURS, Cadence
from titlebout.core.partitions import Calendar
from titlebout.core.results import PartitionKey

PERIODS: Mapping[Cadence, int] = {Cadence.HOURLY: HOURS, Cadence.DAILY: 7}
"""Length of the shortest season in partitions: hours of a day, days of a week. Weeks and months only have the year."""
FEWEST_ALIKE = 8
SEASON_DAYS = 15
"""Partitions of other years belong to the same season within so many days."""
_YEAR_DAYS = 365.25


def comparable_pasts(
    calendar: Calendar, past: Sequence[PartitionKey], newest: PartitionKey
) -> Iterator[NDArray[np.bool_]]:
    """Yield masks of the past partitions that one may be compared with, bool, shape (n_past,).

    First all of them; then those at the same place in the week or day, and those of the same season of other years,
    each where there are at least `FEWEST_ALIKE`.
    """
    numbers, number = np.array([calendar.number(key) for key in past]), calendar.number(newest)
    yield np.ones(len(past), dtype=bool)
    if period := PERIODS.get(calendar.cadence):
        alike = (numbers - number) % period == 0
        if alike.sum() >= FEWEST_ALIKE:
            yield alike
    hours = np.array([calendar.grid.first_hour(each) for each in [*numbers.tolist(), number]])
    apart = (hours[-1] - hours[:-1]) / HOURS
    in_year = np.abs((apart + _YEAR_DAYS / 2) % _YEAR_DAYS - _YEAR_DAYS / 2)
    season = (in_year <= SEASON_DAYS) & (apart > _YEAR_DAYS / 2)
    if season.sum() >= FEWEST_ALIKE:
        yield season
