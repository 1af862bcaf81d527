"""The proof of a ledger: its chain holds, nothing is missing at the end, and what was derived from it agrees."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import LedgerEntry, LedgerState, PartitionRecord
from titlebout.core.ledgers.ledger_chain import ChainHead, checked

MAX_PARTITIONS_NAMED = 10


@dataclass(frozen=True)
class DerivedTables:
    """What a ledger keeps besides the entries, as it stands there.

    Attributes:
        head: The last entry that was appended.
        partitions: Where each partition stands.
    """

    head: ChainHead | None
    partitions: Mapping[str, PartitionRecord]


@dataclass(frozen=True)
class Audit:
    """What was found about one model.

    Attributes:
        model: Its name.
        head: The last entry up to which the chain holds; the entries are as many as its sequence says.
        problems: One sentence each; none, if everything holds.
    """

    model: str
    head: ChainHead
    problems: tuple[str, ...]


def audit_model(
    model: str,
    entries: Iterable[LedgerEntry],
    *,
    derived: DerivedTables | None = None,
    earlier: Mapping[int, str] | None = None,
) -> Audit:
    """Prove one model's chain.

    Args:
        model: Its name.
        entries: All its entries.
        derived: What the ledger keeps besides them; an export has none.
        earlier: SHA-256 by sequence of the entries that an earlier export holds.
    """
    walk = _Walk(ChainHead(model=model), {}, dict(earlier or {}))
    try:
        state = LedgerState.of(walk.through(checked(entries)))
    except LedgerTamperedError as error:
        return Audit(model, walk.head, (str(error),))
    problems = [*walk.lost()]
    if derived is not None:
        if problem := head_problem(derived.head, walk.head):
            problems.append(f"ledger of {model!r}: {problem}")
        problems += (f"ledger of {model!r}: {each}" for each in _disagreements(state.partitions, derived.partitions))
    return Audit(model, walk.head, tuple(problems))


def head_problem(recorded: ChainHead | None, last: ChainHead) -> str | None:
    """Say what is wrong where the last entry is not the one that was recorded as appended last."""
    found = recorded or ChainHead(model=last.model)
    if (found.sequence, found.sha256) == (last.sequence, last.sha256):
        return None
    if found.sequence > last.sequence:
        return f"{_span(last.sequence + 1, found.sequence)} missing at the end, {found.sequence} was appended last"
    if found.sequence < last.sequence:
        appended = f"{found.sequence} was appended last" if recorded else "none is recorded as appended"
        return f"{_span(found.sequence + 1, last.sequence)} put in at the end, {appended}"
    return f"entry {last.sequence} is not the one that was appended last"


def by_model(entries: Iterable[LedgerEntry]) -> Iterator[tuple[str, Iterator[LedgerEntry]]]:
    """Split an export into its models; each has to be read before the next.

    Raises:
        LedgerTamperedError: The entries of a model stand in two places.
    """
    seen = set()
    for model, chain in groupby(entries, key=lambda entry: entry.model):
        if model in seen:
            message = f"ledger of {model!r}: its entries stand in two places of the export; take another export"
            raise LedgerTamperedError(message)
        seen.add(model)
        yield model, chain


@dataclass
class _Walk:
    """Remembers where a walk along a chain is, and which entries of an earlier export it has met."""

    head: ChainHead
    changed: dict[int, str]
    unmet: dict[int, str]

    def through(self, entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
        for entry in entries:
            known = self.unmet.pop(entry.sequence, entry.sha256)
            if known != entry.sha256:
                self.changed[entry.sequence] = known
            self.head = ChainHead.of(entry)
            yield entry

    def lost(self) -> Iterator[str]:
        where = f"ledger of {self.head.model!r}"
        if self.changed:
            yield f"{where}: entry {min(self.changed)} and what follows were written anew since the export"
        if self.unmet:
            yield f"{where}: {_span(min(self.unmet), max(self.unmet))} in the export and missing here"


def _disagreements(told: Mapping[str, PartitionRecord], kept: Mapping[str, PartitionRecord]) -> Iterator[str]:
    """Compare what the entries tell with what the table keeps."""
    different = [key for key in sorted({*told, *kept}) if told.get(key) != kept.get(key)]
    for key in different[:MAX_PARTITIONS_NAMED]:
        yield (
            f"partition {key} is {_standing(kept.get(key))} in the derived table, "
            f"{_standing(told.get(key))} by the entries"
        )
    if len(different) > MAX_PARTITIONS_NAMED:
        yield f"so are {len(different) - MAX_PARTITIONS_NAMED} more partitions"


def _standing(record: PartitionRecord | None) -> str:
    if record is None:
        return "unknown"
    decided = f" by {record.decided_by}" if record.decided_by else ""
    return f"{record.status}{decided} (revision {record.snapshot.revision}, entry {record.sequence})"


def _span(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
