"""Partitions and snapshots as whole tables: what the streams of the package come to, in the plainest way."""

import pyarrow as pa

from titlebout.core.reading.casting import cast_table
from titlebout.core.reading.content_digest import ContentDigest
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.reading.row_order import RowOrder
from titlebout.core.specs.dataset_spec import DatasetSection


def all_rows(raw: RawPartition) -> pa.Table:
    """Read a partition to its end, and close it."""
    with raw:
        return pa.Table.from_batches(raw.batches)


def canonical_table(table: pa.Table, dataset: DatasetSection) -> pa.Table:
    """Bring raw rows into the one form in which a snapshot stores and hashes them."""
    return RowOrder(dataset).sort(cast_table(table, dataset.snapshot_columns, "raw rows"))


def content_sha256(table: pa.Table) -> str:
    """Hash the logical content of a canonical table: schema, number of rows, values in their order."""
    digest = ContentDigest(table.schema)
    digest.update(table)
    return digest.hexdigest()
