"""The rows of a training window: small ones in memory, large ones decoded again, piece by piece, for each use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from titlebout.core.errors import CorruptObjectError, FieldError, PartitionUnreadableError
from titlebout.core.history.served_history import ServedHistory
from titlebout.core.partitions import shift_key
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.reading.casting import arrow_schema, cast_table
from titlebout.core.results import PartitionKey, SnapshotRef
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.snapshots import ROWS_PER_GROUP
from titlebout.core.specs.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

HELD_BYTES = 256 << 20
"""A window that takes no more than this, decoded, is decoded once."""
_BYTES_PER_VALUE = 8

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Piece:
    """Some rows of one partition, not yet decoded perhaps."""

    partition: PartitionKey
    read: "Callable[[Sequence[str]], pa.Table]"
    """Returns the columns named, in their declared types."""


class TrainingRows:
    """The snapshots of a training window. Their bytes are checked against their SHA-256 before anything parses them.

    What is held in memory at once depends neither on the number of partitions nor on their sizes, but for windows
    so small that it does not matter.
    """

    def __init__(
        self,
        spec: ModelSpec,
        lake: Lake,
        refs: Sequence[SnapshotRef],
        *,
        threads: int,
        history: Sequence[SnapshotRef] = (),
    ) -> None:
        """Take the snapshots, oldest first; none is read yet."""
        self._spec, self._lake, self._refs, self._threads = spec, lake, refs, threads
        features = spec.training.features
        self._names = tuple(dict.fromkeys((*features.columns, spec.dataset.target, *features.history)))
        self._past = PastPartitions(spec, lake, (*history, *refs))
        self.is_held = sum(ref.rows for ref in refs) * len(self._names) * _BYTES_PER_VALUE <= HELD_BYTES

    @cached_property
    def pieces(self) -> list[Piece]:
        """All rows in order: by partition as the snapshots were given, by row as they are stored.

        Raises:
            ObjectMissingError: The lake does not hold a file.
            CorruptObjectError: Its bytes are not those that were ingested.
            PartitionUnreadableError: It was ingested under another spec and lacks a column, or holds one in a type
                that cannot become the declared one.
        """
        if self.is_held:
            return [Piece(key, table.select) for key, table in self._held.items()]
        return [piece for ref in self._refs for piece in self._stored(ref)]

    def column(self, name: str) -> "Iterator[tuple[PartitionKey, pa.Table]]":
        """Yield one column, piece by piece."""
        if self.is_held:
            return ((piece.partition, piece.read([name])) for piece in self.pieces)
        return in_order(lambda piece: (piece.partition, piece.read([name])), self.pieces, self._threads)

    def whole_column(self, name: str) -> "dict[PartitionKey, pa.Table]":
        """Return one column of all partitions, those without rows as well."""
        import pyarrow as pa

        parts: dict[PartitionKey, list[pa.Table]] = {ref.partition: [] for ref in self._refs}
        for key, table in self.column(name):
            parts[key].append(table)
        return {key: pa.concat_tables(tables) for key, tables in parts.items()}

    def map(self, work: "Callable[[pa.Table], ResultT]", names: Sequence[str]) -> Iterator[ResultT]:
        """Yield, in order, what a function makes of all rows, a bounded number of them at a time.

        Args:
            work: Called on several threads.
            names: Columns that it gets.

        Raises:
            PartitionUnreadableError: The function refuses a field of some row.
        """
        try:
            yield from self._mapped(work, names)
        except FieldError as error:
            message = f"{self._place_of(error, work, names)}: {error}"
            raise PartitionUnreadableError(message) from error

    def _place_of(self, error: FieldError, work: "Callable[[pa.Table], object]", names: Sequence[str]) -> str:
        """Name the partition whose rows are refused: small ones are worked on together."""
        for piece in self.pieces:
            try:
                work(piece.read(names))
            except FieldError as found:
                if str(found) == str(error):
                    return f"partition {piece.partition}"
        return "training window"

    def _mapped(self, work: "Callable[[pa.Table], ResultT]", names: Sequence[str]) -> Iterator[ResultT]:
        if self.is_held:
            import pyarrow as pa

            # A year of days with a few rows each is worked on at once: calls cost more than rows.
            rows = pa.concat_tables([table.select(names) for table in self._held.values()])
            starts = range(0, rows.num_rows, ROWS_PER_GROUP)
            return in_order(lambda start: work(rows.slice(start, ROWS_PER_GROUP)), starts, self._threads)
        return in_order(lambda piece: work(piece.read(names)), self.pieces, self._threads)

    def served_after(self, partition: PartitionKey) -> dict[str, ServedHistory]:
        """Return what a model server answers from for history features: tables for the partition after this one."""
        return self._past.served(shift_key(partition, 1), self._spec.training.features.history)

    def forget(self) -> None:
        """Give the memory back; what is asked for afterwards is read again."""
        import pyarrow as pa

        self.__dict__.pop("_held", None)
        self.__dict__.pop("pieces", None)
        # Arrow keeps what it has freed for its next table. XGBoost, which comes next, cannot use that: on 10 million
        # rows of 20 columns it is 230 MB, a quarter of all that training from disk takes.
        pa.default_memory_pool().release_unused()

    @cached_property
    def _held(self) -> "dict[PartitionKey, pa.Table]":
        def read(ref: SnapshotRef) -> "tuple[PartitionKey, pa.Table]":
            return ref.partition, self._joined(read_rows(self._spec, self._lake, ref), ref.partition, self._names)

        return dict(in_order(read, self._refs, self._threads))

    def _joined(self, table: "pa.Table", key: PartitionKey, names: Sequence[str]) -> "pa.Table":
        """Return the columns named; history features among them are made of earlier partitions."""
        history = self._spec.training.features.history
        wanted = {name: history[name] for name in names if name in history}
        return self._past.joined(table, key, wanted).select(names)

    def _to_read(self, names: Sequence[str]) -> list[str]:
        """Return the columns of a snapshot that the columns named are made of."""
        history = self._spec.training.features.history
        made_of = {name: history[name].by if name in history else (name,) for name in names}
        return [*dict.fromkeys(column for columns in made_of.values() for column in columns)]

    def _stored(self, ref: SnapshotRef) -> Iterator[Piece]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._lake.local_copy(ref.data_path, sha256=ref.data_sha256)
        try:
            metadata = pq.read_metadata(path)
        except pa.ArrowException as error:
            raise _unreadable(path) from error
        if not metadata.num_row_groups:
            empty = arrow_schema(self._spec.dataset.snapshot_columns).empty_table()
            yield Piece(ref.partition, partial(self._joined, empty, ref.partition))
        for group in range(metadata.num_row_groups):
            yield Piece(ref.partition, partial(self._read, path, metadata, group, ref.partition))

    def _read(
        self, path: Path, metadata: "pq.FileMetaData", group: int, key: PartitionKey, names: Sequence[str]
    ) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.parquet as pq

        stored = self._to_read(names)
        declared = {name: self._spec.dataset.snapshot_columns[name] for name in stored}
        try:
            with pq.ParquetFile(path, metadata=metadata) as file:
                table = file.read_row_group(group, columns=stored, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path) from error
        # A snapshot was cast when it was written: to do it again for each use would cost more than decoding it.
        if table.column_names != stored or any(
            table.schema.field(name).type != ARROW_TYPES[kind] for name, kind in declared.items()
        ):
            table = cast_table(table, declared, f"snapshot of {key}")
        return self._joined(table, key, names)


def in_order(work: Callable[[ItemT], ResultT], items: Iterable[ItemT], threads: int) -> Iterator[ResultT]:
    """Call a function for each item on several threads; yield the results in the order of the items.

    No more results than threads wait to be taken.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[ResultT]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _unreadable(path: Path) -> CorruptObjectError:
    message = f"{path}: matches its SHA-256 and is no Parquet file; ingest it again"
    return CorruptObjectError(message)
