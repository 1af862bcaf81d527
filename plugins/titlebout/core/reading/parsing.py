"""Parses texts as the spec says: numbers, dates and markers of missing values."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.arrow_values import arrow_texts, flag, missing
from titlebout.core.specs.dataset_spec import NUMBERS, TIMES, ColumnType, ParsingSection

# Thousands are set off by these too where a spec says that it is a space.
_OTHER_SPACES = ("\u00a0", "\u202f")
# Written like `01`, `1` or ` 1`: what two ways of writing the same date differ in.
_PADDING = r"(^|[^0-9])[ 0]+([0-9])"
# What every number and every date has in it; infinity is a number too, and none of these stands for NaN.
_VALUE = re.compile(r"[0-9]|inf", re.IGNORECASE)


def is_text(found: pa.DataType) -> bool:
    """Whether an Arrow type holds texts."""
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found))


def plain_texts(column: pa.ChunkedArray, name: str, declared: ColumnType, parsing: ParsingSection) -> pa.ChunkedArray:
    """Turn texts as the source writes them into what the plain cast of a type understands.

    Markers of a missing value become null, numbers lose their separators, and a column with a format of its own
    becomes timestamps.

    Raises:
        pa.ArrowInvalid: A value is not written as the spec says; nothing is ever guessed.
    """
    if declared is ColumnType.TEXT:
        return _without(column, parsing.text_null_markers) if parsing.text_null_markers else column
    trimmed = _without(pc.utf8_trim_whitespace(column), ("", *parsing.null_markers))
    if declared in TIMES and name in parsing.date_formats:
        return _moments(trimmed, parsing.date_formats[name], as_written=declared is ColumnType.DATE)
    if declared in NUMBERS and (parsing.decimal_separator != "." or parsing.thousands_separator):
        return _plain_numbers(trimmed, parsing)
    return trimmed


def is_plain(name: str, declared: ColumnType, parsing: ParsingSection) -> bool:
    """Whether a text that reads as a value of a column cannot mean anything else: no marker of a missing one."""
    if declared in NUMBERS - {ColumnType.FLAG}:
        is_written_plainly = parsing.decimal_separator == "." and not parsing.thousands_separator
    else:
        is_written_plainly = declared in TIMES and name not in parsing.date_formats
    return is_written_plainly and not any(map(_VALUE.search, parsing.null_markers))


def written_as(name: str, declared: ColumnType, parsing: ParsingSection) -> str:
    """Say how values of a column are expected to be written, for the message about one that is not."""
    if declared in TIMES:
        return f" in the format {parsing.date_formats.get(name, 'ISO 8601')!r}"
    if declared in NUMBERS and parsing.thousands_separator:
        return f" with {parsing.decimal_separator!r} before decimals and {parsing.thousands_separator!r} for thousands"
    if declared in NUMBERS:
        return f" with {parsing.decimal_separator!r} before decimals"
    return ""


def _without(column: pa.ChunkedArray, markers: tuple[str, ...]) -> pa.ChunkedArray:
    is_missing = pc.is_in(column, value_set=arrow_texts(markers).cast(column.type))
    return pc.if_else(is_missing, missing(column.type), column)


def _plain_numbers(column: pa.ChunkedArray, parsing: ParsingSection) -> pa.ChunkedArray:
    thousands, decimal = parsing.thousands_separator, parsing.decimal_separator
    if thousands == " ":
        for space in _OTHER_SPACES:
            column = pc.replace_substring(column, space, " ")
    # In groups of three, or `1.5` would silently be 15 where points stand for thousands.
    grouped = rf"[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|" if thousands else ""
    shape = rf"^[+-]?(?:{grouped}[0-9]*)(?:{re.escape(decimal)}[0-9]*)?(?:[eE][+-]?[0-9]+)?$"
    # Flags are words as often as numbers.
    is_number = pc.or_(pc.match_substring_regex(column, shape), pc.match_substring_regex(column, r"^[A-Za-z]+$"))
    if not pc.all(is_number, min_count=0).as_py():
        message = "a number that is not written as the spec says"
        raise pa.ArrowInvalid(message)
    if thousands:
        column = pc.replace_substring(column, thousands, "")
    return pc.replace_substring(column, decimal, ".")


def _moments(column: pa.ChunkedArray, date_format: str, *, as_written: bool) -> pa.ChunkedArray:
    """Parse texts in a format of strptime; a time without an offset is UTC.

    A date is the one that is written, whatever offset follows: it may be another one in UTC.

    Arrow is fast and lenient: 31 February is 2 March to it. Only what it writes back as it was is believed;
    Python decides about all others.
    """
    utc = pa.timestamp("us", tz="UTC")
    if "%z" in date_format or "%f" in date_format:
        return _by_python(column, date_format, as_written=as_written).cast(utc)
    fast = pc.strptime(column, format=date_format, unit="s", error_is_null=True)
    written_back = pc.strftime(fast, format=date_format)
    is_believed = pc.coalesce(pc.equal(_without_padding(written_back), _without_padding(column)), flag(value=False))
    doubtful = pc.if_else(is_believed, missing(column.type), column)
    believed = pc.if_else(is_believed, fast, missing(fast.type)).cast(pa.timestamp("us")).cast(utc)
    if doubtful.null_count == len(doubtful):
        return believed
    return pc.coalesce(believed, _by_python(doubtful, date_format, as_written=as_written).cast(utc))


def _without_padding(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(column, _PADDING, r"\1\2")


def _by_python(column: pa.ChunkedArray, date_format: str, *, as_written: bool) -> pa.ChunkedArray:
    moments: Mapping[str, datetime] = {
        text: _moment(text, date_format, as_written=as_written)
        for text in pc.unique(column).to_pylist()
        if text is not None
    }
    found = [moments.get(text) for text in column.to_pylist()]
    return pa.chunked_array([found], pa.timestamp("us", tz="UTC"))


def _moment(text: str, date_format: str, *, as_written: bool) -> datetime:
    try:
        moment = datetime.strptime(text, date_format)  # noqa: DTZ007  # the zone is put in below
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from None
    return moment.astimezone(UTC) if moment.tzinfo and not as_written else moment.replace(tzinfo=UTC)
