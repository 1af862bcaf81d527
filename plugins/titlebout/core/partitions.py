"""Partition keys: the one place that decides which partition a run is about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from titlebout.core.cadences import GRIDS, HOURS, Cadence, Grid
from titlebout.core.errors import PartitionKeyError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # of a clock face; zones come after the arithmetic


@dataclass(frozen=True)
class Calendar:
    """The partitions of a model, one after the other: they tile time without a gap or an overlap.

    Hours are those of UTC, whatever the time zone: a local clock shows one hour twice in autumn, and none in
    spring. Days, weeks (ISO 8601, from Monday on) and months begin at midnight of the time zone.
    """

    cadence: Cadence = Cadence.DAILY
    timezone: str = "UTC"

    @property
    def grid(self) -> Grid:
        """The partitions as numbers."""
        return GRIDS[self.cadence]

    @property
    def clock(self) -> str:
        """Time zone in which partitions begin and end."""
        return "UTC" if self.cadence is Cadence.HOURLY else self.timezone

    def number(self, key: object) -> int:
        """Return the number of a key.

        Raises:
            PartitionKeyError: It is no key of this cadence.
        """
        if isinstance(key, str) and self.grid.has_form(key):
            try:
                return self.grid.number(key)
            except ValueError:
                pass
        message = f"{repr(key)[:60]} is no partition key; give {self.grid.hint}"
        raise PartitionKeyError(message)

    def check(self, key: object) -> str:
        """Return a key, once it is sure to be one of this cadence."""
        return self.key(self.number(key))

    def key(self, number: int) -> str:
        """Return the key of a number.

        Raises:
            PartitionKeyError: The calendar has the years 1 to 9999.
        """
        try:
            return self.grid.key(number)
        except (ValueError, OverflowError):
            message = f"a partition reaches beyond the years 1 to 9999; give {self.grid.hint}"
            raise PartitionKeyError(message) from None

    def between(self, first: str, last: str) -> Iterator[str]:
        """Yield every key from `first` to `last`, both included; none when `last` is the older one."""
        yield from map(self.key, range(self.number(first), self.number(last) + 1))

    def bounds(self, key: str) -> tuple[datetime, datetime]:
        """Return the moments (UTC) at which a partition begins and the next one does.

        >>> start, end = Calendar(Cadence.DAILY, "Europe/Berlin").bounds("2024-03-31")
        >>> start.isoformat(), end - start
        ('2024-03-30T23:00:00+00:00', datetime.timedelta(seconds=82800))

        Raises:
            PartitionKeyError: It is no key, or the first or last one of the calendar.
        """
        number, zone = self.number(key), ZoneInfo(self.clock)
        try:
            faces = (_EPOCH + timedelta(hours=self.grid.first_hour(each)) for each in (number, number + 1))
            start, end = (face.replace(tzinfo=zone).astimezone(UTC) for face in faces)
        except OverflowError:
            raise _beyond_the_calendar(key) from None
        return start, end

    def face(self, key: str) -> datetime:
        """Return what its clock shows when a partition begins, without a time zone.

        Raises:
            PartitionKeyError: It is no key.
        """
        return _EPOCH + timedelta(hours=self.grid.first_hour(self.number(key)))

    def days(self, key: str) -> tuple[date, date]:
        """Return the day on which a partition begins, and the first day that it does not touch."""
        number = self.number(key)
        first, last = self.grid.first_hour(number) // HOURS, (self.grid.first_hour(number + 1) - 1) // HOURS
        try:
            return _EPOCH.date() + timedelta(days=first), _EPOCH.date() + timedelta(days=last + 1)
        except OverflowError:
            raise _beyond_the_calendar(key) from None

    def holding(self, moment: datetime) -> str:
        """Return the key of the partition that holds a moment with a time zone.

        Raises:
            OverflowError: It lies beyond the years 1 to 9999 where the partitions are.
        """
        face = moment.astimezone(ZoneInfo(self.clock)).replace(tzinfo=None)
        return self.key(self.grid.holding(_hours_until(face) + face.hour))

    def holding_day(self, day: date) -> str:
        """Return the key of the partition that holds the first hour of a day."""
        return self.key(self.grid.holding(_hours_until(day)))

    def first_from(self, day: date) -> int:
        """Return the number of the first partition that begins on a day or after it."""
        hour = _hours_until(day)
        number = self.grid.holding(hour)
        return number if self.grid.first_hour(number) == hour else number + 1


def calendar_of(key: object) -> Calendar:
    """Return the calendar of a key's form, where no spec is at hand; its time zone says nothing.

    Raises:
        PartitionKeyError: It is no key of any cadence.
    """
    for cadence, grid in GRIDS.items():
        if isinstance(key, str) and grid.has_form(key):
            calendar = Calendar(cadence)
            calendar.number(key)
            return calendar
    hints = ", or ".join(GRIDS[cadence].hint for cadence in (Cadence.DAILY, Cadence.HOURLY))
    message = f"{repr(key)[:60]} is no partition key; give {hints}"
    raise PartitionKeyError(message)


def checked_key(key: object) -> str:
    """Return a key, once it is sure to be one of some cadence."""
    return calendar_of(key).check(key)


def keys_between(first: str, last: str) -> Iterator[str]:
    """Yield every key from `first` to `last`, both included; none when `last` is the older one.

    Raises:
        PartitionKeyError: They are no keys, or not of one cadence.
    """
    yield from calendar_of(first).between(first, last)


def shift_key(key: str, partitions: int) -> str:
    """Move a key by a number of partitions of its cadence.

    >>> shift_key("2012-03-01", -1), shift_key("2012-W52", 1), shift_key("2012-03-01T23", 1)
    ('2012-02-29', '2013-W01', '2012-03-02T00')

    Raises:
        PartitionKeyError: It is no key, or there is no such partition: the calendar has the years 1 to 9999.
    """
    calendar = calendar_of(key)
    try:
        return calendar.key(calendar.number(key) + partitions)
    except PartitionKeyError:
        raise _beyond_the_calendar(key) from None


def days_apart(older: str, newer: str) -> float:
    """Return how many days of the calendar lie between the beginnings of two partitions of one cadence."""
    calendar = calendar_of(older)
    first, last = (calendar.grid.first_hour(calendar.number(key)) for key in (older, newer))
    return (last - first) / HOURS


def parse_key(key: object) -> date:
    """Turn the partition key of a day into its date.

    >>> parse_key("2012-06-01")
    datetime.date(2012, 6, 1)

    Raises:
        PartitionKeyError: It is no string of that form, or no day of the calendar.
    """
    return date.fromisoformat(Calendar().check(key))


def format_key(day: date) -> str:
    """Turn a date into its partition key."""
    return day.isoformat()


def resolve_key(conf: Mapping[str, object], run_key: str | None, *, now: datetime, calendar: Calendar) -> str:
    """Decide which partition a run is about: the same for schedule, backfill, trigger form and drift.

    A key in the run's `conf` (trigger form, drift) wins over the run's own partition key (schedule,
    backfill). Nothing else in Titlebout reads a logical date or a data interval.

    Args:
        conf: The run's configuration; the key ``partition`` is read.
        run_key: The run's partition key, if the timetable or the trigger form set one.
        now: The present moment, with a time zone.
        calendar: Of the model.

    Raises:
        PartitionKeyError: No key, a malformed one, or a partition that is not over yet.
    """
    given = conf.get("partition")
    # Only an empty field of the form gives way to the run's own key: 0 or [] is a mistake, not an answer.
    key = run_key if given is None or given == "" else given
    if key is None or key == "":
        message = (
            "this run has no partition key; trigger it with one "
            f'(UI: Advanced Options > Partition Key, or conf {{"partition": "{calendar.grid.example}"}})'
        )
        raise PartitionKeyError(message)
    number = calendar.number(from_timetable(key, calendar.cadence))
    today = calendar.holding(now)
    if number >= calendar.number(today):
        running = "today" if calendar.cadence is Cadence.DAILY else f"the present {calendar.grid.noun}"
        later = "tomorrow" if calendar.cadence is Cadence.DAILY else f"the next {calendar.grid.noun}"
        message = f"partition {key} is not over yet ({running} is {today} in {calendar.clock}); run it from {later} on"
        raise PartitionKeyError(message)
    return calendar.key(number)


def from_timetable(key: object, cadence: Cadence) -> object:
    """Take the weekday off a week's key: Airflow reads a week back only with its day, the Monday: `2012-W22-1`."""
    is_monday = cadence is Cadence.WEEKLY and isinstance(key, str) and key.endswith("-1")
    return key.removesuffix("-1") if is_monday and isinstance(key, str) else key


def to_timetable(key: str) -> str:
    """Return a key as the timetable of Airflow spells it."""
    return f"{key}-1" if calendar_of(key).cadence is Cadence.WEEKLY else key


def _hours_until(day: date) -> int:
    """Count hours from 1970 to the beginning of a day; by ordinals, as Pendulum's subtraction gives no `timedelta`."""
    return (day.toordinal() - _EPOCH.toordinal()) * HOURS


def _beyond_the_calendar(key: str) -> PartitionKeyError:
    message = f"partition {key} reaches beyond the years 1 to 9999; give {calendar_of(key).grid.hint}"
    return PartitionKeyError(message)
