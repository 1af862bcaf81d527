"""Parquet as a stream of record batches, with the checksum of every page that has one; and our own files as a whole."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from titlebout.core.reading.casting import refuse_missing_columns
from titlebout.core.reading.unreadable import empty, unreadable
from titlebout.core.specs.dataset_spec import ColumnType

_ROWS_PER_BATCH = 1 << 15
_BUFFER_BYTES = 1 << 16


def parquet_rows(
    file: BinaryIO, columns: Mapping[str, ColumnType], where: str
) -> Generator[pa.RecordBatch, None, None]:
    """Read the declared columns in the types of the file.

    Raises:
        PartitionEmptyError: It has no rows, or no content at all.
        PartitionUnreadableError: It is damaged, cut short, or no Parquet.
    """
    if not file.read(1):
        raise empty(where, "it has no content")
    file.seek(0)

    # Buffered, or a row group would be held in memory at once, however large its writer made it.
    options = {"buffer_size": _BUFFER_BYTES, "pre_buffer": False, "page_checksum_verification": True}
    with _damage_refused(where):
        parquet = pq.ParquetFile(file, **options)
        names, promised = list(parquet.schema_arrow.names), parquet.metadata.num_rows
    refuse_missing_columns(names, columns, where)
    if not promised:
        raise empty(where, "it has a schema and no rows")
    with _damage_refused(where):
        batches = parquet.iter_batches(batch_size=_ROWS_PER_BATCH, columns=list(columns))
    rows = 0
    while True:
        with _damage_refused(where):
            batch = next(batches, None)
            if batch is None:
                break
            # Writers do not always check that texts are UTF-8; readers rely on it.
            batch.validate(full=True)
        rows += batch.num_rows
        yield batch.select(list(columns))
    if rows != promised:
        raise unreadable(where, "Parquet", f"it has {rows} of the {promised} rows that it promises")


def parquet_table(data: bytes) -> pa.Table:
    """Read a whole file that this package has written and whose hash was checked; one chunk per row group.

    Not by `pyarrow.parquet.read_table`, which imports pandas for it (half a second), and not by threads: those of Arrow
    now and then abort a process that ends right afterwards (apache/arrow#34314).

    Raises:
        pa.ArrowException: It is no Parquet.
    """
    file = pq.ParquetFile(pa.BufferReader(data))
    if not file.num_row_groups:
        return file.read(use_threads=False)
    groups = range(file.num_row_groups)
    return pa.concat_tables([file.read_row_group(number, use_threads=False) for number in groups])


@contextmanager
def _damage_refused(where: str) -> Iterator[None]:
    """Translate what Arrow's Parquet reader raises on damaged bytes, which is nearly anything."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise unreadable(where, "Parquet", error) from None
