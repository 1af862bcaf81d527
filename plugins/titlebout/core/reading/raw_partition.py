"""The rows of one partition as a stream from its source, so that a partition may be larger than memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RawPartition:
    """Rows of one partition as the source delivered them, in the types that the spec declares.

    Use it as a context manager, or close it: a source may hold a file, a cursor or a temporary copy open.

    Attributes:
        batches: Record batches with exactly `dataset.snapshot_columns` in their Arrow types, in any row order.
            Reading on may raise what `PartitionSource.read` raises: only who has seen the end has a partition.
            A generator that opens what it needs inside its body is closed as it should be.
        source_etag: Another one means other bytes.
    """

    batches: "Iterator[pa.RecordBatch]"
    source_uri: str
    source_etag: str | None = None

    def close(self) -> None:
        """Let go of whatever the source holds open; a second time does nothing."""
        close = getattr(self.batches, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
