"""Sorts rows into their canonical order: in memory where they fit, else by an external merge sort."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.errors import UnavailableError
from titlebout.core.reading.casting import arrow_schema, cast_table
from titlebout.core.specs.dataset_spec import DatasetSection

RUN_BYTES = 64 << 20
"""Rows of at most so many bytes are sorted in memory; more of them become several runs."""

_PIECE_BYTES = 1 << 20
_FAN_IN = 64


class RowOrder:
    """Sorts by the key columns and, where keys are equal, by all other columns; nulls last.

    Equal rows are the same in every column, so that whichever way they were sorted, the same rows come out.
    """

    def __init__(self, dataset: DatasetSection, *, run_bytes: int = RUN_BYTES, fan_in: int = _FAN_IN) -> None:
        """Take the section with columns and key columns, how much to sort in memory, and how many runs to merge."""
        self._columns = dataset.snapshot_columns
        self._schema = arrow_schema(self._columns)
        ties = [name for name in self._columns if name not in dataset.key_columns]
        self._order = (*dataset.key_columns, *ties)
        self._run_bytes, self._fan_in = run_bytes, fan_in

    def sort(self, rows: pa.Table) -> pa.Table:
        """Return the declared columns of rows in memory, sorted, each in one chunk."""
        order = [(name, "ascending") for name in self._order]
        return rows.take(pc.sort_indices(rows, sort_keys=order)).combine_chunks()

    def sort_stream(self, batches: Iterable[pa.RecordBatch], folder: Path) -> Generator[pa.Table, None, None]:
        """Yield all rows in order, in pieces of no particular size.

        Temporary files in the folder are about as large as the rows; each is removed when it was read.

        Raises:
            UnavailableError: The disk is full or refuses to write.
        """
        held: list[pa.RecordBatch] = []
        held_bytes = 0
        runs: list[Path] = []
        for batch in batches:
            held.append(self._declared(batch))
            held_bytes += batch.nbytes
            if held_bytes > self._run_bytes:
                runs.append(self._written([self._sorted(held)], folder / f"run-{len(runs)}.arrow"))
                held_bytes = 0
        last = self._sorted(held)
        if not runs:
            yield last
            return
        runs.append(self._written([last], folder / f"run-{len(runs)}.arrow"))
        number = len(runs)
        while len(runs) > self._fan_in:
            merged = self._written(self._merged(runs[: self._fan_in]), folder / f"run-{number}.arrow")
            runs, number = [*runs[self._fan_in :], merged], number + 1
        yield from self._merged(runs)

    def _declared(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch.schema.equals(self._schema):
            return batch
        table = cast_table(pa.Table.from_batches([batch]), self._columns, "raw rows")
        return next(iter(table.combine_chunks().to_batches()), batch.slice(0, 0))

    def _sorted(self, held: list[pa.RecordBatch]) -> pa.Table:
        """Sort what is held and let go of it."""
        rows = pa.Table.from_batches(held, schema=self._schema)
        held.clear()
        return self.sort(rows)

    def _written(self, pieces: Iterable[pa.Table], path: Path) -> Path:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            disk_errors_translated(path),
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_file(file, self._schema, options=options) as writer,
        ):
            for piece in pieces:
                rows = max(1, _PIECE_BYTES * piece.num_rows // max(piece.nbytes, 1))
                for batch in piece.to_batches(max_chunksize=rows):
                    writer.write_batch(batch)
        return path

    def _merged(self, paths: Sequence[Path]) -> Iterator[pa.Table]:
        """Yield the rows of sorted runs in order.

        Of every run a piece is at hand. What is not behind the nearest end of these pieces is complete: no run
        has anything left to put between.
        """
        runs = [_Run(path, self._order) for path in paths]
        try:
            while runs := [run for run in runs if run.has_rows()]:
                bound = min((run.last for run in runs if not run.is_at_end), default=None)
                parts = [part for run in runs if (part := run.take_up_to(bound)).num_rows]
                yield self.sort(pa.concat_tables(parts)) if len(parts) > 1 else parts[0]
        finally:
            for run in runs:
                run.close()


# A row by its values in order; a missing one comes last.
_Row = tuple[tuple[bool, object], ...]


class _Run:
    """Reads a sorted run piece by piece.

    Attributes:
        last: The last row of the piece at hand.
    """

    def __init__(self, path: Path, order: Sequence[str]) -> None:
        self._path, self._order = path, order
        self._file = pa.OSFile(str(path), "rb")
        self._reader = pa.ipc.open_file(self._file)
        self._next = self._start = 0
        self._rows: pa.Table = pa.Table.from_batches([], schema=self._reader.schema)
        self._columns: list[pa.Array] = []
        self.last: _Row = ()

    @property
    def is_at_end(self) -> bool:
        """Whether nothing follows the piece at hand."""
        return bool(self._next == self._reader.num_record_batches)

    def has_rows(self) -> bool:
        """Whether a piece is at hand, after reading the next one where it is used up; closes at the end."""
        while self._start == self._rows.num_rows:
            if self.is_at_end:
                self.close()
                return False
            batch = self._reader.get_batch(self._next)
            self._rows, self._start, self._next = pa.Table.from_batches([batch]), 0, self._next + 1
            self._columns = [batch.column(name) for name in self._order]
            self.last = tuple(_comparable(column[-1]) for column in self._columns)
        return True

    def take_up_to(self, bound: _Row | None) -> pa.Table:
        """Take the rows that do not come after a row; without one, all."""
        start = self._start
        self._start = self._rows.num_rows if bound is None or self.last <= bound else self._end_of(bound)
        return self._rows.slice(start, self._start - start)

    def _end_of(self, bound: _Row) -> int:
        low, high = self._start, len(self._columns[0])
        while low < high:
            middle = (low + high) // 2
            if _is_after(self._columns, middle, bound):
                high = middle
            else:
                low = middle + 1
        return low

    def close(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _is_after(columns: Sequence[pa.Array], row: int, bound: _Row) -> bool:
    for column, limit in zip(columns, bound, strict=True):
        value = _comparable(column[row])
        if value != limit:
            return bool(value > limit)
    return False


def _comparable(value: pa.Scalar) -> tuple[bool, object]:
    # Times by their number: not every one has a place in Python's calendar.
    is_time = pa.types.is_temporal(value.type)
    return not value.is_valid, (value.value if is_time else value.as_py()) if value.is_valid else 0


@contextmanager
def disk_errors_translated(place: Path | str) -> Iterator[None]:
    """Say where a temporary file could not be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        message = f"{place}: cannot be written: {reason}; make room for temporary files, then clear the task"
        raise UnavailableError(message) from error
