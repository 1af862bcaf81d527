"""Profiles a Parquet file column by column and in pieces of bounded size, so that values are counted while in cache."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from titlebout.core.drifting.partition_profile import ROWS_PER_PIECE, PartitionProfile, ProfiledColumn, ProfileQuestion
from titlebout.core.errors import CorruptObjectError, FieldError
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.specs.column_type import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_LARGEST_BLOCK = 2 * 8 * ROWS_PER_PIECE


def profile_parquet(question: ProfileQuestion, path: Path, *, threads: int, where: str = "") -> PartitionProfile:
    """Profile a file on several threads, each of which reads some of the row groups; the result is that of one.

    Args:
        question: The columns.
        path: The file.
        threads: At most so many.
        where: What the file is, for messages; empty: its path.

    Raises:
        PartitionUnreadableError: It lacks a column, or holds one in a type that cannot become the declared one.
        CorruptObjectError: It is no Parquet file.
        FieldError: A column holds infinity or a number beyond float32.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = where or str(path)
    reader = _Reader(question, where)
    _keep_freed_blocks()
    try:
        metadata = pq.read_metadata(path)
        stored = metadata.schema.to_arrow_schema().names
        if not question.columns.keys() <= {*stored}:
            from titlebout.core.reading.casting import refuse_missing_columns

            refuse_missing_columns(stored, {name: asked.declared for name, asked in question.columns.items()}, where)
        workers = max(1, min(threads, metadata.num_row_groups))

        def work(first: int) -> PartitionProfile:
            with pq.ParquetFile(path, metadata=metadata, read_dictionary=reader.texts, pre_buffer=False) as file:
                return reader.read(file, range(first, metadata.num_row_groups, workers))

        with ThreadPoolExecutor(workers) as pool:
            return PartitionProfile.sum(pool.map(work, range(workers)))
    except FieldError as error:
        raise FieldError(error.field, f"in {where} {error.problem}") from None
    except (pa.ArrowException, OSError) as error:
        message = f"{path}: matches its SHA-256 and is no Parquet file; ingest it again"
        raise CorruptObjectError(message) from error


def _keep_freed_blocks() -> None:
    """Let the C library keep what is freed.

    It gives large blocks back, and to get their pages anew takes longer than to count a piece.

    Source: mallopt(3), M_MMAP_THRESHOLD: the limit rises to the size of a block that was freed. Elsewhere than with
    glibc nothing happens.
    """
    np.empty(_LARGEST_BLOCK, np.uint8)


class _Reader:
    """Reads the columns that are asked for, in their declared types."""

    def __init__(self, question: ProfileQuestion, where: str) -> None:
        self._question, self._where = question, where
        # A text is counted by its place in the file's dictionary, without being written out row by row.
        self.texts = [
            name
            for name, asked in question.columns.items()
            if asked.kind == "categories" and asked.declared is ColumnType.TEXT
        ]

    def read(self, file: "pq.ParquetFile", groups: range) -> PartitionProfile:
        """Profile some of the row groups."""
        columns = {}
        for name, asked in self._question.columns.items():
            # Column by column, so that one count is held at a time, and stays where the processor has it close by.
            tally = asked.tally(name)
            for group in groups:
                for piece in self._pieces(file, group, name, asked):
                    tally.add(piece)
            columns[name] = tally.profile()
        return PartitionProfile(rows=sum(file.metadata.row_group(group).num_rows for group in groups), columns=columns)

    def _pieces(self, file: "pq.ParquetFile", group: int, name: str, asked: ProfiledColumn) -> "Iterator[pa.Array]":
        """Yield a column of a row group, a bounded number of rows at a time."""
        wanted = ARROW_TYPES[asked.declared]
        for batch in file.iter_batches(ROWS_PER_PIECE, [group], columns=[name], use_threads=False):
            piece = batch.column(0)
            is_text = name in self.texts and getattr(piece.type, "value_type", None) == wanted
            yield piece if is_text or piece.type == wanted else self._cast(piece, name, asked.declared)

    def _cast(self, piece: "pa.Array", name: str, declared: ColumnType) -> "pa.Array":
        """Cast what was ingested under another spec."""
        import pyarrow as pa

        from titlebout.core.reading.casting import cast_column

        return cast_column(pa.chunked_array([piece]), name, declared, self._where).combine_chunks()
