"""What versions are made of, what became of it since, and when they served: the ledger's entries put side by side."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from titlebout.core.deliveries import DELIVERY_KINDS, Delivery, deliveries
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, PartitionStatus, ServedVersion
from titlebout.core.results import Outcome, PartitionKey, Result, Sha256, SnapshotRef, Verdict

PROVENANCE_KINDS = DELIVERY_KINDS | {
    EntryKind.CHALLENGER_TRAINED,
    EntryKind.VERDICT_REACHED,
    EntryKind.RELEASE_SETTLED,
}
"""The kinds of entries that a past is made of."""


class Reign(Result):
    """A span in which a version served; without an end it serves now."""

    since: datetime
    until: datetime | None = None
    actor: str
    reason: str


class BoutRecord(Result):
    """One bout of a version, as challenger or as champion."""

    partition: PartitionKey
    sequence: int
    decided_at: datetime
    challenger: str
    champion: str | None
    outcome: Outcome
    reasons: tuple[str, ...]
    holdout: tuple[PartitionKey, ...]


class VersionRecord(Result):
    """What the ledger knows about a version."""

    version: str
    partition: PartitionKey
    trained_at: datetime
    trained_by: str
    run_url: str | None = None
    reigns: tuple[Reign, ...] = ()


class Fate(StrEnum):
    """What may become of a snapshot after a model has learned from it."""

    SUPERSEDED = "superseded"
    DISCARDED = "discarded"
    QUARANTINED = "quarantined"
    UNKNOWN = "unknown"


class Change(Result):
    """What became of a snapshot.

    Attributes:
        fate: What.
        changed_at: When; None where the ledger does not know the snapshot.
        by: The revision that stands now, or who decided.
    """

    fate: Fate
    changed_at: datetime | None = None
    by: str = ""


class UsedSnapshot(Result):
    """One snapshot that a version was made of or judged on."""

    partition: PartitionKey
    revision: int
    data_sha256: Sha256
    rows: int
    source_uri: str | None = None
    source_etag: str | None = None
    change: Change | None = None


@dataclass(frozen=True)
class Past:
    """A model's past.

    Attributes:
        deliveries: Each partition's revisions, in the order they came in.
        versions: By name, in the order they were trained.
        bouts: In the order they were decided.
    """

    deliveries: Mapping[PartitionKey, Sequence[Delivery]]
    versions: Mapping[str, VersionRecord]
    bouts: Sequence[BoutRecord]

    @classmethod
    def of(cls, entries: Sequence[LedgerEntry]) -> "Past":
        """Put a model's entries side by side."""
        reigns: dict[str, list[Reign]] = defaultdict(list)
        for version, reign in _reigns(entry for entry in entries if entry.kind is EntryKind.RELEASE_SETTLED):
            reigns[version].append(reign)
        trained = (_record(entry) for entry in entries if entry.kind is EntryKind.CHALLENGER_TRAINED)
        return cls(
            deliveries(entries),
            {each.version: each.model_copy(update={"reigns": tuple(reigns[each.version])}) for each in trained},
            [_bout(entry) for entry in entries if entry.kind is EntryKind.VERDICT_REACHED],
        )

    def used(self, ref: SnapshotRef) -> UsedSnapshot:
        """Say where a snapshot came from and what became of it."""
        revisions = self.deliveries.get(ref.partition, ())
        same = [each.snapshot for each in revisions if _is_same(each, ref)]
        fields = ref.model_dump(include={"partition", "revision", "data_sha256", "rows"})
        if not same:
            return UsedSnapshot(**fields, change=Change(fate=Fate.UNKNOWN))
        found = same[-1]
        return UsedSnapshot(
            **fields,
            source_uri=found.source_uri,
            source_etag=found.source_etag,
            change=_change(revisions[-1], ref.data_sha256),
        )

    def changed_days(self) -> frozenset[PartitionKey]:
        """Return the days of which some revision does not stand any more: only they can have misled a model."""
        return frozenset(
            key
            for key, revisions in self.deliveries.items()
            if any(_change(revisions[-1], each.snapshot.data_sha256) for each in revisions)
        )

    def bouts_on(self, delivery: Delivery) -> Iterator[BoutRecord]:
        """Yield the bouts whose holdout held one revision of a partition: the newest one when they were decided."""
        key = delivery.snapshot.partition
        for bout in self.bouts:
            if key in bout.holdout:
                known = [each for each in self.deliveries[key] if each.ingested.sequence < bout.sequence]
                if known and known[-1].snapshot.data_sha256 == delivery.snapshot.data_sha256:
                    yield bout


def _record(entry: LedgerEntry) -> VersionRecord:
    payload = entry.payload
    url = payload.get("run_url")
    return VersionRecord(
        version=str(payload["version"]),
        partition=str(payload["partition"]),
        trained_at=entry.recorded_at,
        trained_by=entry.actor,
        run_url=None if url is None else str(url),
    )


def _bout(entry: LedgerEntry) -> BoutRecord:
    verdict = entry.read(Verdict, "verdict")
    shared = verdict.model_dump(include={"partition", "challenger", "champion", "outcome", "reasons", "holdout"})
    return BoutRecord(sequence=entry.sequence, decided_at=entry.recorded_at, **shared)


def _reigns(settled: Iterable[LedgerEntry]) -> Iterator[tuple[str, Reign]]:
    """Yield version and span; a champion that was only served again reigns on."""
    version: str | None = None
    reign: Reign | None = None
    for entry in settled:
        served = ServedVersion.of(entry)
        if served.version == version:
            continue
        if version is not None and reign is not None:
            yield version, reign.model_copy(update={"until": served.since})
        version, reign = served.version, Reign(since=served.since, actor=served.actor, reason=served.reason)
    if version is not None and reign is not None:
        yield version, reign


def _is_same(delivery: Delivery, ref: SnapshotRef) -> bool:
    return (delivery.snapshot.revision, delivery.snapshot.data_sha256) == (ref.revision, ref.data_sha256)


def _change(newest: Delivery, data_sha256: str) -> Change | None:
    """Say what became of some bytes of a partition, given its newest delivery."""
    if newest.snapshot.data_sha256 != data_sha256:
        by = f"revision {newest.snapshot.revision}"
        return Change(fate=Fate.SUPERSEDED, changed_at=newest.ingested.recorded_at, by=by)
    if newest.status is PartitionStatus.DISCARDED and newest.decision:
        return Change(fate=Fate.DISCARDED, changed_at=newest.decision.recorded_at, by=newest.decision.actor)
    if newest.status is PartitionStatus.QUARANTINED and newest.judgement:
        return Change(fate=Fate.QUARANTINED, changed_at=newest.judgement.recorded_at, by=newest.judgement.actor)
    return None
