"""What happened to partitions: each delivery of each, how it was judged, and who decided over the suite's head."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from titlebout.core.decisions import PERSON
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, PartitionStatus
from titlebout.core.results import PartitionKey, Snapshot

_JUDGEMENTS: Mapping[EntryKind, PartitionStatus] = {
    EntryKind.PARTITION_ACCEPTED: PartitionStatus.ACCEPTED,
    EntryKind.PARTITION_REJECTED: PartitionStatus.QUARANTINED,
}
_DECISIONS: Mapping[EntryKind, PartitionStatus] = {
    EntryKind.PARTITION_RELEASED: PartitionStatus.ACCEPTED,
    EntryKind.PARTITION_DISCARDED: PartitionStatus.DISCARDED,
}
DELIVERY_KINDS = frozenset({EntryKind.PARTITION_INGESTED, *_JUDGEMENTS, *_DECISIONS})
"""The kinds of entries that deliveries are made of."""


@dataclass(frozen=True)
class Delivery:
    """One revision of one partition.

    Attributes:
        snapshot: Its manifest.
        ingested: The ledger entry that brought it in.
        judgement: The newest judgement of the suite, if there is one.
        decision: The newest decision of a person, if there is one; it stands over the judgement.
    """

    snapshot: Snapshot
    ingested: LedgerEntry
    judgement: LedgerEntry | None = None
    decision: LedgerEntry | None = None

    @property
    def status(self) -> PartitionStatus:
        """Where these bytes stand, or stood before others superseded them."""
        if self.decision:
            return _DECISIONS[self.decision.kind]
        return _JUDGEMENTS[self.judgement.kind] if self.judgement else PartitionStatus.INGESTED

    @property
    def decided_by(self) -> str | None:
        """The person who decided, by name."""
        return self.decision.actor.removeprefix(PERSON) if self.decision else None


def deliveries(entries: Iterable[LedgerEntry]) -> dict[PartitionKey, Sequence[Delivery]]:
    """Fold a model's chain into the deliveries of its partitions: those of one in the order they came in."""
    found: dict[PartitionKey, list[Delivery]] = {}
    for entry in entries:
        if entry.kind is EntryKind.PARTITION_INGESTED:
            snapshot = entry.read(Snapshot, "snapshot")
            found.setdefault(snapshot.partition, []).append(Delivery(snapshot, entry))
        elif entry.kind in _JUDGEMENTS or entry.kind in _DECISIONS:
            _note(found, entry)
    return {key: tuple(revisions) for key, revisions in found.items()}


def _note(found: Mapping[PartitionKey, list[Delivery]], entry: LedgerEntry) -> None:
    """Write a judgement or decision to the newest delivery of the bytes that it speaks of."""
    revisions = found.get(str(entry.payload["partition"]), [])
    for position, delivery in reversed([*enumerate(revisions)]):
        if delivery.snapshot.data_sha256 == entry.payload["data_sha256"]:
            is_judgement = entry.kind in _JUDGEMENTS
            noted = replace(delivery, judgement=entry) if is_judgement else replace(delivery, decision=entry)
            revisions[position] = noted
            return
