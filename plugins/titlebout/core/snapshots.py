"""Snapshots: one canonical form of a partition's rows, its hash, and its Parquet file."""

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from titlebout.core.casting import cast_table
from titlebout.core.dataset_spec import DatasetSection
from titlebout.core.errors import CorruptObjectError, PartitionUnreadableError, UnavailableError
from titlebout.core.ports import Lake
from titlebout.core.results import Snapshot, SnapshotRef

_ROWS_PER_GROUP = 1 << 20


def canonical_table(table: pa.Table, dataset: DatasetSection) -> pa.Table:
    """Bring raw rows into the one form in which a snapshot stores and hashes them.

    Only the declared columns stay, in the order and the types of the spec. Rows are sorted by the key
    columns and, where keys are equal, by all other columns: the same rows give the same table however
    the source ordered or chunked them. Nulls sort last.

    Args:
        table: Rows in any order, chunking and compatible types.
        dataset: The spec's section with columns and key columns.

    Raises:
        PartitionUnreadableError: A column is missing or a value does not fit its declared type.
    """
    declared = cast_table(table, dataset.snapshot_columns, "raw rows")
    ties = [name for name in dataset.snapshot_columns if name not in dataset.key_columns]
    order = [(name, "ascending") for name in (*dataset.key_columns, *ties)]
    return declared.take(pc.sort_indices(declared, sort_keys=order)).combine_chunks()


def content_sha256(table: pa.Table) -> str:
    """Hash the logical content: schema, number of rows, values in their order.

    Chunking, file encoding and Arrow's own memory layout do not matter; what a null hides does not either.

    Args:
        table: A canonical table.
    """
    digest = hashlib.sha256()
    header = {"rows": table.num_rows, "columns": [[field.name, str(field.type)] for field in table.schema]}
    digest.update(json.dumps(header, separators=(",", ":")).encode())
    for column in table.columns:
        for part in _column_bytes(column):
            digest.update(part)
    return digest.hexdigest()


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


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a canonical table; the same table gives the same bytes with the same version of Arrow.

    Raises:
        UnavailableError: The disk is full or refuses to write; no partial file is left.
    """
    try:
        pq.write_table(
            table,
            path,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            row_group_size=_ROWS_PER_GROUP,
            write_statistics=True,
            write_page_checksum=True,
            store_schema=True,
        )
    except OSError as error:
        path.unlink(missing_ok=True)
        free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
        message = (
            f"{path}: cannot write {table.nbytes} bytes of rows: {error.strerror or error}; "
            f"{free_bytes} bytes are free for temporary files, make room, then clear the task"
        )
        raise UnavailableError(message) from error


def read_snapshot(lake: Lake, snapshot: Snapshot | SnapshotRef) -> pa.Table:
    """Read a snapshot's rows; the bytes are checked against their SHA-256 before anything parses them.

    Raises:
        ObjectMissingError: The lake does not hold the file.
        CorruptObjectError: Its bytes are not those that were ingested.
    """
    data = lake.read(snapshot.data_path, sha256=snapshot.data_sha256)
    try:
        return pq.read_table(io.BytesIO(data))
    except pa.ArrowException as error:
        message = f"{lake.uri(snapshot.data_path)}: matches its SHA-256 and is no Parquet file; ingest it again"
        raise CorruptObjectError(message) from error


def _moment(value: date | datetime | None) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.combine(value, time(), tzinfo=UTC)


def _column_bytes(column: pa.ChunkedArray) -> Iterator[bytes | memoryview]:
    """Yield which values are there, then the values: in an order that does not depend on the chunks."""
    for chunk in column.chunks:
        yield np.ascontiguousarray(chunk.is_valid().to_numpy(zero_copy_only=False)).data
    if not pa.types.is_string(column.type):
        for chunk in column.chunks:
            yield _fixed_width_bytes(chunk)
        return
    texts = [chunk.fill_null("") for chunk in column.chunks]
    for chunk in texts:
        yield pc.binary_length(chunk).to_numpy().astype("<i8").data
    for chunk in texts:
        yield _text_bytes(chunk)


def _fixed_width_bytes(chunk: pa.Array) -> memoryview:
    kind = chunk.type
    if pa.types.is_date32(kind):
        chunk = chunk.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        chunk = chunk.cast(pa.int64())
    elif pa.types.is_boolean(kind):
        chunk = chunk.cast(pa.uint8())
    values: np.ndarray = chunk.fill_null(0).to_numpy()
    return values.astype(values.dtype.newbyteorder("<")).data


def _text_bytes(chunk: pa.StringArray) -> memoryview:
    _, offsets, characters = chunk.buffers()
    if characters is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(characters)[bounds[0] : bounds[-1]]
