"""A snapshot's Parquet file, opened once: what its footer says, whole columns, and a bounded sample of rows."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from titlebout.core.reading.unreadable import damaged_snapshot
from titlebout.core.suites.decoded_column import ColumnKind, DecodedColumn

# A file of so few rows is read in one go: to ask for each column costs more than to decode it.
_SMALL_ROWS = 65_536
# Of a larger file, a sample comes from so many rows at its beginning: to decode all would cost as much as the suite.
_FIRST_ROWS = 1 << 17
SAMPLED_ROWS = 5000
_GOLDEN_RATIO = (5**0.5 - 1) / 2


# Whole numbers stand for days or microseconds since 1970 too.
Stored = bool | int | float | bytes


class Extent(NamedTuple):
    """What a footer tells of a column without decoding it.

    Attributes:
        nulls: Rows without a value.
        low: Smallest value as the file stores it; None where there is none.
        high: Largest value.
    """

    nulls: int
    low: Stored | None
    high: Stored | None

    def lies_within(self, start: int, end: int) -> bool:
        """Whether there is a value in every row, and all lie from `start` to before `end`."""
        if self.nulls or not isinstance(self.low, int) or not isinstance(self.high, int):
            return False
        return start <= self.low and self.high < end


class SnapshotFile:
    """The columns of one snapshot that a contract asks for."""

    def __init__(self, path: Path, wanted: Iterable[str]) -> None:
        """Open a file.

        Args:
            path: The file.
            wanted: Columns whose values will be asked for; those that the file lacks are passed over.

        Raises:
            PartitionUnreadableError: It is no Parquet file.
        """
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise damaged_snapshot(self._path, error) from error
        self._metadata = self._file.metadata
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._metadata.num_rows
        # Arrow makes the list of names anew whenever it is asked: of thousands of columns that takes minutes.
        self._names: list[str] = self.schema.names
        self._positions = {name: position for position, name in reversed([*enumerate(self._names)])}
        counts = Counter(self._names)
        self.types = {field.name: field.type for field in self.schema if counts[field.name] == 1}
        """Column to Arrow type, without names that come twice."""
        self._wanted = [name for name in dict.fromkeys(wanted) if name in self.types]
        self._is_small = self.rows <= _SMALL_ROWS
        self._small: pa.Table | None = None
        self._samples: dict[str, pa.ChunkedArray] = {}

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a whole column; texts of a large file as positions in a dictionary.

        Raises:
            PartitionUnreadableError: Its bytes cannot be decoded.
        """
        if not self._is_small or name not in self._wanted:
            return self._read([name]).column(0)
        if self._small is None:
            self._small = self._read(self._wanted)
        return self._small.column(name)

    @cached_property
    def sampled_rows(self) -> NDArray[np.int64]:
        """Positions of the rows that `sample` returns, ascending; the first ones of a large file stand for all."""
        group = self._metadata.row_group(0).num_rows if self._metadata.num_row_groups else 0
        return spread(self.rows if self._is_small else min(group, _FIRST_ROWS), SAMPLED_ROWS)

    def sample(self, name: str) -> pa.ChunkedArray:
        """Return some rows of a column: the same ones of every column.

        Raises:
            PartitionUnreadableError: The bytes cannot be decoded.
        """
        if name not in self._samples:
            rows = self.sampled_rows
            # Not `pa.array`: it imports pandas where that is installed.
            chosen = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))])
            column = self.column(name) if self._is_small else self._first_rows(name)
            self._samples[name] = column.take(chosen)
        return self._samples[name]

    def extent(self, name: str) -> Extent:
        """Return what is known of a column from the footer, or from its values where the footer keeps silent."""
        position = self._positions[name]
        groups = [self._metadata.row_group(n) for n in range(self._metadata.num_row_groups)]
        # Nested columns, which no snapshot has, would shift the positions.
        found = [_extent(group, position) for group in groups if group.num_columns == len(self._names)]
        known = [extent for extent in found if extent is not None]
        if len(known) < len(groups):
            return self._decoded_extent(name)
        lows: list[Any] = [extent.low for extent in known if extent.low is not None]
        highs: list[Any] = [extent.high for extent in known if extent.high is not None]
        nulls = sum(extent.nulls for extent in known)
        return Extent(nulls, min(lows, default=None), max(highs, default=None))

    def _decoded_extent(self, name: str) -> Extent:
        column = DecodedColumn(name, self.column(name))
        nulls = column.rows - column.present_count
        if column.kind is ColumnKind.TEXT:
            texts = sorted(column.texts.distinct_where(lambda words: np.ones(len(words), bool)))
            return Extent(nulls, *((texts[0].encode(), texts[-1].encode()) if texts else (None, None)))
        low, high = (None, None) if column.range is None else np.asarray(column.range).tolist()
        return Extent(nulls, low, high)

    def _first_rows(self, name: str) -> pa.ChunkedArray:
        try:
            batches = self._file.iter_batches(_FIRST_ROWS, row_groups=[0], columns=[name], use_threads=False)
            return pa.Table.from_batches([next(batches)]).column(0)
        except (pa.ArrowException, OSError) as error:
            raise damaged_snapshot(self._path, error) from error

    def _read(self, names: list[str]) -> pa.Table:
        texts = [name for name in names if pa.types.is_string(self.types[name])] if not self._is_small else []
        try:
            if texts:
                with pq.ParquetFile(self._path, metadata=self._metadata, read_dictionary=texts) as file:
                    return file.read(columns=names, use_threads=False)
            return self._file.read(columns=names, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise damaged_snapshot(self._path, error) from error


def spread(rows: int, wanted: int) -> NDArray[np.int64]:
    """Choose rows that lie evenly and yet in no step with any pattern among them; always the same ones.

    Every n-th row of measurements of n places would be of one place, so the steps follow the golden ratio.

    Returns:
        int64, ascending, without repetition: all rows where no more than wanted.

    >>> spread(10, 4).tolist(), spread(3, 4).tolist()
    ([0, 2, 6, 8], [0, 1, 2])
    """
    if rows <= wanted:
        return np.arange(rows, dtype=np.int64)
    chosen = np.floor(np.arange(wanted) * _GOLDEN_RATIO % 1.0 * rows).astype(np.int64)
    distinct: NDArray[np.int64] = np.unique(chosen)
    return distinct


def numbers(column: DecodedColumn) -> NDArray[np.float64]:
    """Return a column of integers, numbers or flags as numbers.

    Returns:
        float64, shape (n_rows,); NaN where there is none, or an infinite one.
    """
    values = column.values.astype(np.float64)
    if column.has_value is not None:
        values[~column.has_value] = np.nan
    values[np.isinf(values)] = np.nan
    return values


def _extent(group: pq.RowGroupMetaData, position: int) -> Extent | None:
    """Return what a row group's statistics say of a column; None where it takes the values to know."""
    chunk = group.column(position)
    statistics = chunk.statistics
    if statistics is None or not statistics.has_null_count:
        return None
    if statistics.null_count == chunk.num_values:
        return Extent(statistics.null_count, None, None)
    if not statistics.has_min_max:
        return None
    return Extent(statistics.null_count, statistics.min_raw, statistics.max_raw)
