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

from titlebout.core.errors import (
    AccessRefusedError,
    LedgerConflictError,
    LedgerTamperedError,
    UnavailableError,
    bounded,
)
from titlebout.core.ledger import GENESIS, EntryBody, EntryKind, LedgerEntry

if TYPE_CHECKING:
    from titlebout.core.ports import Ledger

SCHEMA_REVISION = "0001"
_VERSION_TABLE = "titlebout_ledger_version"
_BUSY_SECONDS = 15
# The first of the two keys of an advisory lock: other programs in the same database use other ones.
_LOCK_SPACE = 0x7469746C
_NO_ANSWER = (sa.exc.OperationalError, sa.exc.InterfaceError)
_POSTGRES_WAITS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "titlebout",
}

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
            AccessRefusedError: Its folder cannot be written to, or a newer release has changed its schema.
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
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_BUSY_SECONDS}s'")
                query = sa.text("SELECT pg_advisory_xact_lock(:space, hashtext(:lock))")
                connection.execute(query, {"space": _LOCK_SPACE, "lock": lock})
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
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "ledger_migrations"))
        with self._writing(_VERSION_TABLE) as connection:
            config.attributes.update(connection=connection, version_table=_VERSION_TABLE)
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                message = f"ledger {self._where}: its schema is of a newer release ({error}); upgrade titlebout"
                raise AccessRefusedError(message) from error

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
            # The driver's message may repeat the host, never the secret.
            said = bounded(" ".join(str(getattr(error, "orig", None) or error).split()), 160)
            # Every other kind is an answer: no right to the table, no database in this file, an odd value.
            if isinstance(error, sa.exc.DBAPIError) and not isinstance(error, _NO_ANSWER):
                message = f"ledger {self._where} refuses: {said}; correct the connection or grant its user the right"
                raise AccessRefusedError(message) from error
            message = f"ledger {self._where} does not answer: {said}; start the database, then clear the task"
            raise UnavailableError(message) from error

    @property
    def _where(self) -> str:
        """The database's URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)


def _engine(url: str) -> sa.Engine:
    """Make an engine whose transactions begin and end only where `_writing` says so.

    It keeps no connection open: there is none to break when Airflow forks or the database restarts.
    """
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(
            address, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", connect_args=_POSTGRES_WAITS
        )
    _make_folder(address.database)
    engine = sa.create_engine(
        address, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", connect_args={"timeout": _BUSY_SECONDS}
    )
    sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _make_folder(file: str | None) -> None:
    if file:
        try:
            Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"{file}: its folder cannot be made: {error.strerror}; correct `host` of the ledger's connection"
            raise AccessRefusedError(message) from error


def _configure_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """Let readers go on while one writes (WAL), and flush every commit to the disk."""
    del record
    # The mode stays with the file. Setting it again would need a lock that does not wait for its turn.
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _row(entry: LedgerEntry) -> dict[str, Any]:
    row = entry.model_dump(mode="json")
    row["recorded_at"] = entry.recorded_at.isoformat(timespec="microseconds")
    row["payload"] = json.dumps(entry.payload, sort_keys=True, allow_nan=False)
    return row


def _entry(row: sa.RowMapping) -> LedgerEntry:
    """Read a row back; where that fails, the chain itself could not say what is wrong."""
    try:
        return LedgerEntry.model_validate({**row, "payload": json.loads(row["payload"])})
    except (ValueError, TypeError) as error:
        message = (
            f"ledger of {row['model']!r}, entry {row['sequence']} ({row['kind']}) is not readable: it was changed by "
            "hand, or a newer release wrote it; restore the ledger from a backup, or upgrade titlebout"
        )
        raise LedgerTamperedError(message) from error


if TYPE_CHECKING:
    _proof: Ledger = SqlLedger("sqlite://")
