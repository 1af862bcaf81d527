"""The ledger in SQL: its schema, tampering with its entries, and databases that do not answer."""

import multiprocessing
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from fakes.postgres import new_database
from titlebout.adapters.sql_ledger import SqlLedger, ledger_database, ledger_tables, sql_chains
from titlebout.core.errors import AccessRefusedError, LedgerTamperedError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.ledger_chain import verify_chain

TABLES = (ledger_tables.LEDGER, ledger_tables.PARTITIONS, ledger_tables.HEADS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


def fill(url: str, count: int = 4) -> SqlLedger:
    ledger = SqlLedger(url)
    for number in range(count):
        ledger.append("demand", EntryKind.RELEASE_FAILED, {"number": number}, actor="run:r1")
    return ledger


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture(params=["SQLite", "Postgres"])
def any_url(request: pytest.FixtureRequest, url: str) -> str:
    return url if request.param == "SQLite" else new_database()


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE titlebout_ledger SET payload = '{\"number\": 9}' WHERE sequence = 2"],
        ["UPDATE titlebout_ledger SET actor = 'run:r2' WHERE sequence = 4"],
        ["UPDATE titlebout_ledger SET once = 'x' WHERE sequence = 1"],
        ["UPDATE titlebout_ledger SET kind = 'release_started' WHERE sequence = 3"],
        ["UPDATE titlebout_ledger SET recorded_at = '2012-06-01T00:00:00.000000+00:00' WHERE sequence = 3"],
        ["DELETE FROM titlebout_ledger WHERE sequence = 1"],
        ["DELETE FROM titlebout_ledger WHERE sequence = 2"],
        [
            "UPDATE titlebout_ledger SET sequence = 99 WHERE sequence = 2",
            "UPDATE titlebout_ledger SET sequence = 2 WHERE sequence = 3",
            "UPDATE titlebout_ledger SET sequence = 3 WHERE sequence = 99",
        ],
        [
            "DELETE FROM titlebout_ledger WHERE sequence = 2",
            "UPDATE titlebout_ledger SET sequence = sequence - 1 WHERE sequence > 2",
        ],
    ],
    ids=["payload", "actor", "once", "kind", "time", "first", "removed", "swapped", "closed-gap"],
)
def test_whatever_was_changed_in_the_database_is_noticed(any_url: str, statements: list[str]):
    ledger = fill(any_url)
    assert verify_chain(ledger.entries("demand")) == 4
    execute(any_url, *statements)
    with pytest.raises(LedgerTamperedError, match="'demand'"):
        verify_chain(ledger.entries("demand"))


@pytest.mark.parametrize(
    "assignment",
    ["payload = '{'", "payload = '[]'", "payload = ''", "kind = 'nothing'", "recorded_at = 'soon'", "sha256 = 'Z'"],
)
def test_an_entry_that_can_not_even_be_read_is_named(any_url: str, assignment: str):
    ledger = fill(any_url)
    execute(any_url, f"UPDATE titlebout_ledger SET {assignment} WHERE sequence = 2")
    with pytest.raises(LedgerTamperedError, match=r"'demand', entry 2 \(.*\) is not readable"):
        ledger.entries("demand")


def test_a_fork_is_refused_by_the_database_itself(any_url: str):
    fill(any_url)
    row = "SELECT model, sequence, recorded_at, kind, payload, actor, 'other', previous_sha256, sha256"
    with pytest.raises(sa.exc.IntegrityError):
        execute(any_url, f"INSERT INTO titlebout_ledger {row} FROM titlebout_ledger WHERE sequence = 4")


def test_opening_again_changes_nothing(any_url: str):
    fill(any_url)
    assert len(SqlLedger(any_url).entries("demand")) == 4


def test_the_schema_is_the_one_that_the_queries_read(any_url: str):
    SqlLedger(any_url)
    engine = sa.create_engine(any_url, poolclass=sa.NullPool)
    for table in TABLES:
        found = {column["name"] for column in sa.inspect(engine).get_columns(table.name)}
        assert found == {column.name for column in table.columns}
    names = {table.name for table in TABLES}
    assert set(sa.inspect(engine).get_table_names()) == names | {"titlebout_ledger_version"}


def test_the_code_names_the_newest_revision_of_the_scripts():
    config = Config()
    config.set_main_option("script_location", str(ledger_database.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == ledger_database.SCHEMA_REVISION


def test_a_schema_of_a_newer_release_is_not_touched(any_url: str):
    SqlLedger(any_url)
    execute(any_url, "UPDATE titlebout_ledger_version SET version_num = '9999'")
    with pytest.raises(AccessRefusedError, match=r"its schema is of a newer release .* upgrade titlebout"):
        SqlLedger(any_url)


def test_it_lives_beside_other_tables_with_their_own_migrations(any_url: str):
    execute(
        any_url, "CREATE TABLE alembic_version (version_num VARCHAR(32))", "INSERT INTO alembic_version VALUES ('a')"
    )
    assert len(fill(any_url).entries("demand")) == 4
    with sa.create_engine(any_url, poolclass=sa.NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["a"]


def test_sqlite_flushes_every_commit_and_lets_readers_go_on(url: str, file: Path):
    ledger = fill(url)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        writer.execute("BEGIN IMMEDIATE")
        assert len(ledger.entries("demand")) == 4
    with ledger._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_folder_of_a_new_sqlite_file_belongs_to_its_owner(tmp_path: Path):
    SqlLedger(f"sqlite:///{tmp_path}/state/ledger.db")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(AccessRefusedError, match="correct `host` of the ledger's connection"):
        SqlLedger(f"sqlite:///{tmp_path}/file/ledger.db")


def test_a_lock_that_is_not_released_is_worth_a_retry(url: str, file: Path, monkeypatch: pytest.MonkeyPatch):
    fill(url)
    monkeypatch.setattr(ledger_database, "BUSY_SECONDS", 0.1)
    ledger = SqlLedger(url)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="database is locked"):
            ledger.append("demand", EntryKind.RELEASE_FAILED, {}, actor="run:r1")
    assert ledger.append("demand", EntryKind.RELEASE_FAILED, {}, actor="run:r1").sequence == 5


def test_a_file_that_another_process_is_making_is_waited_for(url: str, file: Path):
    """SQLite itself does not wait for the lock that the change to its write-ahead log takes."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as maker:
        maker.execute("CREATE TABLE other (number INTEGER)")
        maker.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, maker.execute, ("COMMIT",))
        release.start()
        try:
            assert fill(url).state("demand").sequence == 4
        finally:
            release.join()


def test_a_file_that_another_process_never_gets_done_with_is_worth_a_retry(
    url: str, file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ledger_database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(file, isolation_level=None)) as maker:
        maker.execute("CREATE TABLE other (number INTEGER)")
        maker.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="database is locked"):
            SqlLedger(url)


def test_a_lock_of_postgres_that_is_not_released_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch):
    url = new_database()
    ledger = fill(url)
    with ledger._database.writing("demand"):
        with monkeypatch.context() as impatient:
            impatient.setattr(ledger_database, "BUSY_SECONDS", 1)
            with pytest.raises(UnavailableError, match="statement timeout"):
                ledger.append("demand", EntryKind.RELEASE_FAILED, {}, actor="run:r1")
        assert ledger.append("other", EntryKind.RELEASE_FAILED, {}, actor="run:r1").sequence == 1


def test_a_file_that_is_no_database_is_refused(url: str, file: Path):
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(AccessRefusedError, match="file is not a database"):
        SqlLedger(url)


def test_a_server_that_is_down_is_unavailable_and_its_password_stays_hidden():
    with pytest.raises(UnavailableError) as caught:
        SqlLedger("postgresql+psycopg2://user:hidden@127.0.0.1:1/ledger")
    assert "127.0.0.1" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("database", "elsewhere", 'database "elsewhere" does not exist'),
        ("username", "stranger", 'role "stranger" does not exist'),
    ],
)
def test_a_server_that_lets_nobody_in_is_refused_and_the_connection_is_to_be_corrected(
    column: str, value: str, said: str
):
    url = sa.make_url(new_database()).set(**{column: value})
    with pytest.raises(AccessRefusedError, match=f"{said}.*correct the connection"):
        SqlLedger(url.render_as_string(hide_password=False))


def test_a_server_that_only_reads_for_now_is_worth_a_retry():
    url = new_database()
    ledger = fill(url)
    name = sa.make_url(url).database
    execute(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    standby = SqlLedger(url)
    assert len(standby.entries("demand")) == 4
    with pytest.raises(UnavailableError, match=r"only reads.*primary"):
        note(standby)
    with pytest.raises(UnavailableError, match="read-only"):
        SqlLedger(f"{url}&target_session_attrs=read-write")
    assert note(ledger) == 5  # opened before


def test_no_error_of_the_database_slips_through(any_url: str):
    ledger = fill(any_url)
    execute(any_url, "DROP TABLE titlebout_ledger")
    for call in (
        lambda: ledger.entries("demand"),
        ledger.models,
        lambda: ledger.append("demand", EntryKind.RELEASE_FAILED, {}, actor="run:r1"),
    ):
        with pytest.raises((UnavailableError, AccessRefusedError), match="titlebout_ledger"):
            call()


def note(ledger: SqlLedger) -> int:
    return ledger.append("demand", EntryKind.RELEASE_FAILED, {}, actor="run:r1").sequence


def test_one_connection_stays_open_and_several_threads_leave_no_more(any_url: str):
    ledger = fill(any_url)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: note(ledger), range(12)))
    assert ledger._database._engine.pool.checkedin() == 1
    assert verify_chain(ledger.entries("demand")) == 16


def test_a_forked_process_opens_a_connection_of_its_own(any_url: str):
    ledger = fill(any_url)

    def connection() -> object:
        with ledger._database.reading() as opened:
            return opened.connection.dbapi_connection

    def work(parents: object) -> None:
        assert connection() is not parents
        note(ledger)

    kept = connection()
    child = multiprocessing.get_context("fork").Process(target=work, args=(kept,))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    assert connection() is kept
    assert note(ledger) == 6
    assert verify_chain(ledger.entries("demand")) == 6


def test_a_server_that_was_restarted_is_found_again():
    url = new_database()
    ledger = fill(url)
    execute(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'titlebout'")
    assert note(ledger) == 5


def test_a_write_that_fails_leaves_nothing_behind_on_the_connection(any_url: str, monkeypatch: pytest.MonkeyPatch):
    ledger = fill(any_url)
    with monkeypatch.context() as broken:
        broken.setattr(sql_chains, "derive", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            note(ledger)
    assert len(ledger.entries("demand")) == 4
    assert note(ledger) == 5
    assert verify_chain(SqlLedger(any_url).entries("demand")) == 5
