"""The ledger: kinds of entries, what an entry's hash covers, and what a model's entries add up to."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers import entry_kinds
from titlebout.core.results import PartitionKey, Sha256, Snapshot, SnapshotRef

Payload = TypeVar("Payload", bound=BaseModel)

EntryKind = entry_kinds.EntryKind
"""What the ledger records: a list with a file of its own."""


class EntryBody(BaseModel):
    """Everything of an entry that its hash covers. `sequence` counts from 1 per model without gaps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    sequence: int = Field(ge=1)
    recorded_at: datetime = Field(
        description="UTC; before the entry in front of it only where a person said that its clock was wrong."
    )
    kind: EntryKind
    payload: dict[str, JsonValue]
    actor: str
    once: str | None = None
    previous_sha256: Sha256

    def document(self) -> dict[str, JsonValue]:
        """Return the fields as plain JSON, always written in the same way."""
        # Not `model_dump(mode="json")`: it walks the payload, which is plain JSON already.
        written = {name: getattr(self, name) for name in type(self).model_fields}
        return written | {"recorded_at": moment_text(self.recorded_at)}

    @property
    def name(self) -> str:
        """How messages name the entry."""
        return f"ledger of {self.model!r}, entry {self.sequence} ({self.kind})"

    def read(self, kind: type[Payload], part: str | None = None) -> Payload:
        """Return what the payload says, or what stands under one of its keys.

        Raises:
            LedgerTamperedError: It is not of that kind.
        """
        try:
            return kind.model_validate(self.payload.get(part) if part else self.payload)
        except ValidationError as error:
            raise self.not_of_its_kind() from error

    def not_of_its_kind(self) -> LedgerTamperedError:
        """Return the error for a payload that does not hold what the entry's kind asks for."""
        return LedgerTamperedError(f"{self.name}: its payload is not of its kind; if a newer release wrote it, upgrade")

    def digest(self) -> str:
        """Hash the canonical JSON of all fields: keys sorted, no spaces, ASCII."""
        document = self.document()
        document.pop("sha256", None)
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()


class LedgerEntry(EntryBody):
    """One recorded decision, chained to the one before it."""

    sha256: Sha256

    @classmethod
    def sealed(cls, body: EntryBody) -> "LedgerEntry":
        """Seal a body with its hash."""
        return cls(**dict(body), sha256=body.digest())


def moment_text(moment: datetime) -> str:
    """Write a moment as the ledger does: UTC, in microseconds, so that texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class PartitionStatus(StrEnum):
    """Where a partition stands."""

    INGESTED = "ingested"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


_STATUS_AFTER: Mapping[EntryKind, PartitionStatus] = {
    EntryKind.PARTITION_INGESTED: PartitionStatus.INGESTED,
    EntryKind.PARTITION_ACCEPTED: PartitionStatus.ACCEPTED,
    EntryKind.PARTITION_REJECTED: PartitionStatus.QUARANTINED,
    EntryKind.PARTITION_RELEASED: PartitionStatus.ACCEPTED,
    EntryKind.PARTITION_DISCARDED: PartitionStatus.DISCARDED,
}
_BY_A_PERSON = frozenset({EntryKind.PARTITION_RELEASED, EntryKind.PARTITION_DISCARDED})
RELEASE_AND_DRIFT_KINDS = frozenset(
    {EntryKind.RELEASE_STARTED, EntryKind.RELEASE_SETTLED, EntryKind.DRIFT_FOUND, EntryKind.LEDGER_ACCEPTED}
)
"""The kinds that a state rests on besides those that move a partition."""


class PartitionRecord(BaseModel):
    """The newest revision of one partition and where it stands."""

    model_config = ConfigDict(frozen=True)

    snapshot: Snapshot
    sequence: int = Field(description="Of the entry that ingested it.")
    status: PartitionStatus
    decided_by: str | None = Field(default=None, description="Who released or discarded it, over the suite's head.")

    def ref(self) -> SnapshotRef:
        """Return the entry that a training manifest holds."""
        names = SnapshotRef.model_fields.keys()
        return SnapshotRef.model_validate(self.snapshot.model_dump(include=set(names)))


def moved_partition(entry: LedgerEntry) -> PartitionKey | None:
    """Return the partition that an entry may move to another status, if it is of such a kind."""
    if entry.kind not in _STATUS_AFTER:
        return None
    payload: Any = entry.payload
    return str((payload["snapshot"] if entry.kind is EntryKind.PARTITION_INGESTED else payload)["partition"])


def partition_after(entry: LedgerEntry, before: PartitionRecord | None) -> PartitionRecord | None:
    """Return where a partition stands after an entry that may move it.

    New rows wait for a judgement. One that speaks of other bytes than the newest revision's changes nothing, and
    a person's decision stands over the suite's, until the partition is delivered anew.

    Args:
        entry: The entry.
        before: Where the partition stood, if it was known.
    """
    status = _STATUS_AFTER[entry.kind]
    if entry.kind is EntryKind.PARTITION_INGESTED:
        snapshot = entry.read(Snapshot, "snapshot")
        return PartitionRecord(snapshot=snapshot, sequence=entry.sequence, status=status)
    if before is None or entry.payload["data_sha256"] != before.snapshot.data_sha256:
        return before
    if entry.kind in _BY_A_PERSON:
        return before.model_copy(update={"status": status, "decided_by": entry.actor})
    return before if before.decided_by else before.model_copy(update={"status": status})


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
    withdraws: str | None = Field(default=None, description="The version whose place it took in a rollback.")

    @classmethod
    def of(cls, settled: LedgerEntry) -> "ServedVersion":
        """Read a settled release."""
        return cls.model_validate({**settled.payload, "since": settled.recorded_at, "actor": settled.actor})


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
        """Fold a chain into its state: the rule that every stored state is held against.

        Raises:
            LedgerTamperedError: An entry does not hold what its kind asks for.
        """
        sums = _Sums()
        for entry in entries:
            try:
                sums.add(entry)
            except (KeyError, TypeError, ValueError) as error:
                raise entry.not_of_its_kind() from error
        return cls.model_validate(vars(sums))

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


@dataclass
class _Sums:
    """A state that is being added up."""

    sequence: int = 0
    partitions: dict[str, PartitionRecord] = field(default_factory=dict)
    releases: list[ServedVersion] = field(default_factory=list)
    newest_token: int = 0
    last_drift_partition: str | None = None

    def add(self, entry: LedgerEntry) -> None:
        self.sequence = entry.sequence
        if key := moved_partition(entry):
            if record := partition_after(entry, self.partitions.get(key)):
                self.partitions[key] = record
        elif entry.kind is EntryKind.RELEASE_STARTED:
            self.newest_token = entry.sequence
        elif entry.kind is EntryKind.RELEASE_SETTLED:
            self.releases.append(ServedVersion.of(entry))
        elif entry.kind is EntryKind.DRIFT_FOUND:
            self.last_drift_partition = str(entry.payload["newest_partition"])
        elif entry.kind is EntryKind.LEDGER_ACCEPTED:  # what a clock far ahead has dated came before this
            latest = entry.recorded_at
            self.releases = [served.model_copy(update={"since": min(served.since, latest)}) for served in self.releases]
