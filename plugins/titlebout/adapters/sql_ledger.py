"""The ledger in one SQL table, on SQLite or Postgres."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydantic import JsonValue

from titlebout.core.errors import LedgerConflictError, UnavailableError, bounded
from titlebout.core.ledger import GENESIS, EntryBody, EntryKind, LedgerEntry

if TYPE_CHECKING:
    from titlebout.core.ports import Ledger

SCHEMA_REVISION = "0001"
_VERSION_TABLE = "titlebout_ledger_version"
_BUSY_MILLISECONDS = 15_000

_LEDGER = sa.table(
    "titlebout_ledger",
    *(sa.column(name) for name in (*EntryBody.model_fields, "sha256")),
)


class SqlLedger:
    """Append-only chains, one per model.

    A writer holds the lock of its model (Postgres) or of the database (SQLite) from reading the last entry
    to committing the next, so sequences have no gaps and nobody's compare-and-set is decided on old news.
    The primary key (model, sequence) would refuse a fork even if that lock were broken.
    """

    def __init__(self, url: str) -> None:
        """Open the database and bring its schema up to date.

        Raises:
            UnavailableError: It does not answer.
        """
        self._engine = _engine(url)
        with self._translated():
            self._migrate()

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
        with self._translated(), self._writing(model) as connection:
            if once is not None and (twin := self._first(connection, _LEDGER.c.model == model, _LEDGER.c.once == once)):
                return twin
            last = self._first(connection, _LEDGER.c.model == model)
            found = last.sequence if last else 0
            if expected_sequence is not None and found != expected_sequence:
                message = (
                    f"ledger of {model!r}: entry {found} is the last, expected {expected_sequence}: "
                    "another run decided in between; clear the task to decide on the newer state"
                )
                raise LedgerConflictError(message)
            body = EntryBody(
                model=model,
                sequence=found + 1,
                recorded_at=datetime.now(UTC),
                kind=kind,
                payload=dict(payload),
                actor=actor,
                once=once,
                previous_sha256=last.sha256 if last else GENESIS,
            )
            entry = LedgerEntry.sealed(body)
            connection.execute(sa.insert(_LEDGER).values(_row(entry)))
            return entry

    def entries(self, model: str) -> Sequence[LedgerEntry]:
        """Return a model's chain from the first entry on."""
        query = sa.select(_LEDGER).where(_LEDGER.c.model == model).order_by(_LEDGER.c.sequence)
        with self._translated(), self._engine.connect() as connection:
            return tuple(_entry(row) for row in connection.execute(query).mappings())

    def models(self) -> Sequence[str]:
        """Return the names of all models with entries, sorted."""
        query = sa.select(_LEDGER.c.model).distinct().order_by(_LEDGER.c.model)
        with self._translated(), self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    @staticmethod
    def _first(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> LedgerEntry | None:
        """Return the newest entry that meets the conditions."""
        query = sa.select(_LEDGER).where(*conditions).order_by(_LEDGER.c.sequence.desc()).limit(1)
        row = connection.execute(query).mappings().first()
        return _entry(row) if row else None

    @contextmanager
    def _writing(self, lock: str) -> Iterator[sa.Connection]:
        """Hold the write lock for one transaction."""
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("BEGIN")
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:lock))"), {"lock": lock})
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def _migrate(self) -> None:
        if self._schema_revision() == SCHEMA_REVISION:
            return
        # Imported only when there is something to do: every Airflow task opens the ledger.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "ledger_migrations"))
        with self._writing(_VERSION_TABLE) as connection:
            config.attributes.update(connection=connection, version_table=_VERSION_TABLE)
            command.upgrade(config, "head")

    def _schema_revision(self) -> str | None:
        with self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(_VERSION_TABLE):
                return None
            query = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(_VERSION_TABLE))
            return connection.execute(query).scalar()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError as error:
            message = "another writer appended the same ledger entry first; clear the task to decide again"
            raise LedgerConflictError(message) from error
        except sa.exc.SQLAlchemyError as error:
            # The URL is shown without its password; the driver's message may repeat the host, never the secret.
            where = self._engine.url.render_as_string(hide_password=True)
            said = bounded(" ".join(str(getattr(error, "orig", None) or error).split()), 160)
            message = f"ledger {where} does not answer: {said}; start the database, then clear the task"
            raise UnavailableError(message) from error


def _engine(url: str) -> sa.Engine:
    """Make an engine whose transactions begin and end only where `_writing` says so."""
    if sa.make_url(url).get_backend_name() != "sqlite":
        return sa.create_engine(
            url, pool_pre_ping=True, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 10}
        )
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"timeout": _BUSY_MILLISECONDS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, record: object) -> None:
        del record
        # WAL lets readers go on while one writes; FULL flushes every commit to the disk.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {_BUSY_MILLISECONDS}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _row(entry: LedgerEntry) -> dict[str, Any]:
    row = entry.model_dump(mode="json")
    row["recorded_at"] = entry.recorded_at.isoformat(timespec="microseconds")
    row["payload"] = json.dumps(entry.payload, sort_keys=True, allow_nan=False)
    return row


def _entry(row: sa.RowMapping) -> LedgerEntry:
    return LedgerEntry.model_validate({**row, "payload": json.loads(row["payload"])})


if TYPE_CHECKING:
    _proof: Ledger = SqlLedger("sqlite://")
