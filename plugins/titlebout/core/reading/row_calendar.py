"""All rows of a source grouped by partition: in memory where they fit, else in a temporary file."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from titlebout.core.arrow_numpy import fixed_width_values
from titlebout.core.arrow_values import arrow_numbers
from titlebout.core.cadences import Cadence
from titlebout.core.partitions import Calendar
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.row_order import disk_errors_translated
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import DatasetSection

MEMORY_BYTES = 64 << 20
_HOUR_MICROSECONDS = 3_600_000_000
# Numbers of partitions from those of days since 1970, as the grids of `cadences` count them.
_FROM_DAYS: Mapping[Cadence, Callable[[NDArray[np.int32]], NDArray[np.int32]]] = {
    Cadence.DAILY: lambda days: days,
    Cadence.WEEKLY: lambda days: (days + 3) // 7,
    Cadence.MONTHLY: lambda days: days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int32),
}


class RowCalendar:
    """All rows of a source by the partition in which they happened; those of a partition keep their order.

    Attributes:
        undated_rows: Rows without a time: they belong to no partition.
    """

    def __init__(
        self,
        batches: Iterable[pa.RecordBatch],
        dataset: DatasetSection,
        calendar: Calendar,
        *,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Read all rows.

        What is more than `memory_bytes` moves to a temporary file without a name.

        Raises:
            UnavailableError: The disk is full or refuses to write.
        """
        self._schema = arrow_schema(dataset.snapshot_columns)
        self._time_column, self._calendar = dataset.time_column, calendar
        self.undated_rows = 0
        spilled: _RowsOnDisk | None = None
        held: list[pa.RecordBatch] = []
        held_bytes = 0
        for batch in batches:
            held.append(batch)
            held_bytes += batch.nbytes
            if held_bytes > memory_bytes:
                spilled = spilled or _RowsOnDisk(self._schema)
                spilled.add(self._sorted(held))
                held, held_bytes = [], 0
        rest = self._sorted(held)
        if spilled:
            spilled.add(rest)
            spilled.finish()
        self._rows = spilled or rest

    def rows_of(self, key: PartitionKey) -> Iterator[pa.RecordBatch]:
        """Yield a partition's rows in the order of the source; none where there are none."""
        return self._rows.rows_of(self._calendar.number(key))

    def has(self, key: PartitionKey) -> bool:
        """Whether a partition has any rows."""
        return self._rows.has(self._calendar.number(key))

    def _sorted(self, held: list[pa.RecordBatch]) -> "_RowsInMemory":
        table = pa.Table.from_batches(held, schema=self._schema)
        times = table.column(self._time_column)
        if times.null_count:
            self.undated_rows += times.null_count
            table, times = table.filter(pc.is_valid(times)), times.drop_null()
        numbers = self._numbers(times)
        order = np.argsort(numbers, kind="stable")
        return _RowsInMemory(table.take(arrow_numbers(order, pa.int64())).combine_chunks(), numbers[order])

    def _numbers(self, times: pa.ChunkedArray) -> NDArray[np.int32]:
        """Return the number of the partition that each time lies in."""
        if self._calendar.cadence is Cadence.HOURLY:
            moments = fixed_width_values(times.cast(pa.timestamp("us", tz="UTC")), np.int64)
            return (moments // _HOUR_MICROSECONDS).astype(np.int32)
        if pa.types.is_timestamp(times.type):
            local = pc.local_timestamp(times.cast(pa.timestamp("us", tz=self._calendar.clock)))
            times = pc.cast(local, options=pc.CastOptions(pa.date32(), allow_time_truncate=True))
        return _FROM_DAYS[self._calendar.cadence](fixed_width_values(times, np.int32))


class _RowsInMemory:
    """Rows sorted by the number of their partition, so that a partition is a slice."""

    def __init__(self, rows: pa.Table, numbers: NDArray[np.int32]) -> None:
        self._rows, self.numbers = rows, numbers

    def has(self, number: int) -> bool:
        first, end = np.searchsorted(self.numbers, [number, number + 1])
        return bool(first < end)

    def rows_of(self, number: int) -> Iterator[pa.RecordBatch]:
        first, end = np.searchsorted(self.numbers, [number, number + 1])
        yield from self._rows.slice(first, end - first).to_batches()


class _RowsOnDisk:
    """One temporary file with the rows of each partition in some batches of their own."""

    def __init__(self, schema: pa.Schema) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="titlebout-rows-")  # noqa: SIM115  # it goes with this object
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), schema, options=options)
        self._reader: pa.RecordBatchFileReader = None  # there is one when all is written
        self._batches: dict[int, list[int]] = defaultdict(list)
        self._written = 0

    def add(self, rows: _RowsInMemory) -> None:
        with disk_errors_translated(tempfile.gettempdir()):
            for number in np.unique(rows.numbers).tolist():
                for batch in rows.rows_of(number):
                    self._writer.write_batch(batch)
                    self._batches[number].append(self._written)
                    self._written += 1

    def finish(self) -> None:
        with disk_errors_translated(tempfile.gettempdir()):
            self._writer.close()
            self._file.seek(0)
            self._reader = pa.ipc.open_file(pa.PythonFile(self._file, mode="r"))

    def has(self, number: int) -> bool:
        return number in self._batches

    def rows_of(self, number: int) -> Iterator[pa.RecordBatch]:
        for position in self._batches.get(number, ()):
            yield self._reader.get_batch(position)
