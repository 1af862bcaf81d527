"""Rows of snapshots as today's spec declares them, whatever the spec said when they were ingested."""

from typing import TYPE_CHECKING

import numpy as np

from titlebout.core.bouts.bout_checks import Grouping
from titlebout.core.field_values import short_name
from titlebout.core.ports import Lake
from titlebout.core.reading.casting import cast_table
from titlebout.core.results import SnapshotRef
from titlebout.core.snapshots import read_snapshot
from titlebout.core.specs.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

MISSING_GROUP = "(missing)"


def read_rows(spec: ModelSpec, lake: Lake, ref: SnapshotRef) -> "pa.Table":
    """Read a snapshot with exactly the declared columns, in the order in which its rows are stored.

    Raises:
        ObjectMissingError: The lake does not hold the file.
        CorruptObjectError: Its bytes are not those that were ingested.
        PartitionUnreadableError: It was ingested under another spec and lacks a column, or holds one in a type
            that cannot become the declared one.
    """
    return cast_table(read_snapshot(lake, ref), spec.dataset.snapshot_columns, f"snapshot of {ref.partition}")


def slice_groups(spec: ModelSpec, rows: "pa.Table") -> dict[str, Grouping]:
    """Return to which group each row belongs, for every column of `comparison.slices` and `fairness`."""
    import pyarrow as pa

    groups = {}
    for name in spec.comparison.grouped_by:
        texts = rows.column(name).cast(pa.string()).fill_null(MISSING_GROUP).combine_chunks().dictionary_encode()
        # The names of groups enter the verdict, which the ledger keeps.
        names = tuple(map(short_name, texts.dictionary.to_pylist()))
        groups[name] = Grouping(texts.indices.to_numpy().astype(np.int64), names)
    return groups
