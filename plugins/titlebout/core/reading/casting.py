"""The casts to declared column types: none of them changes a value silently."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.arrow_values import arrow_numbers, missing, number
from titlebout.core.errors import PartitionUnreadableError, did_you_mean
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.reading.parsing import is_plain, is_text, plain_texts, written_as
from titlebout.core.specs.dataset_spec import TIMES, ColumnType, ParsingSection

# A time of day followed by an offset; the hyphens of a bare date must not look like one.
_HAS_OFFSET = r"[T ][0-9:.]+(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_SHOWN_CHARACTERS = 40
_ZERO = number(0.0)
_ZERO_AND_ONE = arrow_numbers(np.array([0.0, 1.0]), pa.float64())


def arrow_schema(columns: Mapping[str, ColumnType]) -> pa.Schema:
    """Return the schema that a snapshot of these columns has."""
    return pa.schema([(name, ARROW_TYPES[declared]) for name, declared in columns.items()])


def cast_table(
    table: pa.Table, columns: Mapping[str, ColumnType], where: str, parsing: ParsingSection | None = None
) -> pa.Table:
    """Return exactly the declared columns, in that order and in their Arrow types.

    Missing numbers have one form: NaN becomes null, and -0.0 becomes 0.0. A time without an offset is UTC.

    Args:
        table: Rows in whatever types the source used.
        columns: Declared columns.
        where: Named in errors: file or object.
        parsing: How texts are written where the source has no types; None: as a snapshot would write them.

    Raises:
        PartitionUnreadableError: A column is missing, comes twice, or holds a value that its type cannot
            express; the message names the column and one such value.
    """
    refuse_missing_columns(table.column_names, columns, where)
    arrays = [cast_column(table.column(name), name, declared, where, parsing) for name, declared in columns.items()]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(columns))


def cast_column(
    column: pa.ChunkedArray, name: str, declared: ColumnType, where: str, parsing: ParsingSection | None = None
) -> pa.ChunkedArray:
    """Cast one column to its declared type, or say which value does not fit."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        return column.cast(ARROW_TYPES[declared])
    if not _can_express(column.type, declared):
        message = (
            f"{where}: column {name!r} has type {column.type}, which is no {declared}; "
            f"correct its type in dataset.columns or deliver it as {declared}"
        )
        raise PartitionUnreadableError(message)
    is_parsed = parsing is not None and is_text(column.type)
    cast = _parsing_cast(name, declared, parsing) if parsing and is_parsed else _CASTS[declared]
    try:
        return cast(column)
    except pa.ArrowException:
        shape = written_as(name, declared, parsing) if parsing and is_parsed else ""
        message = (
            f"{where}: column {name!r} holds {_first_misfit(column, cast)}, which is no {declared}{shape}; "
            f"correct its type in dataset.columns{', dataset.parsing' if is_parsed else ''} or the delivered value"
        )
        raise PartitionUnreadableError(message) from None


def _parsing_cast(
    name: str, declared: ColumnType, parsing: ParsingSection
) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    """Return the cast of a column of texts: what is written plainly, as nearly all is, goes the fast way."""

    def cast(column: pa.ChunkedArray) -> pa.ChunkedArray:
        return _CASTS[declared](plain_texts(column, name, declared, parsing))

    def cast_plain_first(column: pa.ChunkedArray) -> pa.ChunkedArray:
        try:
            return _PLAIN_CASTS[declared](column)
        except pa.ArrowException:
            return cast(column)

    return cast_plain_first if is_plain(name, declared, parsing) else cast


def refuse_missing_columns(found: list[str], columns: Mapping[str, ColumnType], where: str) -> None:
    """Refuse a table that lacks a declared column, or has it twice."""
    for name in columns:
        if name not in found:
            hint = did_you_mean(name, set(found)).replace("valid:", "found:")
            message = (
                f"{where}: column {name!r} is missing among {len(found)} columns; {hint}; "
                "correct dataset.columns or the delivery"
            )
            raise PartitionUnreadableError(message)
        if found.count(name) > 1:
            message = f"{where}: column {name!r} comes {found.count(name)} times; name each column once"
            raise PartitionUnreadableError(message)


def _can_express(found: pa.DataType, declared: ColumnType) -> bool:
    """Whether a cast makes sense at all: Arrow would take the integer 20120601 for days since 1970."""
    types = pa.types
    fitting: list[Callable[[pa.DataType], bool]] = [is_text]
    if declared in TIMES:
        fitting += [types.is_date, types.is_timestamp]
    else:
        fitting += [types.is_integer, types.is_boolean, types.is_floating, types.is_decimal]
    return any(fits(found) for fits in fitting)


def _to_integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_floating(column.type):
        column = _without_nan(column)
    elif is_text(column.type):
        # Writers that know no missing integer turn a whole column into `1.0`, `2.0` when one is missing.
        column = pc.replace_substring_regex(column, r"\.0+$", "")
    return pc.cast(column, pa.int64())


def _to_number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Adding positive zero turns -0.0 into 0.0 and leaves every other number as it is.
    return pc.add(_without_nan(pc.cast(column, pa.float64())), _ZERO)


def _to_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_floating(column.type):
        column = _without_nan(column)
    return pc.cast(column, pa.string())


def _to_flag(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast to booleans; Arrow alone would call every number but zero true."""
    if pa.types.is_boolean(column.type):
        return column
    if is_text(column.type):
        words = pc.utf8_lower(column)
        words = pc.replace_substring_regex(pc.replace_substring_regex(words, "^yes$", "true"), "^no$", "false")
        return pc.cast(words, pa.bool_())
    numbers = _without_nan(pc.cast(column, pa.float64()))
    if not pc.all(pc.is_in(numbers.drop_null(), value_set=_ZERO_AND_ONE), min_count=0).as_py():
        message = "a number other than 0 and 1"
        raise pa.ArrowInvalid(message)
    return pc.equal(numbers, _ZERO_AND_ONE[1])


def _to_date(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, options=pc.CastOptions(pa.date32(), allow_time_truncate=True))


def _to_timestamp(column: pa.ChunkedArray) -> pa.ChunkedArray:
    target = ARROW_TYPES[ColumnType.TIMESTAMP]
    if not is_text(column.type):
        precise = pc.CastOptions(_microseconds(column.type), allow_time_truncate=True)
        return pc.cast(pc.cast(column, options=precise), target)
    has_offset = pc.match_substring_regex(column, _HAS_OFFSET)
    with_offset = pc.cast(pc.if_else(has_offset, column, None), target)
    without_offset = pc.cast(pc.cast(pc.if_else(has_offset, None, column), pa.timestamp("us")), target)
    return pc.coalesce(with_offset, without_offset)


def _microseconds(found: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", tz=found.tz if pa.types.is_timestamp(found) else None)


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), missing(column.type), column)


_CASTS: Mapping[ColumnType, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    ColumnType.INTEGER: _to_integer,
    ColumnType.NUMBER: _to_number,
    ColumnType.TEXT: _to_text,
    ColumnType.FLAG: _to_flag,
    ColumnType.DATE: _to_date,
    ColumnType.TIMESTAMP: _to_timestamp,
}


def _plain_moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast moments that all come without an offset, or all with one."""
    try:
        return pc.cast(pc.cast(column, pa.timestamp("us")), ARROW_TYPES[ColumnType.TIMESTAMP])
    except pa.ArrowException:
        return pc.cast(column, ARROW_TYPES[ColumnType.TIMESTAMP])


# Refuse everything but the plainest way of writing a value, and are several times as fast.
_PLAIN_CASTS: Mapping[ColumnType, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    ColumnType.INTEGER: lambda column: pc.cast(column, pa.int64()),
    ColumnType.NUMBER: _to_number,
    ColumnType.DATE: lambda column: pc.cast(column, pa.date32()),
    ColumnType.TIMESTAMP: _plain_moments,
}


def _first_misfit(column: pa.ChunkedArray, cast: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> str:
    """Find the first value that the cast refuses, by halving; return it as it may be shown."""
    start, stop = 0, len(column)
    while stop - start > 1:
        middle = start + math.ceil((stop - start) / 2)
        try:
            cast(column.slice(start, middle - start))
        except pa.ArrowException:
            stop = middle
        else:
            start = middle
    return repr(column[start].as_py())[:_SHOWN_CHARACTERS]
