"""Which days before its own one a run brings in: those nobody has brought in, and those that came too early."""

from collections.abc import Iterator, Mapping

from titlebout.core.ledgers.ledger import EntryKind, PartitionRecord, PartitionStatus
from titlebout.core.ports import Ledger
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows, labels_known_from


def days_to_bring_in(
    spec: ModelSpec, windows: Windows, partitions: Mapping[PartitionKey, PartitionRecord]
) -> list[PartitionKey]:
    """Return the older days that are not in the ledger, or not with all columns of the spec.

    The latter only where they are learned from or judged on: the same run judges them anew. Days that merely say what
    is usual keep their place.

    Args:
        spec: The model spec.
        windows: Of the run.
        partitions: What the ledger knows.
    """
    read = {*windows.remembered, *windows.keys}
    return [
        key
        for key in (*windows.history, *windows.remembered, *windows.keys)
        if key < windows.partition and (key not in partitions or (key in read and lacks_columns(spec, partitions[key])))
    ]


def lacks_columns(spec: ModelSpec, record: PartitionRecord) -> bool:
    """Whether a day came in before a column of the spec was declared.

    What a person has discarded is left alone: to bring it in anew would undo that.
    """
    is_discarded = record.status is PartitionStatus.DISCARDED
    return not is_discarded and not spec.dataset.snapshot_columns.keys() <= record.snapshot.columns.keys()


def came_before_labels(spec: ModelSpec, windows: Windows, ledger: Ledger) -> Iterator[PartitionRecord]:
    """Yield the days of the holdout whose newest revision came in before their labels were known.

    By now they may hold them. What a person has discarded is left alone, as in `lacks_columns`.

    Args:
        spec: The model spec.
        windows: Of the run.
        ledger: Knows what came in when.
    """
    if not spec.dataset.label_delay_days:
        return
    partitions = ledger.state(spec.name).partitions
    entries = ledger.entries(spec.name, kinds={EntryKind.PARTITION_INGESTED})
    came_at = {entry.sequence: entry.recorded_at for entry in entries}
    for key in windows.holdout:
        record = partitions.get(key)
        if record is None or record.status is PartitionStatus.DISCARDED:
            continue
        if came_at[record.sequence] < labels_known_from(spec, key):
            yield record
