"""From the bytes of a source to rows in declared types: one stream, the same for every source of files."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from titlebout.core.errors import PartitionEmptyError, PartitionUnreadableError, SpecError
from titlebout.core.reading.casting import cast_table
from titlebout.core.reading.csv_rows import csv_rows
from titlebout.core.reading.decompression import decompressed
from titlebout.core.reading.derivations import with_derived
from titlebout.core.reading.json_rows import json_rows
from titlebout.core.reading.parquet_rows import parquet_rows
from titlebout.core.reading.unreadable import empty
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import DatasetSection, FileFormat, FilesSource, S3Source


class SourceFile(NamedTuple):
    """One file or object of a partition: open at its first byte, seekable."""

    file: BinaryIO
    where: str


def decode_files(
    files: Iterable[SourceFile], dataset: DatasetSection, partition: PartitionKey | None = None
) -> Iterator[pa.RecordBatch]:
    """Read the files of one partition, or of all, as batches in `dataset.snapshot_columns`, one file after the other.

    Each file is read to its end before the next one is asked for, so that a generator can open and close them.
    Memory stays bounded: no more than a few blocks of a file are decoded at a time.

    Raises:
        PartitionEmptyError: None of the files has a row.
        PartitionUnreadableError: A file is truncated, or not of the declared schema, or has no rows while others do.
    """
    return with_derived(_rows_of_all(files, dataset), dataset, partition)


def decode(file: BinaryIO, dataset: DatasetSection, where: str) -> Generator[pa.RecordBatch, None, None]:
    """Read one file as batches in `dataset.columns`: what is read, without what is derived.

    Args:
        file: Open at its first byte, seekable. Text formats may be compressed: gzip, bzip2, xz, zstd, lz4.
        dataset: The section with format, columns and how texts are written.
        where: Named in errors: file or object.

    Raises:
        PartitionEmptyError: The file has no rows.
        PartitionUnreadableError: The file is truncated, or not of the declared schema.
    """
    source, columns = dataset.source, dataset.columns
    if not isinstance(source, FilesSource | S3Source):
        message = f"dataset.source: kind {source.kind!r} has no files to decode"
        raise SpecError(message)
    if source.format is FileFormat.JSONL:
        yield from json_rows(decompressed(file, where), columns, dataset.parsing, where)
        return
    if source.format is FileFormat.CSV:
        batches = csv_rows(decompressed(file, where), columns, source.delimiter, where)
    else:
        batches = parquet_rows(file, columns, where)
    with closing(batches):
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            table = cast_table(pa.Table.from_batches([batch]), columns, where, dataset.parsing)
            yield from table.combine_chunks().to_batches()
    if not rows:
        raise empty(where, "it has a schema and no rows")


def _rows_of_all(files: Iterable[SourceFile], dataset: DatasetSection) -> Iterator[pa.RecordBatch]:
    empties: list[PartitionEmptyError] = []
    has_rows = False
    for file, where in files:
        try:
            with closing(decode(file, dataset, where)) as batches:
                yield from batches
        except PartitionEmptyError as error:
            empties.append(error)
        else:
            has_rows = True
    if empties and has_rows:
        # Not an empty partition: to skip it as one would lose the rows of the other files.
        raise PartitionUnreadableError(str(empties[0])) from None
    if empties:
        raise empties[0]
