"""Append-only chains in a SQL table, one per model."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import JsonValue

from titlebout.adapters.sql_ledger.derived_tables import (
    derive,
    derive_all,
    every_head,
    last_entry,
    read_partitions,
    rebuild,
    recorded_head,
)
from titlebout.adapters.sql_ledger.ledger_database import LedgerDatabase
from titlebout.adapters.sql_ledger.ledger_tables import (
    LEDGER,
    PAGE_ROWS,
    PARTITIONS,
    entry_row,
    every_entry,
    every_model,
    newest_settled,
    read_entries,
    row_entry,
)
from titlebout.core.errors import LedgerConflictError, LedgerTamperedError
from titlebout.core.ledgers.ledger import (
    RELEASE_AND_DRIFT_KINDS,
    EntryKind,
    LedgerEntry,
    LedgerState,
    PartitionStatus,
    ServedVersion,
)
from titlebout.core.ledgers.ledger_audit import Audit, DerivedTables, audit_model, by_model
from titlebout.core.ledgers.ledger_chain import checked
from titlebout.core.ledgers.model_summary import ModelSummary

if TYPE_CHECKING:
    from titlebout.core.ledgers.ledger_port import LedgerUpkeep


class SqlLedger:
    """Append-only chains, one per model, and two tables that are derived from them.

    A writer holds the lock of its model (Postgres) or of the database (SQLite) from reading the last entry
    to committing the next, so sequences have no gaps and nobody's compare-and-set is decided on old news.
    The primary key (model, sequence) would refuse a fork even if that lock were broken.
    """

    def __init__(self, url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open the database and bring its schema up to date; see `LedgerDatabase`."""
        self._database = LedgerDatabase(url)
        self._clock = clock

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
        """Append one entry; see the port."""
        with self._database.writing(model) as connection:
            if once is not None and (twin := _twin(connection, model, once)):
                return twin
            last = last_entry(connection, model)
            if expected_sequence is not None and last.sequence != expected_sequence:
                message = (
                    f"ledger of {model!r}: entry {last.sequence} is the last, expected {expected_sequence}: "
                    "another run decided in between; clear the task to decide on the newer state"
                )
                raise LedgerConflictError(message)
            entry = last.next_entry(kind, payload, actor=actor, once=once, now=self._clock())
            _put(connection, entry)
            return entry

    def entries(
        self,
        model: str,
        *,
        kinds: Collection[EntryKind] | None = None,
        since: datetime | None = None,
        newest: int | None = None,
    ) -> Sequence[LedgerEntry]:
        """Return a model's chain from the first entry on; see the port."""
        with self._database.reading() as connection:
            return read_entries(connection, model, kinds=kinds, since=since, newest=newest)

    def state(self, model: str) -> LedgerState:
        """Return what a model's entries add up to; see the port."""
        with self._database.reading() as connection:
            sequence = last_entry(connection, model).sequence
            partitions = read_partitions(connection, model)
            rest = LedgerState.of(read_entries(connection, model, kinds=RELEASE_AND_DRIFT_KINDS))
        return rest.model_copy(update={"sequence": sequence, "partitions": partitions})

    def overview(self) -> Sequence[ModelSummary]:
        """Return one summary for each model; see the port."""
        with self._database.reading() as connection:
            counts: dict[str, dict[PartitionStatus, int]] = {}
            columns = (PARTITIONS.c.model, PARTITIONS.c.status)
            query = sa.select(*columns, sa.func.count()).group_by(*columns)
            for model, status, count in connection.execute(query):
                counts.setdefault(model, {})[PartitionStatus(status)] = count
            champions = {entry.model: ServedVersion.of(entry) for entry in newest_settled(connection)}
            return tuple(
                ModelSummary(
                    model=head.model,
                    sequence=head.sequence,
                    recorded_at=head.recorded_at,
                    champion=champions.get(head.model),
                    partitions=counts.get(head.model, {}),
                )
                for head in every_head(connection)
            )

    def models(self) -> Sequence[str]:
        """Return the names of all models with entries, sorted."""
        with self._database.reading() as connection:
            return every_model(connection)

    def audit(self, model: str, *, earlier: Mapping[int, str] | None = None) -> Audit:
        """Prove one model's chain, and what is kept besides it; see the port."""
        with self._database.reading() as connection:
            head, entries = recorded_head(connection, model), every_entry(connection, model)
            try:
                derived = DerivedTables(head, read_partitions(connection, model))
            except LedgerTamperedError as error:
                audit = audit_model(model, entries, earlier=earlier)
                return replace(audit, problems=(*audit.problems, str(error)))
            return audit_model(model, entries, derived=derived, earlier=earlier)

    def proven(self, model: str) -> Iterator[LedgerEntry]:
        """Yield a model's entries as far as their chain holds; see the port."""
        with self._database.reading() as connection:
            last_entry(connection, model)
            yield from checked(every_entry(connection, model))

    def rebuild(self, model: str, *, accept: bool = False, actor: str = "") -> None:
        """Derive anew what is kept besides a model's entries; see the port."""
        with self._database.writing(model) as connection:
            problem = _problem(connection, model)
            if problem and not accept:
                raise problem
            lost = recorded_head(connection, model)
            rebuild(connection, model, checked(every_entry(connection, model)))
            last, now = last_entry(connection, model), self._clock()
            is_ahead = accept and last.is_ahead_of(now)
            if last.sequence and (problem or is_ahead):
                payload: dict[str, JsonValue] = {"sequence": last.sequence, "sha256": last.sha256}
                payload |= {
                    "lost_sequence": lost.sequence if lost else None,
                    "lost_sha256": lost.sha256 if lost else None,
                }
                if is_ahead:
                    last = last.model_copy(update={"recorded_at": None})
                accepted = EntryKind.LEDGER_ACCEPTED
                _put(connection, last.next_entry(accepted, payload, actor=actor, once=None, now=now))

    def restore(self, entries: Iterable[LedgerEntry]) -> int:
        """Write an export into an empty ledger; see the port."""
        with self._database.writing("") as connection:
            if models := every_model(connection):
                message = f"ledger {self._database.where} holds {len(models)} models; restore into an empty one"
                raise LedgerConflictError(message)
            return sum(
                derive_all(connection, model, _inserting(connection, checked(chain))).sequence
                for model, chain in by_model(entries)
            )


def _problem(connection: sa.Connection, model: str) -> LedgerTamperedError | None:
    """Return what is wrong with the last entry, if anything is."""
    try:
        last_entry(connection, model)
    except LedgerTamperedError as error:
        return error
    return None


def _put(connection: sa.Connection, entry: LedgerEntry) -> None:
    connection.execute(sa.insert(LEDGER), entry_row(entry))
    derive(connection, entry)


def _twin(connection: sa.Connection, model: str, once: str) -> LedgerEntry | None:
    query = sa.select(LEDGER).where(LEDGER.c.model == model, LEDGER.c.once == once)
    row = connection.execute(query).mappings().first()
    return row_entry(row) if row else None


def _inserting(connection: sa.Connection, entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
    """Insert entries page by page as they pass."""
    page: list[LedgerEntry] = []
    for entry in entries:
        page.append(entry)
        if len(page) == PAGE_ROWS:
            connection.execute(sa.insert(LEDGER), [entry_row(each) for each in page])
            page.clear()
        yield entry
    if page:
        connection.execute(sa.insert(LEDGER), [entry_row(each) for each in page])


if TYPE_CHECKING:
    _proof: LedgerUpkeep = SqlLedger("sqlite://")
