"""From the bytes of a source to rows in declared types: CSV and Parquet, the same for every source."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from titlebout.core.casting import cast_table, refuse_missing_columns
from titlebout.core.dataset_spec import ColumnType, FileFormat
from titlebout.core.errors import PartitionUnreadableError

# Only an empty field is a missing text: `NA` is also Namibia, `None` an answer, `null` a surname.
_MISSING_TEXT = [""]
_MISSING_VALUE = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
_SHOWN_CHARACTERS = 80

Found = TypeVar("Found")


def decode(
    data: bytes | Path, file_format: FileFormat, columns: Mapping[str, ColumnType], delimiter: str, where: str
) -> pa.Table:
    """Read one file as rows in the declared columns and types.

    A CSV that was cut inside the last field of its last line, or right behind a line, looks whole: nothing
    here can tell. The suite's expectation on the number of rows is what notices a large loss.

    Args:
        data: The file's bytes, or where the file lies.
        file_format: CSV (UTF-8, one header line) or Parquet.
        columns: Declared columns; others in the file are left out.
        delimiter: Between the fields of a CSV line.
        where: Named in errors: file or object.

    Raises:
        PartitionUnreadableError: The file is empty, truncated, or not of the declared schema.
    """
    content = data.read_bytes() if isinstance(data, Path) else data
    if not content.strip():
        raise PartitionUnreadableError(_empty(where, "it has no content"))
    if file_format is FileFormat.CSV:
        table = _decode_csv(content, columns, delimiter, where)
    else:
        table = _decode_parquet(content, columns, where)
    if not table.num_rows:
        raise PartitionUnreadableError(_empty(where, "it has a schema and no rows"))
    return cast_table(table, columns, where)


def _decode_csv(content: bytes, columns: Mapping[str, ColumnType], delimiter: str, where: str) -> pa.Table:
    _refuse_other_encodings(content, where)
    if content.count(b'"') % 2:
        message = f"{where}: a quote is opened and never closed, the file may be cut short; deliver it again"
        raise PartitionUnreadableError(message)
    misfits = _Misfits(content)
    try:
        # Declared columns are read as text first: the cast then names the value that does not fit.
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=b'"' in content, invalid_row_handler=misfits
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), null_values=_MISSING_TEXT, strings_can_be_null=True
            ),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        message = misfits.message(where) or _not_readable(where, "CSV", error)
        raise PartitionUnreadableError(message) from None
    refuse_missing_columns(table.column_names, columns, where)
    for name, declared in columns.items():
        if declared is not ColumnType.TEXT:
            position = table.column_names.index(name)
            table = table.set_column(position, name, _without_markers(table.column(position)))
    return table


def _refuse_other_encodings(content: bytes, where: str) -> None:
    try:
        lines = content.decode().strip()
    except UnicodeDecodeError as error:
        raise PartitionUnreadableError(_not_readable(where, "CSV in UTF-8", error)) from None
    if "\n" not in lines and "\r" not in lines:
        raise PartitionUnreadableError(_empty(where, "it has one line, the header"))


class _Misfits:
    """Remembers the first line with too few or too many fields, and lets the parser stop there."""

    def __init__(self, content: bytes) -> None:
        self._last_line = content.rstrip(b"\r\n").rsplit(b"\n", maxsplit=1)[-1]
        self._is_cut = not content.endswith((b"\n", b"\r"))
        self._first: arrow_csv.InvalidRow | None = None

    def __call__(self, row: arrow_csv.InvalidRow) -> str:
        self._first = self._first or row
        return "error"

    def message(self, where: str) -> str | None:
        if self._first is None:
            return None
        text, found, wanted = self._first.text, self._first.actual_columns, self._first.expected_columns
        shown = repr(text[:_SHOWN_CHARACTERS])
        if self._is_cut and found < wanted and text.encode() == self._last_line:
            return (
                f"{where}: the last line has {found} of {wanted} fields and no end: {shown}; "
                "the file is cut short, deliver it again"
            )
        return (
            f"{where}: a line has {found} fields where the header has {wanted}: {shown}; "
            "correct the line or dataset.source.delimiter"
        )


def _without_markers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    is_missing = pc.is_in(trimmed, value_set=pa.array([*_MISSING_TEXT, *_MISSING_VALUE]))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), trimmed)


def _decode_parquet(content: bytes, columns: Mapping[str, ColumnType], where: str) -> pa.Table:
    file = _readable(lambda: pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True), where)
    refuse_missing_columns(_readable(lambda: list(file.schema_arrow.names), where), columns, where)
    return _readable(lambda: file.read(columns=list(columns)), where)


def _readable(read: Callable[[], Found], where: str) -> Found:
    """Call Arrow's Parquet reader, which raises nearly anything on damaged bytes."""
    try:
        return read()
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise PartitionUnreadableError(_not_readable(where, "Parquet", error)) from None


def _empty(where: str, found: str) -> str:
    return f"{where}: is empty, {found}; deliver it again with rows, or remove it where the day really has none"


def _not_readable(where: str, wanted: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:160]
    return f"{where}: is not readable as {wanted}: {reason}; it may be cut short or of another format, deliver it again"
