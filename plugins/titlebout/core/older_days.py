"""Which days before its own one a run brings in: those nobody has brought in, and those that came too early."""

from collections.abc import Iterator, Mapping

from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.ledgers.ledger import EntryKind, PartitionRecord, PartitionStatus
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey
from titlebout.core.snapshots import read_snapshot
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows, labels_known_from


def days_to_bring_in(
    spec: ModelSpec, windows: Windows, partitions: Mapping[PartitionKey, PartitionRecord]
) -> list[PartitionKey]:
    """Return the older days that are not in the ledger, or not with all columns of the spec.

    The latter only where they are learned from or judged on: the same run judges them anew. Days that merely say what
    is usual keep their place.
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


def came_before_labels(spec: ModelSpec, windows: Windows, lake: Lake, ledger: Ledger) -> Iterator[PartitionRecord]:
    """Yield the days whose labels a run may know, and whose newest revision came in before they were known.

    Of the holdout all such days: by now they may hold labels, or better ones. Of those that are learned from or
    remembered only what lacks some, as where no night ran while it was in the holdout: so the result does not depend
    on which other runs came before. What a person has discarded is left alone, as in `lacks_columns`.
    """
    if not spec.dataset.label_delay_days:
        return
    calendar, judged = spec.calendar, set(windows.holdout)
    night_is_over = calendar.bounds(windows.partition)[1]
    partitions = ledger.state(spec.name).partitions
    known_from = {key: labels_known_from(spec, key) for key in (*windows.remembered, *windows.keys)}
    # An older entry brought its day in before the labels of any of these days were known.
    since = min(known_from.values(), default=night_is_over)
    entries = ledger.entries(spec.name, kinds={EntryKind.PARTITION_INGESTED}, since=since)
    came_at = {entry.sequence: entry.recorded_at for entry in entries}
    for key, known in known_from.items():
        record = partitions.get(key)
        if record is None or record.status is PartitionStatus.DISCARDED or known > night_is_over:
            continue
        is_early = record.sequence not in came_at or came_at[record.sequence] < known
        if is_early and (key in judged or _lacks_labels(spec, lake, record)):
            yield record


def _lacks_labels(spec: ModelSpec, lake: Lake, record: PartitionRecord) -> bool:
    try:
        rows = read_snapshot(lake, record.snapshot)
    except (ObjectMissingError, CorruptObjectError):
        return False  # whoever learns from it says so
    target = spec.dataset.target
    return target in rows.column_names and rows.column(target).null_count > 0
