"""The ledger's tables, and how entries become rows and rows entries."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryBody, EntryKind, LedgerEntry, moment_text

PAGE_ROWS = 1000


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))


LEDGER = _table("titlebout_ledger", *EntryBody.model_fields, "sha256")
PARTITIONS = _table("titlebout_ledger_partitions", "model", "partition", "status", "decided_by", "sequence")
HEADS = _table("titlebout_ledger_heads", "model", "sequence", "sha256")


def entry_row(entry: LedgerEntry) -> dict[str, Any]:
    """Return the row of an entry. Time and payload are text, so that a row read back hashes to the same bytes."""
    return {**entry.document(), "payload": json.dumps(entry.payload, sort_keys=True, allow_nan=False)}


def row_entry(row: sa.RowMapping) -> LedgerEntry:
    """Read a row back; where that fails, the chain itself could not say what is wrong."""
    try:
        return LedgerEntry.model_validate({**row, "payload": json.loads(row["payload"])})
    except (ValueError, TypeError) as error:
        message = (
            f"ledger of {row['model']!r}, entry {row['sequence']} ({row['kind']}) is not readable: it was changed by "
            "hand, or a newer release wrote it; restore the ledger from a backup or an export, or upgrade titlebout"
        )
        raise LedgerTamperedError(message) from error


def read_entries(
    connection: sa.Connection,
    model: str,
    *,
    kinds: Collection[EntryKind] | None = None,
    since: datetime | None = None,
    newest: int | None = None,
) -> tuple[LedgerEntry, ...]:
    """Return a model's entries in order; see the port."""
    query = sa.select(LEDGER).where(LEDGER.c.model == model).order_by(LEDGER.c.sequence.desc()).limit(newest)
    if kinds is not None:
        query = query.where(LEDGER.c.kind.in_([kind.value for kind in kinds]))
    if since is not None:
        query = query.where(LEDGER.c.recorded_at >= moment_text(since))
    rows = connection.execute(query).mappings().all()
    return tuple(row_entry(row) for row in reversed(rows))


def every_entry(connection: sa.Connection, model: str) -> Iterator[LedgerEntry]:
    """Yield a model's entries in order, holding one page of them at a time."""
    query = sa.select(LEDGER).where(LEDGER.c.model == model).order_by(LEDGER.c.sequence).limit(PAGE_ROWS)
    page = connection.execute(query).mappings().all()
    while page:
        yield from map(row_entry, page)
        page = connection.execute(query.where(LEDGER.c.sequence > page[-1]["sequence"])).mappings().all()


def every_model(connection: sa.Connection) -> tuple[str, ...]:
    """Return the names of all models that have an entry, or had one when the last was appended."""
    query = sa.union(sa.select(LEDGER.c.model), sa.select(HEADS.c.model))
    return tuple(sorted(connection.execute(query).scalars()))


def newest_settled(connection: sa.Connection) -> tuple[LedgerEntry, ...]:
    """Return the newest settled release of each model that has one."""
    newest = (
        sa.select(LEDGER.c.model, sa.func.max(LEDGER.c.sequence).label("sequence"))
        .where(LEDGER.c.kind == EntryKind.RELEASE_SETTLED.value)
        .group_by(LEDGER.c.model)
        .subquery()
    )
    same = (LEDGER.c.model == newest.c.model) & (LEDGER.c.sequence == newest.c.sequence)
    rows = connection.execute(sa.select(LEDGER).join(newest, same)).mappings()
    return tuple(row_entry(row) for row in rows)
