"""What a field of a row may hold: JSON values read strictly, and the one text form of a category.

Everything here works on single values. Tables use the same functions on their distinct values, which is why
a model sees the same numbers in training, in a bout and behind the server.
"""

import hashlib
import math
import re
from calendar import isleap
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.features_spec import DatePart

FieldValue = float | int | bool | str | date | datetime
"""A value of a declared column type; a missing one is None. A `datetime` is wall-clock time, without a zone."""

LARGEST_NUMBER = 3.4028234663852886e38
"""The largest float32: XGBoost keeps features as float32 and refuses infinity."""

_NAME_CHARACTERS = 64
_IS_UTC = (None, UTC)
_INTEGERS = range(-(2**63), 2**63)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")


def field_reader(declared: ColumnType, zone: tzinfo) -> Callable[[JsonValue], FieldValue]:
    """Return the function that reads a JSON value of a declared type; null never reaches it.

    The function raises `ValueError` with a problem and its remedy, to be shown behind the field's name:

    >>> field_reader(ColumnType.FLAG, UTC)(1)
    Traceback (most recent call last):
    ValueError: is 1; send true, false, or null for an unknown value
    """
    if declared is ColumnType.TIMESTAMP:
        return partial(_read_timestamp, zone=zone)
    return _READERS[declared]


def zone_of(timezone: str) -> tzinfo:
    """Return a time zone by name; UTC needs no time zone database, which small images lack."""
    return UTC if timezone == "UTC" else ZoneInfo(timezone)


def wall_clock(moment: datetime, zone: tzinfo) -> datetime:
    """Return what a clock in the zone shows; a moment without an offset is UTC, as in every snapshot."""
    if zone is UTC and moment.tzinfo in _IS_UTC:  # nearly all are; the rest would give the same
        return moment if moment.tzinfo is None else moment.replace(tzinfo=None)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(zone).replace(tzinfo=None)


def category_text(value: FieldValue, declared: ColumnType) -> str:
    """Return the one text that names a category, whatever its type.

    >>> category_text(True, ColumnType.FLAG), category_text(-0.0, ColumnType.NUMBER)
    ('true', '0.0')
    """
    if type(value) is str:
        return value  # nearly all are texts
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case int() | float() if declared is ColumnType.NUMBER:
            return repr(float(value) + 0.0)  # adding zero gives -0.0 and 0.0 one name
        case _:
            return str(value)


def category_value(text: str, declared: ColumnType, zone: tzinfo) -> JsonValue:
    """Return a JSON value of a category, to be sent to a model: it reads as the category of that text again.

    >>> category_value("5", ColumnType.INTEGER, UTC), category_value("2012-06-01T17:00:00", ColumnType.TIMESTAMP, UTC)
    (5, '2012-06-01T17:00:00+00:00')
    """
    match declared:
        case ColumnType.INTEGER:
            return int(text)
        case ColumnType.NUMBER:
            return float(text)
        case ColumnType.FLAG:
            return text == "true"
        case ColumnType.TIMESTAMP:
            return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
        case _:
            return text


def category_reader(declared: ColumnType, zone: tzinfo) -> Callable[[JsonValue], str]:
    """Return the function that names the category of a JSON value, however it is spelt; null never reaches it.

    The function raises `ValueError` as a `field_reader` does.

    >>> category_reader(ColumnType.INTEGER, UTC)(5.0)
    '5'
    """
    read = field_reader(declared, zone)
    return lambda value: category_text(read(value), declared)


def short_name(text: str) -> str:
    """Return the text of a category as it is written down; a long one keeps its beginning and is told apart by a hash.

    >>> short_name("rain"), len(short_name("rain " * 1000))
    ('rain', 49)
    """
    if len(text) <= _NAME_CHARACTERS:
        return text
    return f"{text[:32]}…{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def date_part(value: date, part: DatePart) -> int:
    """Return a part of a date or a wall-clock time.

    >>> date_part(datetime(2012, 2, 29, 17, 30), DatePart.WEEKDAY)  # Monday is 0
    2
    """
    return date_part_reader(part)(value)


def date_part_reader(part: DatePart) -> Callable[[date], int]:
    """Return the function that gives a part of a date or a wall-clock time."""
    return _DATE_PARTS[part]


def turn_of(value: date, part: DatePart) -> float:
    """Return how far a date or a wall-clock time is in its day, week or year: from 0 to below 1.

    The first of January follows one step after the 31st of December in every year: a leap year has 366 steps.

    >>> turn_of(date(2012, 7, 1), DatePart.MONTH), turn_of(date(2012, 12, 31), DatePart.DAY_OF_YEAR) == 365 / 366
    (0.5, True)
    """
    number = date_part(value, part)
    match part:
        case DatePart.HOUR:
            return number / 24
        case DatePart.WEEKDAY:
            return number / 7
        case DatePart.MONTH:
            return (number - 1) / 12
        case _:
            return (number - 1) / (366 if isleap(value.year) else 365)


def finite_float32(number: float) -> float:
    """Return a number that float32 can hold, or NaN: XGBoost refuses infinity."""
    return number if abs(number) <= LARGEST_NUMBER else math.nan


def _read_integer(value: JsonValue) -> int:
    if type(value) is float and value.is_integer():  # JSON does not tell 5.0 from 5
        value = int(value)
    if type(value) is int and value in _INTEGERS:
        return value
    raise ValueError(_problem(value, "a whole number of at most 64 bits"))


def _read_number(value: JsonValue) -> float:
    if type(value) is float and -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        return value  # nearly all are
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # NaN fails every comparison; an integer of any size compares exactly, without becoming a float first.
    if is_number and -LARGEST_NUMBER <= (number := cast("float", value)) <= LARGEST_NUMBER:
        return float(number)
    raise ValueError(_problem(value, "a finite number of at most 3.4e38"))


def _read_text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(_problem(value, "a text"))


def _read_flag(value: JsonValue) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(_problem(value, "true, false"))


def _read_date(value: JsonValue) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(_problem(value, "a day such as '2012-06-01'"))


def _read_timestamp(value: JsonValue, zone: tzinfo) -> datetime:
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        try:
            return wall_clock(datetime.fromisoformat(value), zone)
        except (ValueError, OverflowError):
            pass
    raise ValueError(_problem(value, "a time such as '2012-06-01T17:00:00Z'"))


def _problem(value: JsonValue, wanted: str) -> str:
    return f"is {repr(value)[:60]}; send {wanted}, or null for an unknown value"


_DATE_PARTS: Mapping[DatePart, Callable[[date], int]] = {
    DatePart.HOUR: lambda value: value.hour if isinstance(value, datetime) else 0,
    DatePart.WEEKDAY: lambda value: value.weekday(),
    DatePart.MONTH: lambda value: value.month,
    DatePart.DAY_OF_YEAR: lambda value: value.timetuple().tm_yday,
}
_READERS: Mapping[ColumnType, Callable[[JsonValue], FieldValue]] = {
    ColumnType.INTEGER: _read_integer,
    ColumnType.NUMBER: _read_number,
    ColumnType.TEXT: _read_text,
    ColumnType.FLAG: _read_flag,
    ColumnType.DATE: _read_date,
}
