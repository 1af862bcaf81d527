"""The ports of the ledger: what the steps need of it, and what proves and repairs it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState
from titlebout.core.ledgers.ledger_audit import Audit
from titlebout.core.ledgers.model_summary import ModelSummary


class Ledger(Protocol):
    """The append-only, hash-chained record of decisions."""

    def append(
        self,
        model: str,
        kind: EntryKind,
        payload: Mapping[str, JsonValue],
        *,
        actor: str,
        once: str | None = None,
        expected_sequence: int | None = None,
    ) -> LedgerEntry:
        """Append one entry.

        Args:
            model: Name of the model; each has its own chain.
            kind: What is being recorded.
            payload: JSON without secrets, at most `ledger_chain.MAX_PAYLOAD_BYTES`.
            actor: Run id or person.
            once: Idempotency key: if an entry of this model already carries it, that entry is returned
                and nothing is written.
            expected_sequence: Compare-and-set: the last sequence the caller has seen (0: none).

        Raises:
            LedgerConflictError: The last sequence is another than expected.
            LedgerClockError: The last entry is dated far ahead of the clock.
            LedgerPayloadError: The payload is no JSON, none of its kind, or too large.
            LedgerTamperedError: The last entry is not the one that was appended last.
            UnavailableError: The database does not answer.
        """
        ...

    def entries(
        self,
        model: str,
        *,
        kinds: Collection[EntryKind] | None = None,
        since: datetime | None = None,
        newest: int | None = None,
    ) -> Sequence[LedgerEntry]:
        """Return a model's chain from the first entry on, or a part of it.

        Args:
            model: Name of the model.
            kinds: Only entries of these kinds.
            since: Only entries that were recorded at this moment (with a time zone) or later.
            newest: At most so many, the last ones; the order stays.
        """
        ...

    def state(self, model: str) -> LedgerState:
        """Return what a model's entries add up to: the same as `LedgerState.of` all of them, without reading all.

        Raises:
            LedgerTamperedError: The last entry is not the one that was appended last.
        """
        ...

    def overview(self) -> Sequence[ModelSummary]:
        """Return one summary for each model with entries, sorted by name."""
        ...

    def models(self) -> Sequence[str]:
        """Return the names of all models with entries, sorted."""
        ...


class LedgerUpkeep(Ledger, Protocol):
    """A ledger as the command line sees it: it can be proven, repaired and restored."""

    def audit(self, model: str, *, earlier: Mapping[int, str] | None = None) -> Audit:
        """Prove one model's chain, and what is kept besides it.

        Args:
            model: Name of the model.
            earlier: SHA-256 by sequence of the entries that an earlier export holds.
        """
        ...

    def proven(self, model: str) -> Iterator[LedgerEntry]:
        """Yield a model's entries from the first one on, as far as their chain holds.

        Raises:
            LedgerTamperedError: It does not hold, or ends before the entry that was appended last.
        """
        ...

    def rebuild(self, model: str, *, accept: bool = False, actor: str = "") -> None:
        """Derive anew what is kept besides a model's entries.

        Args:
            model: Name of the model.
            accept: Also where the last entry is not the one that was appended last: from now on it counts as such,
                and an entry says who accepted that. The same where it is dated far ahead of the clock: what follows
                is dated by the clock again.
            actor: The person.

        Raises:
            LedgerTamperedError: The chain does not hold, or the last entry would have to be accepted.
        """
        ...

    def restore(self, entries: Iterable[LedgerEntry]) -> int:
        """Write all entries of an export, grouped by model, into an empty ledger; all of them or none.

        Returns:
            How many they are.

        Raises:
            LedgerConflictError: The ledger is not empty.
            LedgerTamperedError: A chain does not hold.
        """
        ...
