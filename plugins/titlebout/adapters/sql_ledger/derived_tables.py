"""The two tables that are derived from the entries, in the transaction that appends one: heads and partitions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from titlebout.adapters.sql_ledger.ledger_tables import HEADS, LEDGER, PARTITIONS
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import LedgerEntry, LedgerState, PartitionRecord, moved_partition, partition_after
from titlebout.core.ledgers.ledger_audit import head_problem
from titlebout.core.ledgers.ledger_chain import ChainHead

_SEE = "`titlebout ledger verify` tells all, the page Operations what to do"


def last_entry(connection: sa.Connection, model: str) -> ChainHead:
    """Return the last entry, which must be the one that was appended last.

    Raises:
        LedgerTamperedError: It is not: nothing may be decided on what is left.
    """
    columns = (LEDGER.c.model, LEDGER.c.sequence, LEDGER.c.sha256, LEDGER.c.recorded_at)
    query = sa.select(*columns).where(LEDGER.c.model == model).order_by(LEDGER.c.sequence.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    last = ChainHead.model_validate(dict(row)) if row else ChainHead(model=model)
    if problem := head_problem(recorded_head(connection, model), last):
        message = f"ledger of {model!r}: {problem}; {_SEE}"
        raise LedgerTamperedError(message)
    return last


def recorded_head(connection: sa.Connection, model: str) -> ChainHead | None:
    """Return what was recorded as appended last."""
    row = connection.execute(sa.select(HEADS).where(HEADS.c.model == model)).mappings().first()
    return ChainHead.model_validate(dict(row)) if row else None


def every_head(connection: sa.Connection) -> Iterator[ChainHead]:
    """Yield the last entry of each model, in order of the models' names.

    Raises:
        LedgerTamperedError: One is not there.
    """
    columns = (HEADS.c.model, HEADS.c.sequence, HEADS.c.sha256, LEDGER.c.recorded_at)
    same = (LEDGER.c.model == HEADS.c.model) & (LEDGER.c.sequence == HEADS.c.sequence)
    query = sa.select(*columns).join_from(HEADS, LEDGER, same, isouter=True).order_by(HEADS.c.model)
    for row in connection.execute(query).mappings():
        if row["recorded_at"] is None:
            message = f"ledger of {row['model']!r}: entry {row['sequence']}, appended last, is missing; {_SEE}"
            raise LedgerTamperedError(message)
        yield ChainHead.model_validate(dict(row))


def read_partitions(connection: sa.Connection, model: str, key: str | None = None) -> dict[str, PartitionRecord]:
    """Return where the partitions of a model stand, or one of them."""
    query = (
        sa.select(PARTITIONS, LEDGER.c.payload)
        .join(LEDGER, (LEDGER.c.model == PARTITIONS.c.model) & (LEDGER.c.sequence == PARTITIONS.c.sequence))
        .where(PARTITIONS.c.model == model)
    )
    if key is not None:
        query = query.where(PARTITIONS.c.partition == key)
    return {row["partition"]: _record(row) for row in connection.execute(query).mappings()}


def derive(connection: sa.Connection, entry: LedgerEntry) -> None:
    """Bring both tables up to an entry that was just appended."""
    if key := moved_partition(entry):
        before = read_partitions(connection, entry.model, key).get(key)
        after = partition_after(entry, before)
        if after is not None and after != before:
            _put(connection, PARTITIONS, _partition_row(entry.model, key, after), is_new=before is None)
    head = ChainHead.of(entry).model_dump(include={"model", "sequence", "sha256"})
    _put(connection, HEADS, head, is_new=entry.sequence == 1)


def rebuild(connection: sa.Connection, model: str, entries: Iterable[LedgerEntry]) -> None:
    """Derive both tables of a model anew, from all its entries."""
    for table in (PARTITIONS, HEADS):
        connection.execute(sa.delete(table).where(table.c.model == model))
    derive_all(connection, model, entries)


def derive_all(connection: sa.Connection, model: str, entries: Iterable[LedgerEntry]) -> ChainHead:
    """Write both tables of a model that is in neither, from all its entries; return the last one."""
    head = ChainHead(model=model)

    def followed() -> Iterator[LedgerEntry]:
        nonlocal head
        for entry in entries:
            head = ChainHead.of(entry)
            yield entry

    partitions = LedgerState.of(followed()).partitions
    if rows := [_partition_row(model, key, record) for key, record in partitions.items()]:
        connection.execute(sa.insert(PARTITIONS), rows)
    if head.sequence:
        connection.execute(sa.insert(HEADS), head.model_dump(include={"model", "sequence", "sha256"}))
    return head


def _partition_row(model: str, key: str, record: PartitionRecord) -> dict[str, Any]:
    kept = record.model_dump(include={"status", "decided_by", "sequence"})
    return {"model": model, "partition": key, **kept}


def _record(row: sa.RowMapping) -> PartitionRecord:
    try:
        snapshot = json.loads(row["payload"])["snapshot"]
        return PartitionRecord.model_validate({**row, "snapshot": snapshot})
    except (ValueError, TypeError, KeyError) as error:
        message = (
            f"ledger of {row['model']!r}: partition {row['partition']} is not readable in the derived table; "
            "`titlebout ledger rebuild` derives it anew"
        )
        raise LedgerTamperedError(message) from error


def _put(connection: sa.Connection, table: sa.TableClause, row: Mapping[str, Any], *, is_new: bool) -> None:
    if is_new:
        connection.execute(sa.insert(table), row)
        return
    keys = [name for name in ("model", "partition") if name in table.c]
    same = [table.c[name] == row[name] for name in keys]
    connection.execute(sa.update(table).where(*same).values({name: row[name] for name in row if name not in keys}))
