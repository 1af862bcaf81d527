"""Reads single columns of a Parquet file."""

import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from titlebout.core.reading.unreadable import damaged_snapshot
from titlebout.core.suites.decoded_column import ColumnKind, DecodedColumn, NotCompilableError, kind_of

# A text that is stored as a position in a dictionary takes at most 20 bits or so; where rows take more than
# this, most texts are distinct and a dictionary would only cost time.
_DICTIONARY_BYTES_A_ROW = 3.0


class ParquetColumns:
    """The columns of one file. Safe to use from several threads: each read opens the file anew."""

    def __init__(self, path: Path) -> None:
        """Read the footer.

        Raises:
            PartitionUnreadableError: The file is no Parquet file.
        """
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                self._metadata, schema = file.metadata, file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise damaged_snapshot(self._path, error) from error
        self.rows: int = self._metadata.num_rows
        self.names: list[str] = schema.names
        self._types = dict(zip(schema.names, schema.types, strict=True))

    def read(self, name: str, *, distinct: bool = False) -> DecodedColumn:
        """Decode one column.

        `distinct` says that distinct texts will be asked for: to find them while decoding costs less than later.

        Raises:
            NotCompilableError: It is of a type, or holds a value, that is left to Great Expectations.
            PartitionUnreadableError: Its bytes cannot be decoded.
        """
        is_text = kind_of(self._types[name]) is ColumnKind.TEXT
        as_dictionary = is_text and (distinct or self.decoded_bytes(name) < _DICTIONARY_BYTES_A_ROW * self.rows)
        return DecodedColumn(name, self._read(name, dictionary=[name] if as_dictionary else None))

    def decoded_bytes(self, name: str) -> float:
        """Return the size of a column before compression; infinite where nested columns hide it."""
        position = self.names.index(name)
        groups = [self._metadata.row_group(n) for n in range(self._metadata.num_row_groups)]
        if any(group.num_columns != len(self.names) for group in groups):  # nested columns have several
            return math.inf
        size: int = sum(group.column(position).total_uncompressed_size for group in groups)
        return size

    def show(self, name: str, rows: Sequence[int]) -> dict[int, JsonValue]:
        """Return a column's values in some rows as a report shows them.

        Raises:
            NotCompilableError: Great Expectations may show them in another form.
            PartitionUnreadableError: The column's bytes cannot be decoded.
        """
        column = self._read(name)
        pieces = [piece for row in rows for piece in column.slice(row, 1).chunks]
        taken = pa.chunked_array(pieces, column.type)
        if column.null_count and kind_of(column.type) is ColumnKind.INTEGER:
            taken = taken.cast(pa.float64(), safe=False)  # as pandas has the whole column
        shown = DecodedColumn(name, taken)
        return {row: shown.shown(position) for position, row in enumerate(rows)}

    def _read(self, name: str, dictionary: list[str] | None = None) -> pa.ChunkedArray:
        kind_of(self._types[name])
        try:
            with pq.ParquetFile(self._path, metadata=self._metadata, read_dictionary=dictionary) as file:
                table = file.read(columns=[name], use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise damaged_snapshot(self._path, error) from error
        if table.column_names != [name]:
            message = f"the name {name!r} stands for several columns"
            raise NotCompilableError(message)
        return table.column(0)
