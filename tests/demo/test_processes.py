"""The book of processes: it stops what it started, all of it, and nothing else."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from titlebout.demo.failure import DemoError
from titlebout.demo.processes import ProcessBook, is_alive

PATIENCE_SECONDS = 120
SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], process_group=0); {SLEEP}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    folder.mkdir()
    return folder


@pytest.fixture
def book(root: Path):
    book = ProcessBook(root / "pids.json", root)
    yield book
    book.stop_all()


def start(book: ProcessBook, root: Path, code: str, name: str = "sleeper"):
    log = root / f"{name}.log"
    service = book.start(name, [sys.executable, "-c", code], environment=dict(os.environ), log=log)
    until(lambda: "up" in log.read_text())
    return service


def until(look) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_service_is_written_down_runs_and_is_stopped(book, root):
    service = start(book, root, SLEEP)
    assert [entry["pid"] for entry in json.loads((root / "pids.json").read_text())] == [service.pid]
    assert is_alive(service.pid)
    assert book.stop_all() == ["sleeper"]
    assert not is_alive(service.pid)
    assert book.services() == []


def test_another_process_can_stop_what_the_book_names(book, root):
    service = start(book, root, SLEEP)
    assert ProcessBook(root / "pids.json", root).stop_all() == ["sleeper"]
    assert not is_alive(service.pid)


def test_a_child_in_a_process_group_of_its_own_is_stopped_with_its_parent(book, root):
    service = start(book, root, PARENT, "parent")
    until(lambda: (root / "parent.log").read_text().count("up") == 2)
    children = psutil.Process(service.pid).children()
    assert os.getpgid(children[0].pid) != service.pid
    book.stop_all()
    assert not any(is_alive(child.pid) for child in children)


def test_orphans_of_a_killed_service_are_stopped(book, root):
    service = start(book, root, PARENT, "parent")
    until(lambda: (root / "parent.log").read_text().count("up") == 2)
    orphans = psutil.Process(service.pid).children()
    psutil.Process(service.pid).kill()
    assert book.stop_all() == ["parent"]
    assert not any(is_alive(orphan.pid) for orphan in orphans)


def test_a_service_that_ignores_the_polite_signal_is_killed(book, root, monkeypatch):
    monkeypatch.setattr("titlebout.demo.processes.GRACE_SECONDS", 0.3)
    service = start(book, root, STUBBORN)
    book.stop_all()
    assert not is_alive(service.pid)


def test_a_stranger_who_got_the_id_of_a_dead_service_is_left_alone(book, root, tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], cwd=tmp_path, start_new_session=True, stdout=-3)
    entry = {"name": "sleeper", "pid": stranger.pid, "log": "", "stops_last": False}
    (root / "pids.json").write_text(json.dumps([entry]))
    try:
        assert book.stop_all() == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_shell_that_stands_in_the_folder_is_left_alone(book, root):
    start(book, root, SLEEP)
    shell = subprocess.Popen([sys.executable, "-c", SLEEP], cwd=root, start_new_session=True, stdout=-3)
    try:
        book.stop_all()
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()


def test_a_service_with_an_id_that_was_used_before_is_stopped(book, root):
    """Ids come again after a few hours, and psutil remembers whom it saw with one."""
    before = start(book, root, SLEEP)
    list(psutil.process_iter())
    book.stop_all()
    service = start_with_id(book, root, before.pid)
    assert book.stop_all() == ["sleeper"]
    assert not is_alive(service.pid)


def start_with_id(book: ProcessBook, root: Path, wanted: int):
    """Start a service that gets this id; only root may choose, and another process may be faster."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(50):
        try:
            last.write_text(str(wanted - 1))
        except OSError as error:
            pytest.skip(f"ids of processes cannot be chosen here: {error.strerror}")
        service = start(book, root, SLEEP)
        if service.pid == wanted:
            return service
        book.stop_all()
    pytest.skip("other processes take the id again and again")


def test_a_service_that_died_is_reported_with_its_last_lines(book, root):
    log = root / "broken.log"
    command = [sys.executable, "-c", "raise SystemExit('no such database')"]
    service = book.start("broken", command, environment=dict(os.environ), log=log)
    until(lambda: not is_alive(service.pid))
    with pytest.raises(DemoError) as raised:
        book.check_running(service)
    assert "no such database" in raised.value.explain()
    assert str(log) in raised.value.explain()


def test_what_stops_last_outlives_the_others(book, root, monkeypatch):
    monkeypatch.setattr("titlebout.demo.processes.GRACE_SECONDS", 60)
    order = root / "order"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(order)!r}, 'a').write(sys.argv[1])\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    for name, last in (("a", True), ("b", False)):
        log = root / f"{name}.log"
        command = [sys.executable, "-c", code, name]
        book.start(name, command, environment=dict(os.environ), log=log, stops_last=last)
        until(lambda log=log: "up" in log.read_text())
    book.stop_all()
    assert order.read_text() == "ba"
