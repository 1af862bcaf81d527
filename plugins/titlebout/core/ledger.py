"""The rules of the ledger: kinds of entries, the hash chain, and what the entries add up to."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from titlebout.core.errors import LedgerTamperedError
from titlebout.core.results import PartitionKey, Sha256, Snapshot, SnapshotRef

GENESIS = "0" * 64
"""What the first entry of a chain names as its predecessor."""


class EntryKind(StrEnum):
    """What the ledger records."""

    PARTITION_INGESTED = "partition_ingested"
    PARTITION_ACCEPTED = "partition_accepted"
    PARTITION_REJECTED = "partition_rejected"
    PARTITION_RELEASED = "partition_released"
    PARTITION_DISCARDED = "partition_discarded"
    PARTITION_LATE = "partition_late"
    CHALLENGER_TRAINED = "challenger_trained"
    VERDICT_REACHED = "verdict_reached"
    RELEASE_STARTED = "release_started"
    RELEASE_SETTLED = "release_settled"
    RELEASE_FAILED = "release_failed"
    DRIFT_FOUND = "drift_found"


class EntryBody(BaseModel):
    """Everything of an entry that its hash covers. `sequence` counts from 1 per model without gaps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    sequence: int = Field(ge=1)
    recorded_at: datetime = Field(description="UTC.")
    kind: EntryKind
    payload: dict[str, JsonValue]
    actor: str
    once: str | None = None
    previous_sha256: Sha256

    def digest(self) -> str:
        """Hash the canonical JSON of all fields: keys sorted, no spaces, ASCII, time in microseconds."""
        document = self.model_dump(mode="json", exclude={"sha256"})
        document["recorded_at"] = self.recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()


class LedgerEntry(EntryBody):
    """One recorded decision, chained to the one before it."""

    sha256: Sha256

    @classmethod
    def sealed(cls, body: EntryBody) -> "LedgerEntry":
        """Seal a body with its hash."""
        return cls(**dict(body), sha256=body.digest())


def verify_chain(entries: Iterable[LedgerEntry]) -> int:
    """Check a model's chain and return its length.

    Raises:
        LedgerTamperedError: A byte was changed, an entry is missing, or two were swapped.
    """
    previous, expected = GENESIS, 1
    for entry in entries:
        where = f"ledger of {entry.model!r}, entry {entry.sequence} ({entry.kind})"
        if entry.sequence != expected:
            message = f"{where}: entry {expected} is missing or out of order; restore the ledger from a backup"
            raise LedgerTamperedError(message)
        if entry.previous_sha256 != previous:
            message = f"{where}: does not follow the entry before it; restore the ledger from a backup"
            raise LedgerTamperedError(message)
        if entry.digest() != entry.sha256:
            message = f"{where}: its content was changed after it was written; restore the ledger from a backup"
            raise LedgerTamperedError(message)
        previous, expected = entry.sha256, expected + 1
    return expected - 1


class PartitionStatus(StrEnum):
    """Where a partition stands."""

    INGESTED = "ingested"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class PartitionRecord(BaseModel):
    """The newest revision of one partition and where it stands."""

    model_config = ConfigDict(frozen=True)

    snapshot: Snapshot
    status: PartitionStatus
    decided_by: str | None = Field(default=None, description="Who released or discarded it, over the suite's head.")

    def ref(self) -> SnapshotRef:
        """Return the entry that a training manifest holds."""
        names = SnapshotRef.model_fields.keys()
        return SnapshotRef.model_validate(self.snapshot.model_dump(include=set(names)))


class ServedVersion(BaseModel):
    """What served from one moment on."""

    model_config = ConfigDict(frozen=True)

    version: str
    partition: PartitionKey
    token: int
    since: datetime
    actor: str
    reason: str
    url: str | None = None


class LedgerState(BaseModel):
    """What a model's entries add up to."""

    model_config = ConfigDict(frozen=True)

    sequence: int = 0
    partitions: dict[str, PartitionRecord] = {}
    releases: tuple[ServedVersion, ...] = ()
    newest_token: int = 0
    last_drift_partition: PartitionKey | None = None

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> "LedgerState":
        """Fold a chain into its state."""
        sequence, newest_token = 0, 0
        partitions: dict[str, PartitionRecord] = {}
        releases: list[ServedVersion] = []
        last_drift: str | None = None
        for entry in entries:
            sequence = entry.sequence
            match entry.kind:
                case EntryKind.PARTITION_INGESTED:
                    snapshot = Snapshot.model_validate(entry.payload["snapshot"])
                    partitions[snapshot.partition] = PartitionRecord(snapshot=snapshot, status=PartitionStatus.INGESTED)
                case kind if kind in _DECISIONS:
                    apply, status = _DECISIONS[kind]
                    apply(partitions, entry, status)
                case EntryKind.RELEASE_STARTED:
                    newest_token = entry.sequence
                case EntryKind.RELEASE_SETTLED:
                    releases.append(
                        ServedVersion.model_validate(
                            {**entry.payload, "since": entry.recorded_at, "actor": entry.actor}
                        )
                    )
                case EntryKind.DRIFT_FOUND:
                    last_drift = str(entry.payload["newest_partition"])
                case _:
                    pass
        return cls(
            sequence=sequence,
            partitions=partitions,
            releases=tuple(releases),
            newest_token=newest_token,
            last_drift_partition=last_drift,
        )

    @property
    def champion(self) -> ServedVersion | None:
        """What serves now."""
        return self.releases[-1] if self.releases else None

    def served_at(self, moment: datetime) -> ServedVersion | None:
        """Return what served at a moment (with a time zone)."""
        return next((served for served in reversed(self.releases) if served.since <= moment), None)

    def keys(self, status: PartitionStatus) -> tuple[str, ...]:
        """Return the keys of all partitions in a status, oldest first."""
        return tuple(sorted(key for key, record in self.partitions.items() if record.status is status))


def _judge(partitions: dict[str, PartitionRecord], entry: LedgerEntry, status: PartitionStatus) -> None:
    """Apply a validation result, unless it speaks of a superseded revision or a person has decided."""
    record = _spoken_of(partitions, entry)
    if record and record.decided_by is None:
        partitions[record.snapshot.partition] = record.model_copy(update={"status": status})


def _decide(partitions: dict[str, PartitionRecord], entry: LedgerEntry, status: PartitionStatus) -> None:
    """Apply a person's decision on these very bytes: it stands until the partition is delivered anew."""
    if record := _spoken_of(partitions, entry):
        decided = {"status": status, "decided_by": entry.actor}
        partitions[record.snapshot.partition] = record.model_copy(update=decided)


def _spoken_of(partitions: dict[str, PartitionRecord], entry: LedgerEntry) -> PartitionRecord | None:
    record = partitions.get(str(entry.payload["partition"]))
    return record if record and record.snapshot.data_sha256 == entry.payload["data_sha256"] else None


_DECISIONS: Mapping[
    EntryKind, tuple[Callable[[dict[str, PartitionRecord], LedgerEntry, PartitionStatus], None], PartitionStatus]
] = {
    EntryKind.PARTITION_ACCEPTED: (_judge, PartitionStatus.ACCEPTED),
    EntryKind.PARTITION_REJECTED: (_judge, PartitionStatus.QUARANTINED),
    EntryKind.PARTITION_RELEASED: (_decide, PartitionStatus.ACCEPTED),
    EntryKind.PARTITION_DISCARDED: (_decide, PartitionStatus.DISCARDED),
}
