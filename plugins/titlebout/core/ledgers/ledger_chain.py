"""The ledger's hash chains: how an entry is linked to the one before it, and the proof that none was touched."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, JsonValue

from titlebout.core.errors import LedgerClockError, LedgerPayloadError, LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryBody, EntryKind, LedgerEntry, LedgerState
from titlebout.core.results import Sha256

GENESIS = "0" * 64
"""What the first entry of a chain names as its predecessor."""
MAX_PAYLOAD_BYTES = 256 * 1024
"""Far more than any decision needs; what is larger belongs into the lake, and its path here."""

LARGEST_STEP_BACK = timedelta(days=1)
"""Clocks of machines differ by seconds, and by hours where one has the wrong time zone; more is a broken clock."""


class ChainHead(BaseModel):
    """The last entry of a model's chain, on which the next one is linked."""

    model_config = ConfigDict(frozen=True)

    model: str
    sequence: int = 0
    sha256: Sha256 = GENESIS
    recorded_at: datetime | None = None

    @classmethod
    def of(cls, entry: LedgerEntry) -> "ChainHead":
        """Take an entry as the head."""
        return cls(model=entry.model, sequence=entry.sequence, sha256=entry.sha256, recorded_at=entry.recorded_at)

    def is_ahead_of(self, now: datetime) -> bool:
        """Whether the entry is dated so far ahead that its clock was wrong, or this one is."""
        return self.recorded_at is not None and self.recorded_at - now > LARGEST_STEP_BACK

    def next_entry(
        self, kind: EntryKind, payload: Mapping[str, JsonValue], *, actor: str, once: str | None, now: datetime
    ) -> LedgerEntry:
        """Return the sealed entry that follows.

        A clock that was set back does not date a decision before the one that it rests on.

        Raises:
            LedgerClockError: The clock lies more than `LARGEST_STEP_BACK` behind: it is wrong, or the dates to come
                would all be that of the last entry.
            LedgerPayloadError: The payload is no JSON or too large.
        """
        if self.recorded_at is not None and self.is_ahead_of(now):
            message = (
                f"ledger of {self.model!r}: entry {self.sequence} is dated {self.recorded_at:%Y-%m-%d %H:%M}Z, and the "
                f"clock here says {now:%Y-%m-%d %H:%M}Z; set the clock right; if the entry is what is wrong, "
                f"`titlebout ledger rebuild {self.model} --accept` goes on by this clock"
            )
            raise LedgerClockError(message)
        body = EntryBody(
            model=self.model,
            sequence=self.sequence + 1,
            recorded_at=max(now, self.recorded_at or now),
            kind=kind,
            payload=self._stored(kind, payload),
            actor=actor,
            once=once,
            previous_sha256=self.sha256,
        )
        entry = LedgerEntry.sealed(body)
        try:
            LedgerState.of([entry])
        except LedgerTamperedError as error:  # it would make the state unreadable for good
            raise LedgerPayloadError(str(error)) from error
        return entry

    def _stored(self, kind: EntryKind, payload: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the payload as it is read back later."""
        what = f"ledger of {self.model!r}: the payload of {kind}"
        try:
            text = json.dumps(dict(payload), allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"{what} is no JSON: {error}; write NaN and infinity as text, and moments in ISO form"
            raise LedgerPayloadError(message) from error
        if len(text) > MAX_PAYLOAD_BYTES:
            size = f"{len(text):,} bytes, {MAX_PAYLOAD_BYTES:,} are allowed"
            message = f"{what} has {size}; store it in the lake and record its path"
            raise LedgerPayloadError(message)
        stored: dict[str, JsonValue] = json.loads(text)
        return stored


def checked(entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
    """Yield a model's entries, from the first one on, as far as their chain holds.

    Raises:
        LedgerTamperedError: A byte was changed, an entry is missing or was put in, or two were swapped.
    """
    previous, expected = GENESIS, 1
    for entry in entries:
        problem = None
        if entry.sequence != expected:
            problem = f"entry {expected} is missing or out of order"
        elif entry.previous_sha256 != previous:
            problem = "does not follow the entry before it"
        elif entry.digest() != entry.sha256:
            problem = "its content was changed after it was written"
        if problem:
            message = f"{entry.name}: {problem}; restore the ledger from a backup or an export"
            raise LedgerTamperedError(message)
        yield entry
        previous, expected = entry.sha256, expected + 1


def verify_chain(entries: Iterable[LedgerEntry]) -> int:
    """Check a model's whole chain and return its length.

    Raises:
        LedgerTamperedError: It does not hold.
    """
    return sum(1 for _ in checked(entries))
