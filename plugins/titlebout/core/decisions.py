"""What a person may decide about a partition, and where a partition has to stand for it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, ValidationError

from titlebout.core.errors import DecisionRefusedError
from titlebout.core.first_mistake import first_mistake
from titlebout.core.ledgers.ledger import (
    EntryKind,
    LedgerEntry,
    PartitionRecord,
    PartitionStatus,
    moved_partition,
    partition_after,
)
from titlebout.core.results import PartitionKey, Result

MAX_NAME_CHARACTERS = 64
MAX_REASON_CHARACTERS = 300
PERSON = "person:"
"""Begins the actor of an entry that a person answers for."""


class Choice(StrEnum):
    """What can be decided."""

    RELEASE = "release"
    REJECT = "reject"

    @property
    def kind(self) -> EntryKind:
        """The ledger entry that records it."""
        return EntryKind.PARTITION_RELEASED if self is Choice.RELEASE else EntryKind.PARTITION_DISCARDED

    @property
    def leads_to(self) -> PartitionStatus:
        """Where a partition stands afterwards."""
        return PartitionStatus.ACCEPTED if self is Choice.RELEASE else PartitionStatus.DISCARDED


def _one_line(text: str, limit: int) -> str:
    line = " ".join(text.split())
    # Nothing invisible and nothing that turns the reading direction: the ledger is shown in terminals and pages.
    if not line or not line.isprintable() or len(line) > limit:
        message = f"give one line of 1 to {limit} printable characters"
        raise ValueError(message)
    return line


def _name(text: str) -> str:
    return _one_line(text.strip().removeprefix(PERSON), MAX_NAME_CHARACTERS)


def _reason(text: str) -> str:
    return _one_line(text, MAX_REASON_CHARACTERS)


PersonName = Annotated[str, AfterValidator(_name)]
"""Who decides, without the beginning that the ledger puts before a name."""
PersonReason = Annotated[str, AfterValidator(_reason)]


class PersonsWord(Result):
    """Who says something, and why."""

    by: PersonName
    reason: PersonReason

    @classmethod
    def of(cls, *, by: str, reason: str, **more: object) -> Self:
        """Check name and reason.

        Raises:
            DecisionRefusedError: One of them is empty, too long, or holds what cannot be printed.
        """
        try:
            return cls.model_validate({"by": by, "reason": reason, **more})
        except ValidationError as error:
            message = f"--{first_mistake(error, 'by')}"
            raise DecisionRefusedError(message) from None

    @property
    def actor(self) -> str:
        """Who answers for the ledger entry."""
        return f"{PERSON}{self.by}"


class Decision(PersonsWord):
    """A person's decision about a partition."""

    choice: Choice

    def is_made(self, record: PartitionRecord) -> bool:
        """Whether a person has decided the same about these bytes before."""
        return record.decided_by is not None and record.status is self.choice.leads_to

    def check(self, record: PartitionRecord) -> None:
        """Check that it fits where the partition stands.

        What the suite accepted, or nobody judged yet, may be rejected: a person may know better than the suite,
        and to keep a day out is safe. Releasing is for what a suite or a person has turned down.

        Raises:
            DecisionRefusedError: It does not; the message says where the partition stands.
        """
        if self.choice is Choice.REJECT or self.is_made(record):
            return
        if record.status is PartitionStatus.INGESTED:
            message = (
                f"{named(record)} was ingested and never judged, so there is nothing to release; "
                "the next run whose windows hold it judges it, or clear validate_partition of its own run"
            )
            raise DecisionRefusedError(message)
        if record.status is PartitionStatus.ACCEPTED:
            message = f"{named(record)} is not in quarantine: the suite accepted it, later windows read it already"
            raise DecisionRefusedError(message)


def named(record: PartitionRecord) -> str:
    """Name the newest revision of a partition."""
    snapshot = record.snapshot
    return f"{snapshot.model} {snapshot.partition} (revision {snapshot.revision})"


def standing_since(entries: Iterable[LedgerEntry]) -> dict[PartitionKey, datetime]:
    """Return since when the newest revision of each partition has stood where it stands now."""
    records: dict[PartitionKey, PartitionRecord] = {}
    since: dict[PartitionKey, datetime] = {}
    for entry in entries:
        key = moved_partition(entry)
        before = records.get(key) if key else None
        after = partition_after(entry, before) if key else None
        if key is None or after is None:
            continue
        if before is None or _standing(before) != _standing(after):
            since[key] = entry.recorded_at
        records[key] = after
    return since


def _standing(record: PartitionRecord) -> tuple[int, PartitionStatus, bool]:
    return record.sequence, record.status, record.decided_by is not None
