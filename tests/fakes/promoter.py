"""Processes that want to decide on the same state of a ledger, and processes that die while they write.

Run as a program: it forks its children from one small process, which is quick and has no threads.
"""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty

from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import LedgerConflictError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind

MODEL = "demand"
PATIENCE_SECONDS = 120
FORKED = multiprocessing.get_context("fork")


def race(url: str, processes: int, rounds: int) -> dict[str, list[list[int]]]:
    """Let processes decide, one decision a round. Returns name to the rounds it won and the rounds it lost."""
    return _run("race", url, processes, rounds)


def torment(url: str, folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill writers at random moments. Returns name to the highest sequence of which the writer had been told."""
    return _run("torment", url, folder, kills, seed)


def _run(what: str, *arguments: object) -> dict:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-m", "fakes.promoter", what, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def _promote(url: str, name: str, rounds: int, start: Barrier, results: Queue) -> None:
    """Look, decide, and be first or look again, as a release does."""
    start.wait(PATIENCE_SECONDS)
    ledger = SqlLedger(url)  # they race for making it, too
    won, lost = [], []
    seen = 0
    while seen < rounds:
        with suppress(UnavailableError):  # it did not get the lock in time: Airflow would try again
            try:
                ledger.append(MODEL, EntryKind.RELEASE_STARTED, {}, actor=name, expected_sequence=seen)
                won.append(seen + 1)
            except LedgerConflictError:
                lost.append(seen + 1)
            seen = ledger.state(MODEL).sequence
    results.put((name, [won, lost]))


def _race(url: str, processes: str, rounds: str) -> dict[str, list[list[int]]]:
    start, results = FORKED.Barrier(int(processes)), FORKED.Queue()
    names = [f"p{number}" for number in range(int(processes))]
    racers = [FORKED.Process(target=_promote, args=(url, name, int(rounds), start, results)) for name in names]
    for racer in racers:
        racer.start()
    found: dict[str, list[list[int]]] = {}
    while len(found) < len(racers):
        are_over = not any(racer.is_alive() for racer in racers)  # looked at before the queue: what they said is in it
        try:
            found |= [results.get(timeout=1)]
        except Empty:
            assert not are_over, f"only {sorted(found)} came to an end"
    for racer in racers:
        racer.join()
    return found


def _write(url: str, name: str, told: str) -> None:
    ledger = SqlLedger(url)
    with Path(told).open("w") as file:
        for number in range(1_000_000):
            snapshot = {"partition": "2024-01-01", "data_sha256": f"{number:064}", "noise": "x" * 2000}
            entry = ledger.append(MODEL, EntryKind.PARTITION_LATE, snapshot, actor=name)
            file.seek(0)
            file.write(str(entry.sequence))
            file.flush()


def _torment(url: str, folder: str, kills: str, seed: str) -> dict[str, int]:
    chance, told = random.Random(int(seed)), Path(folder)
    SqlLedger(url)
    acknowledged = {}
    for number in range(int(kills)):
        names = [f"w{number}.{each}" for each in range(2)]
        writers = [FORKED.Process(target=_write, args=(url, name, str(told / name))) for name in names]
        for writer in writers:
            writer.start()
        while not any((told / name).exists() for name in names):
            assert any(writer.is_alive() for writer in writers), "both writers died before they wrote"
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
        for name in names:
            text = (told / name).read_text() if (told / name).exists() else ""
            acknowledged[name] = int(text or 0)
    return acknowledged


if __name__ == "__main__":
    print(json.dumps({"race": _race, "torment": _torment}[sys.argv[1]](*sys.argv[2:])))
