"""Rows of many days, read once and handed out day by day: in memory where they fit, else in a temporary file."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from titlebout.core.arrow_numpy import fixed_width_values
from titlebout.core.arrow_values import arrow_numbers
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.row_order import disk_errors_translated
from titlebout.core.specs.dataset_spec import DatasetSection

MEMORY_BYTES = 64 << 20
_EPOCH = date(1970, 1, 1)


class RowCalendar:
    """All rows of a source by the day on which they happened; those of a day keep their order.

    Attributes:
        undated_rows: Rows without a time: they belong to no day.
    """

    def __init__(
        self,
        batches: Iterable[pa.RecordBatch],
        dataset: DatasetSection,
        timezone: str,
        *,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Read all rows.

        Args:
            batches: Rows in the columns of a snapshot.
            dataset: The spec's section with the time column.
            timezone: In which a day begins and ends.
            memory_bytes: How much is held in memory; more than that moves to a temporary file without a name.

        Raises:
            UnavailableError: The disk is full or refuses to write.
        """
        self._schema = arrow_schema(dataset.snapshot_columns)
        self._time_column, self._timezone = dataset.time_column, timezone
        self._days = _DaysInMemory(pa.Table.from_batches([], schema=self._schema), np.array([], np.int32))
        self._spilled: _DaysOnDisk | None = None
        self.undated_rows = 0
        held: list[pa.RecordBatch] = []
        held_bytes = 0
        for batch in batches:
            held.append(batch)
            held_bytes += batch.nbytes
            if held_bytes > memory_bytes:
                self._spilled = self._spilled or _DaysOnDisk(self._schema)
                self._spilled.add(self._by_day(held))
                held, held_bytes = [], 0
        self._days = self._by_day(held)
        if self._spilled:
            self._spilled.add(self._days)
            self._spilled.finish()

    def rows_of(self, day: date) -> Iterator[pa.RecordBatch]:
        """Yield a day's rows in the order of the source; none where there are none."""
        number = (day - _EPOCH).days
        return self._spilled.rows_of(number) if self._spilled else self._days.rows_of(number)

    def has(self, day: date) -> bool:
        """Whether a day has any rows."""
        number = (day - _EPOCH).days
        return self._spilled.has(number) if self._spilled else self._days.has(number)

    def _by_day(self, held: list[pa.RecordBatch]) -> "_DaysInMemory":
        table = pa.Table.from_batches(held, schema=self._schema)
        days = table.column(self._time_column)
        if pa.types.is_timestamp(days.type):
            local = pc.local_timestamp(days.cast(pa.timestamp("us", tz=self._timezone)))
            days = pc.cast(local, options=pc.CastOptions(pa.date32(), allow_time_truncate=True))
        if days.null_count:
            self.undated_rows += days.null_count
            table, days = table.filter(pc.is_valid(days)), days.drop_null()
        numbers = fixed_width_values(days, np.int32)
        order = np.argsort(numbers, kind="stable")
        return _DaysInMemory(table.take(arrow_numbers(order, pa.int64())).combine_chunks(), numbers[order])


class _DaysInMemory:
    """Rows sorted by day, so that a day is a slice."""

    def __init__(self, rows: pa.Table, numbers: NDArray[np.int32]) -> None:
        self._rows, self.numbers = rows, numbers

    def has(self, number: int) -> bool:
        first, end = np.searchsorted(self.numbers, [number, number + 1])
        return bool(first < end)

    def rows_of(self, number: int) -> Iterator[pa.RecordBatch]:
        first, end = np.searchsorted(self.numbers, [number, number + 1])
        yield from self._rows.slice(first, end - first).to_batches()


class _DaysOnDisk:
    """One temporary file with the rows of each day in some batches of their own."""

    def __init__(self, schema: pa.Schema) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="titlebout-days-")  # noqa: SIM115
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), schema, options=options)
        self._reader: pa.RecordBatchFileReader = None  # there is one when all is written
        self._batches: dict[int, list[int]] = defaultdict(list)
        self._written = 0

    def add(self, days: _DaysInMemory) -> None:
        with disk_errors_translated(tempfile.gettempdir()):
            for number in np.unique(days.numbers).tolist():
                for batch in days.rows_of(number):
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
