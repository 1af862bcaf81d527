"""CSV as a stream of record batches, with precise messages about malformed lines."""

import csv
import io
from collections.abc import Generator, Mapping

import pyarrow as pa
import pyarrow.csv as arrow_csv

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.casting import refuse_missing_columns
from titlebout.core.reading.decompression import ByteStream
from titlebout.core.reading.text_guard import BLOCK_BYTES, LARGEST_LINE_BYTES, TextGuard
from titlebout.core.reading.unreadable import SHOWN_CHARACTERS, empty, unreadable
from titlebout.core.specs.dataset_spec import ColumnType


def csv_rows(
    stream: ByteStream, columns: Mapping[str, ColumnType], delimiter: str, where: str
) -> Generator[pa.RecordBatch, None, None]:
    """Read CSV (UTF-8, one header line) as texts: the cast then names the value that does not fit.

    A CSV that was cut inside the last field of its last line, or right behind a line, looks whole: nothing
    here can tell. The suite's expectation on the number of rows is what notices a large loss.

    Raises:
        PartitionEmptyError: It has no line behind the header.
        PartitionUnreadableError: It is cut short, or no such CSV.
    """
    guard = TextGuard(stream, "CSV", where)
    misfits = _Misfits(guard)
    try:
        reader = _reader(guard, misfits, columns, delimiter, where)
        for batch in reader:
            yield pa.RecordBatch.from_arrays(batch.columns, names=list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        guard.drain()
        raise _explained(error, guard, misfits, where) from None
    finally:
        guard.stop()
    if guard.has_open_quote:
        raise _open_quote(where)


def _reader(
    guard: TextGuard, misfits: "_Misfits", columns: Mapping[str, ColumnType], delimiter: str, where: str
) -> arrow_csv.CSVStreamingReader:
    header = guard.take_header()
    if not header.strip():
        raise empty(where, "it has no content")
    names = _names(header, delimiter, where)
    refuse_missing_columns(names, columns, where)
    if not guard.has_rest():
        raise empty(where, "it has one line, the header")
    positions = {name: str(names.index(name)) for name in columns}
    return arrow_csv.open_csv(
        pa.PythonFile(guard, mode="r"),
        # Named by position: a column that is not declared may come twice, or have no name.
        read_options=arrow_csv.ReadOptions(
            column_names=[str(number) for number in range(len(names))], block_size=BLOCK_BYTES
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=misfits),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(positions.values()),
            column_types=dict.fromkeys(positions.values(), pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _names(header: bytes, delimiter: str, where: str) -> list[str]:
    if header.count(b'"') % 2:
        raise _open_quote(where)
    try:
        return next(csv.reader(io.StringIO(header.decode(), newline=""), delimiter=delimiter))
    except (csv.Error, UnicodeDecodeError) as error:
        raise unreadable(where, "CSV", error) from None


class _Misfits:
    """Remembers the first line with too few or too many fields, and lets the parser stop there."""

    def __init__(self, guard: TextGuard) -> None:
        self._guard = guard
        self._first: arrow_csv.InvalidRow | None = None

    def __call__(self, row: arrow_csv.InvalidRow) -> str:
        self._first = self._first or row
        return "error"

    def message(self, where: str) -> str | None:
        """Say what is wrong with that line; the text was read to its end before."""
        if self._first is None:
            return None
        text, found, wanted = self._first.text, self._first.actual_columns, self._first.expected_columns
        shown = repr(text[:SHOWN_CHARACTERS])
        is_last = text.encode() == self._guard.last_line
        if is_last and self._guard.is_last_line_open and found < wanted:
            return (
                f"{where}: the last line has {found} of {wanted} fields and no end: {shown}; "
                "the file is cut short, deliver it again"
            )
        return (
            f"{where}: a line has {found} fields where the header has {wanted}: {shown}; "
            "correct the line or dataset.source.delimiter"
        )


def _explained(error: Exception, guard: TextGuard, misfits: _Misfits, where: str) -> PartitionUnreadableError:
    """Return what the parser's failure means, after the whole text was seen."""
    if guard.has_open_quote:
        return _open_quote(where)
    if message := misfits.message(where):
        return PartitionUnreadableError(message)
    if "straddl" in str(error):
        return unreadable(where, "CSV", f"a quoted field is longer than {LARGEST_LINE_BYTES >> 20} MiB")
    return unreadable(where, "CSV", error)


def _open_quote(where: str) -> PartitionUnreadableError:
    message = f"{where}: a quote is opened and never closed, the file may be cut short; deliver it again"
    return PartitionUnreadableError(message)
