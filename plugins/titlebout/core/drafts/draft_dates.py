"""Detects date formats in texts; where day and month are ambiguous, nothing is guessed."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from titlebout.core.drafts.draft_numbers import all_match
from titlebout.core.specs.dataset_spec import ColumnType

_DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = tuple(f"{day}{time}" for time in _TIMES for day in _DATES)
_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ISO_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
_LIKE_A_DATE = r"^[0-9A-Za-z][0-9A-Za-z/.,: -]{5,31}$"
_NUMBER = r"^[0-9]*[.,]?[0-9]*$"
_LOOKED_AT = 200
_OLDEST, _NEWEST = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001  # compared with texts that name no zone


@dataclass(frozen=True)
class DateStyle:
    """How a column of dates is written.

    Attributes:
        kind: Date or timestamp.
        format: In the codes of strptime; empty: ISO 8601.
        how: Why it is believed.
        other: A format that fits as well, with day and month the other way round; empty: none.
    """

    kind: ColumnType
    format: str
    how: str
    other: str = ""


def find_dates(texts: pa.Array, *, day_first: bool | None = None) -> DateStyle | None:
    """Find out whether texts are dates, and in which format.

    Args:
        texts: Distinct, without blanks and markers of a missing value.
        day_first: Said by the user; None: a day above 12 decides.

    >>> find_dates(pa.array(["03/04/2024", "25/04/2024"])).format
    '%d/%m/%Y'
    >>> find_dates(pa.array(["03/04/2024"])).other
    '%m/%d/%Y'
    """
    if not len(texts):
        return None
    if all_match(texts, _ISO_DATE):
        return DateStyle(ColumnType.DATE, "", "ISO dates")
    if all_match(texts, _ISO_MOMENT):
        return DateStyle(ColumnType.TIMESTAMP, "", "ISO timestamps")
    if not all_match(texts, _LIKE_A_DATE) or (all_match(texts, _NUMBER) and not all_match(texts, "^[0-9]{8}$")):
        return None
    fitting = [shape for shape in _FORMATS if _fits(texts, shape)]
    if day_first is not None and len(fitting) > 1:
        fitting = [shape for shape in fitting if _is_day_first(shape) == day_first]
    if not fitting:
        return None
    kind = ColumnType.TIMESTAMP if "%H" in fitting[0] or "%I" in fitting[0] else ColumnType.DATE
    other = next((shape for shape in fitting[1:] if _is_day_first(shape) != _is_day_first(fitting[0])), "")
    return DateStyle(kind, fitting[0], f"all {len(texts):,} distinct values fit {fitting[0]}", other)


def _fits(texts: pa.Array, shape: str) -> bool:
    """Try a few first: nearly all formats fail on the first text."""
    if not all(_is_moment(text, shape) for text in texts[:_LOOKED_AT].to_pylist()):
        return False
    return all(_is_moment(text, shape) for text in texts[_LOOKED_AT:].to_pylist())


def _is_moment(text: str, shape: str) -> bool:
    if shape.startswith("%Y%m%d") and not text[:8].isdigit():  # strptime takes 1 January for `11`
        return False
    try:
        return _OLDEST <= datetime.strptime(text, shape) < _NEWEST  # noqa: DTZ007  # only asked whether it is one
    except ValueError:
        return False


def _is_day_first(shape: str) -> bool:
    return shape.startswith("%d")
