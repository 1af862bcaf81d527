"""Partition keys: the one place that decides which partition a run is about."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from titlebout.core.errors import PartitionKeyError

# ASCII digits only and a full match: `\d` takes Arabic digits and `$` takes a trailing newline.
_DAY_KEY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_key(key: object) -> date:
    """Turn a partition key such as ``2012-06-01`` into its date.

    >>> parse_key("2012-06-01")
    datetime.date(2012, 6, 1)

    Raises:
        PartitionKeyError: It is no string of that form, or no day of the calendar.
    """
    if isinstance(key, str) and _DAY_KEY.fullmatch(key):
        try:
            return date.fromisoformat(key)
        except ValueError:
            pass
    shown = repr(key)[:60]
    message = f"{shown} is no partition key; give a day such as '2012-06-01'"
    raise PartitionKeyError(message)


def format_key(day: date) -> str:
    """Turn a date into its partition key."""
    return day.isoformat()


def keys_between(first: str, last: str) -> Iterator[str]:
    """Yield every key from `first` to `last`, both included; none when `last` is the older one."""
    day, end = parse_key(first), parse_key(last)
    for days in range((end - day).days + 1):
        yield format_key(day + timedelta(days=days))


def shift_key(key: str, days: int) -> str:
    """Move a key by a number of days.

    >>> shift_key("2012-03-01", -1)
    '2012-02-29'

    Raises:
        PartitionKeyError: There is no such day: the calendar has the years 1 to 9999.
    """
    try:
        return format_key(parse_key(key) + timedelta(days=days))
    except OverflowError:
        raise _beyond_the_calendar(key) from None


def local_day(key: str, timezone: str) -> tuple[datetime, datetime]:
    """Return the moments (UTC) at which a local day begins and the next one does: 23, 24 or 25 hours apart.

    >>> start, end = local_day("2024-03-31", "Europe/Berlin")
    >>> start.isoformat(), end - start
    ('2024-03-30T23:00:00+00:00', datetime.timedelta(seconds=82800))

    Raises:
        PartitionKeyError: It is no key, or the first or last day of the calendar.
    """
    day, zone = parse_key(key), ZoneInfo(timezone)
    try:
        midnights = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
        start, end = (midnight.astimezone(UTC) for midnight in midnights)
    except OverflowError:
        raise _beyond_the_calendar(key) from None
    return start, end


def resolve_key(conf: Mapping[str, object], run_key: str | None, *, now: datetime, timezone: str) -> str:
    """Decide which partition a run is about: the same for schedule, backfill, trigger form and drift.

    A key in the run's `conf` (trigger form, drift) wins over the run's own partition key (schedule,
    backfill). Nothing else in Titlebout reads a logical date or a data interval.

    Args:
        conf: The run's configuration; the key ``partition`` is read.
        run_key: The run's partition key, if the timetable or the trigger form set one.
        now: The present moment, with a time zone.
        timezone: The model's time zone, in which a day begins and ends.

    Raises:
        PartitionKeyError: No key, a malformed one, or a day that is not over yet.
    """
    given = conf.get("partition")
    # Only an empty field of the form gives way to the run's own key: 0 or [] is a mistake, not an answer.
    key = run_key if given is None or given == "" else given
    if key is None or key == "":
        message = (
            "this run has no partition key; trigger it with one "
            '(UI: Advanced Options > Partition Key, or conf {"partition": "2012-06-01"})'
        )
        raise PartitionKeyError(message)
    day = parse_key(key)
    today = now.astimezone(ZoneInfo(timezone)).date()
    if day >= today:
        message = f"partition {key} is not over yet (today is {today} in {timezone}); run it from tomorrow on"
        raise PartitionKeyError(message)
    return format_key(day)


def _beyond_the_calendar(key: str) -> PartitionKeyError:
    message = f"partition {key} reaches beyond the years 1 to 9999; give a day such as '2012-06-01'"
    return PartitionKeyError(message)
