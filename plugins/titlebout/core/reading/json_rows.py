"""JSON lines as a stream of record batches: parsed by Arrow where possible, else line by line in Python."""

import io
import json
from collections.abc import Generator, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json
from pydantic import JsonValue

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.reading.casting import cast_column, cast_table, refuse_missing_columns
from titlebout.core.reading.decompression import ByteStream
from titlebout.core.reading.text_guard import BLOCK_BYTES, TextGuard
from titlebout.core.reading.unreadable import SHOWN_CHARACTERS, empty
from titlebout.core.specs.dataset_spec import NUMBERS, ColumnType, ParsingSection

_CHUNK_BYTES = 4 << 20


def json_rows(
    stream: ByteStream, columns: Mapping[str, ColumnType], parsing: ParsingSection, where: str
) -> Generator[pa.RecordBatch, None, None]:
    """Read one JSON object per line, in declared types; other keys are ignored, a missing one is null.

    Raises:
        PartitionEmptyError: There is no line.
        PartitionUnreadableError: A line is no object, a value does not fit, or no line at all has a declared key.
    """
    chunks = _Lines(TextGuard(stream, "JSON lines", where))
    reader = _JsonReader(columns, parsing, where)
    has_rows = False
    for chunk in chunks:
        has_rows = True
        yield from reader.rows(chunk, chunks.lines_before).to_batches()
    if not has_rows:
        raise empty(where, "it has no line")
    refuse_missing_columns(sorted(reader.found), columns, where)


class _Lines:
    """Cuts a text into chunks of whole lines.

    Attributes:
        lines_before: Lines in front of the chunk that was given out last.
    """

    def __init__(self, guard: TextGuard) -> None:
        self._guard = guard
        self.lines_before = 0

    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []
        held_bytes = 0
        while piece := self._guard.read(BLOCK_BYTES):
            end = piece.rfind(b"\n") + 1
            if not end or held_bytes + end < _CHUNK_BYTES:
                held.append(piece)
                held_bytes += len(piece)
                continue
            yield from self._lines(b"".join([*held, piece[:end]]))
            held, held_bytes = [piece[end:]], len(piece) - end
        yield from self._lines(b"".join(held))

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if chunk.strip():
            yield chunk
        self.lines_before += chunk.count(b"\n")


class _JsonReader:
    """Reads chunks of one file.

    Attributes:
        found: Declared keys that any line had so far.
    """

    def __init__(self, columns: Mapping[str, ColumnType], parsing: ParsingSection, where: str) -> None:
        self._columns, self._parsing, self._where = columns, parsing, where
        self.found: set[str] = set()
        # Flags come as true and as 1; whatever else is not of these types is left to Python.
        plain = {
            name: ARROW_TYPES[declared] if declared in NUMBERS else pa.string() for name, declared in columns.items()
        }
        counted = {name: pa.int64() if kind == pa.bool_() else kind for name, kind in plain.items()}
        self._schemas = [pa.schema(plain)] if plain == counted else [pa.schema(plain), pa.schema(counted)]

    def rows(self, chunk: bytes, lines_before: int) -> pa.Table:
        """Return the rows of some whole lines, cast."""
        table = self._by_arrow(chunk)
        if table is None:
            return self._by_python(chunk, lines_before)
        self.found |= {name for name in self._columns if table.column(name).null_count < table.num_rows}
        if len(self.found) < len(self._columns):
            # A column without a value is either null in every line or not there at all.
            self.found |= {name for name in self._columns if name not in self.found and _is_key(name, chunk)}
        return table

    def _by_arrow(self, chunk: bytes) -> pa.Table | None:
        for schema in list(self._schemas):
            try:
                table = arrow_json.read_json(
                    io.BytesIO(chunk),
                    read_options=arrow_json.ReadOptions(block_size=len(chunk) + 1),
                    parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
                )
                return cast_table(table, self._columns, self._where, self._parsing)
            except (pa.ArrowException, PartitionUnreadableError):
                # The next chunk is likely written in the same way.
                self._schemas.append(self._schemas.pop(0))
        return None

    def _by_python(self, chunk: bytes, lines_before: int) -> pa.Table:
        values: dict[str, list[JsonValue]] = {name: [] for name in self._columns}
        for number, line in enumerate(chunk.splitlines(keepends=True), lines_before + 1):
            if not line.strip():
                continue
            record = self._record(line, number)
            self.found |= record.keys() & self._columns.keys()
            for name, column in values.items():
                column.append(record.get(name))
        arrays = [self._array(name, declared, values[name]) for name, declared in self._columns.items()]
        return pa.Table.from_arrays(arrays, names=list(self._columns))

    def _record(self, line: bytes, number: int) -> dict[str, JsonValue]:
        try:
            record = json.loads(line, object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            shown = repr(line[:SHOWN_CHARACTERS].decode(errors="replace"))
            is_cut = not line.endswith(b"\n")
            remedy = "the file is cut short, deliver it again" if is_cut else "correct the line"
            message = f"{self._where}: line {number} is no JSON object ({error}): {shown}; {remedy}"
            raise PartitionUnreadableError(message) from None
        if not isinstance(record, dict):
            message = (
                f"{self._where}: line {number} is no JSON object but {line[:SHOWN_CHARACTERS]!r}; correct the line"
            )
            raise PartitionUnreadableError(message)
        return record

    def _array(self, name: str, declared: ColumnType, values: list[JsonValue]) -> pa.ChunkedArray:
        """Cast the values of each JSON type for itself: a decimal comma is a matter of texts, not of numbers."""
        column = pa.chunked_array([pa.nulls(len(values), ARROW_TYPES[declared])])
        for kinds in ((str,), (bool,), (int, float)):
            of_kind = [value if type(value) in kinds else None for value in values]
            if any(value is not None for value in of_kind):
                cast = cast_column(self._typed(name, declared, of_kind), name, declared, self._where, self._parsing)
                column = pc.coalesce(column, cast)
        nested = next((value for value in values if isinstance(value, list | dict)), None)
        if nested is not None:
            message = (
                f"{self._where}: column {name!r} holds {str(nested)!r:.40}, which is no {declared}; "
                "declare another column in dataset.columns or flatten it before delivery"
            )
            raise PartitionUnreadableError(message)
        return column

    def _typed(self, name: str, declared: ColumnType, values: list[JsonValue]) -> pa.ChunkedArray:
        try:
            return pa.chunked_array([pa.array(values)])
        except (pa.ArrowException, OverflowError, ValueError) as error:
            message = f"{self._where}: column {name!r} holds a value that is no {declared}: {error}; correct it"
            raise PartitionUnreadableError(message) from None


def _is_key(name: str, chunk: bytes) -> bool:
    """Whether a line has a key; what only looks like one, inside a text, does not count."""
    quoted = json.dumps(name).encode(), json.dumps(name, ensure_ascii=False).encode()
    return any(name in _keys(line) for line in chunk.splitlines() if any(form in line for form in quoted))


def _keys(line: bytes) -> set[str]:
    try:
        # The first object of a line, as Arrow takes several.
        return set(json.JSONDecoder().raw_decode(line.decode().strip())[0])
    except ValueError:
        return set()


def _unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    record = dict(pairs)
    if len(record) < len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return record
