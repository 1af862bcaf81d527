"""Servers as processes, told to end or killed while clients ask: what was answered is in the log, or counted."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from fakes import server_program
from fakes.bundles import ROW, demand_bundle
from fakes.ports import own_port
from fakes.server_program import PROGRAM, until
from titlebout.adapters.http_server import HttpServerClient, HttpServerLog
from titlebout.core.inference_log.log_lines import read_segment
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.ports import ServerAddress

CLIENTS = 2
ANSWERS = 400
LOG = HttpServerLog()


# The thread that writes the log sleeps for an hour: only the end of the server can save what waits.
SLEEPY = """
import sys
import titlebout.serving.inference_log
from titlebout.serving.__main__ import main
titlebout.serving.inference_log.PAUSE_SECONDS = 3600.0
main(sys.argv[1:])
"""

# It does not wait for long until it tries again to say where it listens.
IMPATIENT = """
import sys
import titlebout.serving.server_process
from titlebout.serving.__main__ import main
titlebout.serving.server_process.PUBLISH_SECONDS = 0.1
main(sys.argv[1:])
"""


@contextmanager
def running(state_dir: Path, *, is_sleepy: bool = False) -> Iterator[tuple["subprocess.Popen[str]", ServerAddress]]:
    """Start a server."""
    (state_dir / "address.json").unlink(missing_ok=True)  # of a killed predecessor
    program = [sys.executable, "-c", SLEEPY, "--model", "demand"] if is_sleepy else PROGRAM
    with server_program.running(state_dir, program=program) as server:
        yield server.process, server.address


def is_ready(address: ServerAddress) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address.url}/health/ready", timeout=60, trust_env=False).status_code == 200
    return False


class Clients:
    """Ask one row after the other, and remember which request was answered."""

    def __init__(self, url: str) -> None:
        self.answered: set[str] = set()
        self.refused = 0
        self._is_over = False
        self._threads = [threading.Thread(target=self._ask, args=(url, number)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, url: str, client: int) -> None:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http, suppress(httpx.HTTPError):
            for number in range(1_000_000):
                if self._is_over:
                    break
                name = f"{client}-{number}"
                answer = http.post("/predict", json={"rows": [ROW]}, headers={"x-request-id": name})
                if answer.status_code == 200 and answer.headers["x-request-id"] == name:
                    self.answered.add(name)
                else:
                    self.refused += 1

    def wait(self, answers: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.answered) < answers:
            assert time.monotonic() < deadline, "too few answers"
            time.sleep(0.005)

    def end(self) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()


def logged(address: ServerAddress) -> list[str]:
    """Return the ids of the requests in all segments that wait."""
    found = []
    for segment in LOG.seal(address):
        head, requests = read_segment(LOG.fetch(address, segment), segment.name)
        assert segment.name.startswith(head.server)
        found += [request.request_id for request in requests]
    return found


def asked_until(
    end: signal.Signals, state_dir: Path, policy: LogPolicy, *, is_sleepy: bool = False
) -> tuple[Clients, list[str]]:
    """Ask a server, send it a signal in the middle, and return what was answered and what its successor has on disk."""
    with running(state_dir, is_sleepy=is_sleepy) as (process, address):
        HttpServerClient().push(address, demand_bundle(), token=1)
        LOG.configure(address, policy)
        clients = Clients(address.url)
        clients.wait(ANSWERS)
        process.send_signal(end)
        process.wait(timeout=60)
        clients.end()
    with running(state_dir) as (_, address):
        return clients, logged(address)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Have a folder be a disk of its own."""
    folder.mkdir(mode=0o700, exist_ok=True)
    options = f"size={size},mode=700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_nothing_that_was_answered_is_lost_when_the_server_is_told_to_end(tmp_path: Path):
    clients, found = asked_until(signal.SIGTERM, tmp_path, LogPolicy(enabled=True), is_sleepy=True)
    assert len(found) == len(set(found))
    assert clients.answered <= set(found)


def test_a_killed_server_loses_no_more_than_its_queue_may_hold(tmp_path: Path):
    policy = LogPolicy(enabled=True, max_queued_rows=150)
    clients, found = asked_until(signal.SIGKILL, tmp_path, policy)
    assert len(found) == len(set(found))
    lost = clients.answered - set(found)
    assert len(lost) <= policy.max_queued_rows
    assert len(clients.answered) >= ANSWERS > 2 * policy.max_queued_rows


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_rows_of_the_log_and_no_answer(tmp_path: Path):
    state_dir = tmp_path / "state"
    state_dir.mkdir(mode=0o700)
    with running(state_dir) as (process, address):
        HttpServerClient().push(address, demand_bundle(), token=1)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    with small_disk(state_dir / "log", "32k"), running(state_dir) as (_, address):
        LOG.configure(address, LogPolicy(enabled=True, max_queued_rows=100))
        clients = Clients(address.url)
        clients.wait(3 * ANSWERS)
        clients.end()
        metrics = httpx.get(f"{address.url}/metrics", timeout=60, trust_env=False).text
        ready = httpx.get(f"{address.url}/health/ready", timeout=60, trust_env=False)
        found = logged(address)
    numbers = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("titlebout_log"))
    left_out = int(numbers['titlebout_log_dropped_rows_total{model="demand",reason="queue_full"}'])
    queued = int(numbers['titlebout_log_queued_rows{model="demand"}'])
    assert ready.status_code == 200
    assert clients.refused == 0
    assert len(found) + left_out + queued == len(clients.answered)
    assert 0 < len(found) < len(clients.answered)
    assert queued <= 100


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_server_that_starts_on_a_full_disk_answers_and_is_found_once_there_is_room(tmp_path: Path):
    """The log and the state share a volume: whoever restarts a server whose log has filled it must not end serving."""
    state_dir = tmp_path / "state"
    with small_disk(state_dir, "1m"):
        with running(state_dir) as (process, address):
            HttpServerClient().push(address, demand_bundle(), token=1)
            LOG.configure(address, LogPolicy(enabled=True))
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        filling = state_dir / "filling"
        with suppress(OSError), filling.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        port = own_port()
        program = [sys.executable, "-c", IMPATIENT, "--model", "demand", "--state-dir", str(state_dir)]
        with subprocess.Popen([*program, "--port", str(port)]) as process:
            try:
                address = ServerAddress(f"http://127.0.0.1:{port}", address.admin_token)
                until(lambda: process.poll() is not None or is_ready(address))
                assert process.poll() is None
                assert len(HttpServerClient().predict(address, [ROW])) == 1
                assert not (state_dir / "address.json").exists()
                filling.unlink()
                until((state_dir / "address.json").exists)
                until(lambda: logged(address) != [])
            finally:
                process.kill()
