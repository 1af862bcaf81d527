"""Infers column types: the narrowest one whose cast, as ingest does it, accepts every value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.drafts.draft_dates import find_dates
from titlebout.core.drafts.draft_numbers import (
    KNOWN_MARKERS,
    ODD_MARKERS,
    NumberStyle,
    distinct_texts,
    find_style,
    is_number,
)
from titlebout.core.drafts.draft_rows import RawRows
from titlebout.core.errors import PartitionUnreadableError, SpecError
from titlebout.core.reading.casting import cast_column, cast_table
from titlebout.core.reading.parsing import is_text
from titlebout.core.specs.dataset_spec import ColumnType, ParsingSection

_FLAG_ROWS = 200
"""Rows that must be 0 or 1 before a column of numbers is called a flag."""
_CODES = 50
_TRUE, _FALSE = {"yes", "true"}, {"no", "false"}


@dataclass(frozen=True)
class Reading:
    """How a column is read: its type, why, and the format of its dates."""

    kind: ColumnType
    how: str
    date_format: str = ""
    doubt: str = ""


_ZERO_OR_ONE = Reading(ColumnType.FLAG, "only 0 and 1; a 2 would be refused: say integer where one may come")


@dataclass
class TypedRows:
    """Sampled rows in the types of a snapshot.

    Attributes:
        left_out: Columns that are not read, each with the reason.
        remarks: What is doubtful.
    """

    table: pa.Table
    readings: dict[str, Reading]
    parsing: ParsingSection
    style: NumberStyle
    left_out: dict[str, str]
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TextRules:
    """What the user says about texts; None: it is to be found out."""

    decimal: str | None = None
    thousands: str | None = None
    day_first: bool | None = None


def find_types(raw: RawRows, rules: TextRules) -> TypedRows:
    """Find a type for every column.

    Raises:
        SpecError: Day and month of a date could be either, or no column has a value.
    """
    texts = {name: distinct_texts(raw.table.column(name)) for name in raw.table.column_names if _is_text(raw, name)}
    style = find_style(texts, rules.decimal, rules.thousands)
    left_out = dict(raw.left_out)
    readings: dict[str, Reading] = {}
    markers: set[str] = set()
    for name in raw.table.column_names:
        column = raw.table.column(name)
        if column.null_count == len(column):
            left_out[name] = "it has no value in any sampled row, so its type is unknown"
            continue
        reading = _of_texts(name, column, texts[name], style, rules) if name in texts else _of_values(column)
        readings[name] = reading
        if name in texts and reading.kind is not ColumnType.TEXT:
            markers |= _markers_in(column)
    if not readings:
        message = f"{raw.parts[0].where if raw.parts else 'the source'}: no column holds a value"
        raise SpecError(message)
    parsing = _parsing(style, markers, readings)
    readings = _settled(raw.table, readings, parsing)
    formats = {name: reading.date_format for name, reading in readings.items() if reading.date_format}
    parsing = parsing.model_copy(update={"date_formats": formats})
    kinds = {name: reading.kind for name, reading in readings.items()}
    table = cast_table(raw.table, kinds, "the sample", parsing)
    return TypedRows(table, readings, parsing, style, left_out, [*raw.remarks, *filter(None, [style.doubt])])


def _is_text(raw: RawRows, name: str) -> bool:
    column = raw.table.column(name)
    return is_text(column.type) and column.null_count < len(column)


def _of_texts(name: str, column: pa.ChunkedArray, texts: pa.Array, style: NumberStyle, rules: TextRules) -> Reading:
    if not len(texts):
        return Reading(ColumnType.TEXT, "it holds nothing but markers of a missing value")
    words = set(pc.utf8_lower(texts).to_pylist()) if len(texts) <= 4 else set()
    has_both = bool(words & _TRUE and words & _FALSE)
    if words and words <= _TRUE | _FALSE and (has_both or words <= {"true", "false"}):
        return Reading(ColumnType.FLAG, f"the words {', '.join(sorted(words))}")
    dates = find_dates(texts, day_first=rules.day_first)
    if dates and dates.other:
        message = (
            f"column {name!r}: {texts[0].as_py()!r} may be {dates.format} or {dates.other}, and no value decides; "
            "say which with --day-first or --month-first"
        )
        raise SpecError(message)
    if dates:
        return Reading(dates.kind, dates.how, dates.format)
    if is_number(texts, style.decimal, style.thousands):
        return _number(column, texts, style)
    return Reading(ColumnType.TEXT, "not all values are numbers or dates")


def _number(column: pa.ChunkedArray, texts: pa.Array, style: NumberStyle) -> Reading:
    if _any(texts, "^0[0-9]{2,}$"):
        return Reading(ColumnType.TEXT, "digits with leading zeros are codes, no numbers")
    if not _any(texts, "[^0-9+-]") or (style.thousands and not _any(texts, f"[{style.decimal}eE]")):
        if _any(texts, "[0-9]{19,}"):
            return Reading(ColumnType.TEXT, "more digits than a number holds without loss")
        if set(texts.to_pylist()) == {"0", "1"} and _has_rows_for_a_flag(column):
            return _ZERO_OR_ONE
        return Reading(ColumnType.INTEGER, "whole numbers")
    has_gaps = column.null_count or _markers_in(column)
    if not _any(texts, "[.]0*[1-9]|[^0-9.+-]") and style.decimal == "." and has_gaps and len(texts) <= _CODES:
        return Reading(ColumnType.INTEGER, "whole numbers, written with .0 because some are missing")
    return Reading(ColumnType.NUMBER, "numbers with decimals")


def _has_rows_for_a_flag(column: pa.ChunkedArray) -> bool:
    return bool(len(column) - column.null_count >= _FLAG_ROWS)


def _of_values(column: pa.ChunkedArray) -> Reading:
    found, types = column.type, pa.types
    if types.is_boolean(found):
        return Reading(ColumnType.FLAG, "as the source says")
    if types.is_date(found):
        return Reading(ColumnType.DATE, "as the source says")
    if types.is_timestamp(found):
        zone = f"with time zone {found.tz}" if found.tz else "without a time zone, so read as UTC"
        return Reading(ColumnType.TIMESTAMP, f"as the source says, {zone}")
    return _of_numbers(column)


def _of_numbers(column: pa.ChunkedArray) -> Reading:
    distinct = pc.unique(column.drop_null().cast(pa.float64(), safe=False))
    is_whole = bool(pc.all(pc.equal(pc.floor(distinct), distinct)).as_py())
    if pa.types.is_integer(column.type):
        if len(distinct) == 2 and set(distinct.to_pylist()) == {0.0, 1.0} and _has_rows_for_a_flag(column):
            return _ZERO_OR_ONE
        return Reading(ColumnType.INTEGER, "as the source says")
    if is_whole and column.null_count and len(distinct) <= _CODES:
        return Reading(ColumnType.INTEGER, f"whole numbers, held as {column.type} because some are missing")
    return Reading(ColumnType.NUMBER, "as the source says")


def _markers_in(column: pa.ChunkedArray) -> set[str]:
    trimmed = pc.unique(pc.utf8_trim_whitespace(pc.unique(column.cast(pa.string()))))
    return set(trimmed.filter(pc.is_in(trimmed, value_set=pa.array(KNOWN_MARKERS))).to_pylist())


def _parsing(style: NumberStyle, markers: set[str], readings: Mapping[str, Reading]) -> ParsingSection:
    odd = [marker for marker in ODD_MARKERS if marker in markers]
    return ParsingSection.model_validate(
        {
            "decimal_separator": style.decimal,
            "thousands_separator": style.thousands,
            "null_markers": (*ParsingSection().null_markers, *odd),
            "date_formats": {name: r.date_format for name, r in readings.items() if r.date_format},
        }
    )


def _settled(table: pa.Table, readings: Mapping[str, Reading], parsing: ParsingSection) -> dict[str, Reading]:
    """Try the cast of the ingest on every column; one that it refuses is read as text."""
    settled = dict(readings)
    for name, reading in readings.items():
        try:
            cast_column(table.column(name), name, reading.kind, "the sample", parsing)
        except PartitionUnreadableError as error:
            settled[name] = Reading(ColumnType.TEXT, f"the cast to {reading.kind} refuses it", doubt=str(error))
    return settled


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())
