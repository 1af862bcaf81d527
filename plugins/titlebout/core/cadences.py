"""Cadences: how long a partition is, what its key looks like, and how such keys follow each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

HOURS = 24
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MONTHS = 12
# Days from the Monday of its week to the first day of 1970, which was a Thursday.
_EPOCH_WEEKDAY = 3
# After 400 years the Gregorian calendar begins anew: so arithmetic may leave the years that `date` knows.
_CYCLE_MONTHS, _CYCLE_DAYS = 4800, 146_097


class Cadence(StrEnum):
    """How long the interval is that one partition holds."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Grid:
    """The partitions of a cadence as consecutive numbers: 0 is the one that holds the first hour of 1970.

    All of it is arithmetic of clock faces: no time zone takes part in which key follows which.

    Attributes:
        noun: What a partition is, in the words of reports.
        example: A key.
        longest_days: Whole days that the longest partition takes.
    """

    noun: str
    example: str
    longest_days: int
    _form: re.Pattern[str]

    @property
    def article(self) -> str:
        """Before the noun: hours alone begin with a vowel."""
        return "an" if self.noun == "hour" else "a"

    @property
    def hint(self) -> str:
        """What to give for a key."""
        return f"{self.article} {self.noun} such as {self.example!r}"

    def has_form(self, key: str) -> bool:
        """Whether a text looks like a key; the calendar may still have no such partition."""
        return self._form.fullmatch(key) is not None

    def number(self, key: str) -> int:
        """Return the number of a key that has the form.

        Raises:
            ValueError: The calendar has no such partition.
        """
        raise NotImplementedError

    def key(self, number: int) -> str:
        """Return the key of a number.

        Raises:
            ValueError: It lies beyond the years 1 to 9999.
            OverflowError: It lies far beyond them.
        """
        raise NotImplementedError

    def first_hour(self, number: int) -> int:
        """Return at which hour since 1970, on its own clock, a partition begins."""
        raise NotImplementedError

    def holding(self, hour: int) -> int:
        """Return the number of the partition that holds an hour since 1970."""
        raise NotImplementedError

    def first_within(self, last: int, days: int) -> int:
        """Return the first partition that begins within so many days before the end of another one.

        >>> months = GRIDS[Cadence.MONTHLY]
        >>> [months.key(months.first_within(months.number("2024-03"), days)) for days in (31, 60, 61)]
        ['2024-03', '2024-02', '2024-02']
        """
        hour = self.first_hour(last + 1) - HOURS * days
        number = self.holding(hour)
        return number if self.first_hour(number) == hour else number + 1

    def newest_ended(self, number: int, days: int) -> int:
        """Return the newest partition that ended at least so many days before the end of another one."""
        return self.holding(self.first_hour(number + 1) - HOURS * days) - 1


class _Hours(Grid):
    def number(self, key: str) -> int:
        day, hour = key.split("T")
        if int(hour) >= HOURS:
            message = f"a day has no hour {hour}"
            raise ValueError(message)
        return _day_number(day) * HOURS + int(hour)

    def key(self, number: int) -> str:
        day, hour = divmod(number, HOURS)
        return f"{_day(day).isoformat()}T{hour:02}"

    def first_hour(self, number: int) -> int:
        return number

    def holding(self, hour: int) -> int:
        return hour


class _Days(Grid):
    def number(self, key: str) -> int:
        return _day_number(key)

    def key(self, number: int) -> str:
        return _day(number).isoformat()

    def first_hour(self, number: int) -> int:
        return number * HOURS

    def holding(self, hour: int) -> int:
        return hour // HOURS


class _Weeks(Grid):
    def number(self, key: str) -> int:
        year, week = key.split("-W")
        monday = date.fromisocalendar(int(year), int(week), 1)
        return (monday.toordinal() - _EPOCH_DAY + _EPOCH_WEEKDAY) // 7

    def key(self, number: int) -> str:
        year, week, _ = _day(self.first_hour(number) // HOURS).isocalendar()
        return f"{year:04}-W{week:02}"

    def first_hour(self, number: int) -> int:
        return (number * 7 - _EPOCH_WEEKDAY) * HOURS

    def holding(self, hour: int) -> int:
        return (hour // HOURS + _EPOCH_WEEKDAY) // 7


class _Months(Grid):
    def number(self, key: str) -> int:
        year, month = map(int, key.split("-"))
        first = date(year, month, 1)
        return (first.year - 1970) * _MONTHS + first.month - 1

    def key(self, number: int) -> str:
        year, month = divmod(number, _MONTHS)
        return date(1970 + year, month + 1, 1).isoformat()[: len("2012-06")]

    def first_hour(self, number: int) -> int:
        cycles, rest = divmod(number, _CYCLE_MONTHS)
        first = date(1970 + rest // _MONTHS, rest % _MONTHS + 1, 1)
        return (first.toordinal() - _EPOCH_DAY + cycles * _CYCLE_DAYS) * HOURS

    def holding(self, hour: int) -> int:
        cycles, rest = divmod(hour // HOURS, _CYCLE_DAYS)
        day = _day(rest)
        return (day.year - 1970) * _MONTHS + day.month - 1 + cycles * _CYCLE_MONTHS


def _day_number(day: str) -> int:
    return date.fromisoformat(day).toordinal() - _EPOCH_DAY


def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


# ASCII digits only and a full match: `\d` takes Arabic digits and `$` takes a trailing newline.
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
GRIDS: Mapping[Cadence, Grid] = {
    Cadence.HOURLY: _Hours("hour", "2012-06-01T03", 1, re.compile(f"{_DAY}T[0-9]{{2}}", re.ASCII)),
    Cadence.DAILY: _Days("day", "2012-06-01", 1, re.compile(_DAY, re.ASCII)),
    Cadence.WEEKLY: _Weeks("week", "2012-W22", 7, re.compile("[0-9]{4}-W[0-9]{2}", re.ASCII)),
    Cadence.MONTHLY: _Months("month", "2012-06", 31, re.compile("[0-9]{4}-[0-9]{2}", re.ASCII)),
}
"""The grid of each cadence. No two of them share a form: a key tells its cadence."""
