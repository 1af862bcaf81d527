"""Rows of snapshots as today's spec declares them, whatever the spec said when they were ingested."""

from typing import TYPE_CHECKING

from titlebout.core.casting import cast_table
from titlebout.core.ports import Lake
from titlebout.core.results import SnapshotRef
from titlebout.core.snapshots import read_snapshot
from titlebout.core.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa


def read_rows(spec: ModelSpec, lake: Lake, ref: SnapshotRef) -> "pa.Table":
    """Read a snapshot with exactly the declared columns, in the order in which its rows are stored.

    Raises:
        ObjectMissingError: The lake does not hold the file.
        CorruptObjectError: Its bytes are not those that were ingested.
        PartitionUnreadableError: It was ingested under another spec and lacks a column, or holds one in a type
            that cannot become the declared one.
    """
    return cast_table(read_snapshot(lake, ref), spec.dataset.snapshot_columns, f"snapshot of {ref.partition}")
