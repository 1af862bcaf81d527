"""Snapshots: one canonical form of a partition's rows, its hash, and its Parquet file."""

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from titlebout.core.errors import CorruptObjectError, PartitionUnreadableError, UnavailableError
from titlebout.core.ports import Lake
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.content_digest import ContentDigest
from titlebout.core.reading.parquet_rows import parquet_table
from titlebout.core.results import Snapshot, SnapshotRef
from titlebout.core.specs.dataset_spec import DatasetSection

# Small enough that a group is no burden on memory while it is written, however many columns there are.
ROWS_PER_GROUP = 1 << 17


def event_times(table: pa.Table, time_column: str) -> tuple[datetime | None, datetime | None]:
    """Return when the oldest and the newest row happened, in UTC; a date counts from its midnight.

    Raises:
        PartitionUnreadableError: A time lies outside the years 1 to 9999.
    """
    bounds = pc.min_max(table.column(time_column))
    try:
        return _moment(bounds["min"].as_py()), _moment(bounds["max"].as_py())
    except (ValueError, OverflowError):
        message = f"column {time_column!r} holds a time outside the years 1 to 9999; correct the delivered rows"
        raise PartitionUnreadableError(message) from None


@dataclass(frozen=True)
class WrittenRows:
    """What was written into a snapshot's file."""

    rows: int
    content_sha256: str
    min_time: datetime | None
    max_time: datetime | None


def write_snapshot(pieces: Iterable[pa.Table], dataset: DatasetSection, path: Path) -> WrittenRows:
    """Write rows in canonical order as Parquet, and say what they are.

    The same rows give the same bytes with the same version of Arrow, in whatever pieces they come.

    Raises:
        PartitionUnreadableError: A time lies outside the years 1 to 9999.
        UnavailableError: The disk is full or refuses to write; no partial file is left.
    """
    schema = arrow_schema(dataset.snapshot_columns)
    digest = ContentDigest(schema)
    rows, moments = 0, list[datetime]()
    # One group is compressed while the rows of the next are sorted: both leave Python for long.
    with _new_parquet(path, schema) as writer, ThreadPoolExecutor(1) as background:
        writing: Future[None] | None = None
        for group in _groups(pieces):
            moments += [moment for moment in event_times(group, dataset.time_column) if moment is not None]
            digest.update(group)
            rows += group.num_rows
            if writing:
                writing.result()
            writing = background.submit(writer.write_table, group, row_group_size=ROWS_PER_GROUP)
        if writing:
            writing.result()
    return WrittenRows(rows, digest.hexdigest(), min(moments, default=None), max(moments, default=None))


@contextmanager
def _new_parquet(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet file whose bytes depend on nothing but rows; one that fails is removed."""
    try:
        with pq.ParquetWriter(
            path,
            schema,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            write_statistics=True,
            write_page_checksum=True,
            store_schema=True,
        ) as writer:
            yield writer
    except OSError as error:
        path.unlink(missing_ok=True)
        free_bytes = shutil.disk_usage(path.parent).free
        message = (
            f"{path}: cannot be written: {error.strerror or error}; "
            f"{free_bytes} bytes are free for temporary files, make room, then clear the task"
        )
        raise UnavailableError(message) from error


def _groups(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Cut rows anew, into groups of one size and one chunk: where pages begin and end depends on it."""
    held: list[pa.Table] = []
    held_rows = 0
    for piece in pieces:
        held.append(piece)
        held_rows += piece.num_rows
        while held_rows >= ROWS_PER_GROUP:
            rows = pa.concat_tables(held)
            yield rows.slice(0, ROWS_PER_GROUP).combine_chunks()
            held, held_rows = [rows.slice(ROWS_PER_GROUP)], held_rows - ROWS_PER_GROUP
    if held_rows:
        yield pa.concat_tables(held).combine_chunks()


def read_snapshot(lake: Lake, snapshot: Snapshot | SnapshotRef) -> pa.Table:
    """Read a snapshot's rows; the bytes are checked against their SHA-256 before anything parses them.

    Raises:
        ObjectMissingError: The lake does not hold the file.
        CorruptObjectError: Its bytes are not those that were ingested.
    """
    data = lake.read(snapshot.data_path, sha256=snapshot.data_sha256)
    try:
        return parquet_table(data)
    except pa.ArrowException as error:
        message = f"{lake.uri(snapshot.data_path)}: matches its SHA-256 and is no Parquet file; ingest it again"
        raise CorruptObjectError(message) from error


def _moment(value: date | datetime | None) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.combine(value, time(), tzinfo=UTC)
