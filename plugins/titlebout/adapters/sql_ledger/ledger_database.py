"""The ledger's database: its schema, its two kinds of transaction, and what goes wrong in Titlebout's words."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from titlebout.adapters.sql_ledger.derived_tables import rebuild
from titlebout.adapters.sql_ledger.ledger_tables import every_entry, every_model
from titlebout.core.errors import AccessRefusedError, LedgerConflictError, TitleboutError, UnavailableError, bounded

SCHEMA_REVISION = "0002"
BUSY_SECONDS = 15
SCRIPTS = Path(__file__).parent / "ledger_migrations"
_VERSION_TABLE = "titlebout_ledger_version"
# The first of the two keys of an advisory lock: other programs in the same database use other ones.
_LOCK_SPACE = 0x7469746C
_NO_ANSWER = (sa.exc.OperationalError, sa.exc.InterfaceError)
# Postgres gives no code for a connection that it refuses, only the reason in words.
_NO_ENTRY = re.compile(
    r"FATAL: .*(authentication failed|does not exist|pg_hba\.conf|not permitted to log in|permission)"
)
_READ_ONLY = "25006"
_POSTGRES_WAITS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "titlebout",
}


class LedgerDatabase:
    """A SQLite file or a Postgres database with the ledger's tables in it.

    One connection stays open from call to call: opening one costs more than an entry, and on SQLite the last to
    close also empties the write-ahead log. A forked process opens its own.
    """

    def __init__(self, url: str) -> None:
        """Open the database and bring its schema up to date.

        Raises:
            UnavailableError: It does not answer.
            AccessRefusedError: Its folder cannot be written to, or a newer release has changed its schema.
        """
        self._address = sa.make_url(url)
        self._engine, self._pid = _engine(self._address), os.getpid()
        if self._schema_revision() != SCHEMA_REVISION:
            self._migrate()

    @contextmanager
    def writing(self, lock: str) -> Iterator[sa.Connection]:
        """Hold the write lock of one name (Postgres) or of the whole database (SQLite) for one transaction."""
        with self._translated(), self._own_engine().begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                wait = f"SET LOCAL statement_timeout = '{BUSY_SECONDS}s'"
                take = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
                connection.exec_driver_sql(f"{wait}; {take}", (_LOCK_SPACE, lock))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Read one state of the database, whatever is written meanwhile."""
        with self._translated(), self._own_engine().begin() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            start = "BEGIN" if is_sqlite else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
            connection.exec_driver_sql(start)
            yield connection

    @property
    def where(self) -> str:
        """The database's URL without its password, and without its options: one of them may be a secret."""
        return self._address.set(query={}).render_as_string(hide_password=True)

    def _own_engine(self) -> sa.Engine:
        if self._pid != os.getpid():
            # Kept, because a connection that this process closed would be cut off under its parent, too.
            self._parents_engine = self._engine
            self._engine, self._pid = _engine(self._address), os.getpid()
        return self._engine

    def _migrate(self) -> None:
        # Imported only when there is something to do: every Airflow task opens the ledger.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        with self.writing(_VERSION_TABLE) as connection:
            before = _revision(connection)
            config.attributes.update(connection=connection, version_table=_VERSION_TABLE)
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                message = f"ledger {self.where}: its schema is of a newer release ({error}); upgrade titlebout"
                raise AccessRefusedError(message) from error
            if before not in {None, SCHEMA_REVISION}:
                for model in every_model(connection):
                    rebuild(connection, model, every_entry(connection, model))

    def _schema_revision(self) -> str | None:
        with self.reading() as connection:
            return _revision(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError as error:
            message = "another writer appended the same ledger entry first; clear the task to decide again"
            raise LedgerConflictError(message) from error
        except sa.exc.SQLAlchemyError as error:
            raise self._fault(error) from error

    def _fault(self, error: sa.exc.SQLAlchemyError) -> TitleboutError:
        original = getattr(error, "orig", None) or error
        words = " ".join(str(original).split())
        said = bounded(words, 160)  # it may repeat the host, never the secret
        if getattr(original, "pgcode", None) == _READ_ONLY:
            remedy = (
                "its connection has to lead to the primary server: correct it or wait for the failover, clear the task"
            )
            return UnavailableError(f"ledger {self.where} only reads: {said}; {remedy}")
        # Every other kind is an answer: no right to the table, no database in this file, an odd value.
        is_answer = isinstance(error, sa.exc.DBAPIError) and not isinstance(error, _NO_ANSWER)
        if is_answer or _NO_ENTRY.search(words):
            remedy = "correct the connection or grant its user the right"
            return AccessRefusedError(f"ledger {self.where} refuses: {said}; {remedy}")
        return UnavailableError(f"ledger {self.where} does not answer: {said}; start the database, then clear the task")


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION_TABLE):
        return None
    query = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(_VERSION_TABLE))
    return connection.execute(query).scalar()


def _engine(address: sa.URL) -> sa.Engine:
    """Make an engine that keeps one idle connection, and opens more only while several threads need them."""
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(address, pool_size=1, max_overflow=-1, pool_pre_ping=True, connect_args=_POSTGRES_WAITS)
    _make_folder(address.database)
    engine = sa.create_engine(address, pool_size=1, max_overflow=-1, connect_args={"timeout": BUSY_SECONDS})
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
    # The mode stays with the file.
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        _set_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _set_wal(connection: sqlite3.Connection) -> None:
    """Wait for the lock that setting the mode takes: SQLite, which waits for every other one, does not for this.

    Of processes that make the file together, all but one would be told at once that it is locked.
    """
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.01)
        else:
            return
