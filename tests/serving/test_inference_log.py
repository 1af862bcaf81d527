"""The log inside a server: bounded queue, bounded disk, a disk that fails, and a change of mind."""

import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fakes.bundles import ROW, demand_bundle
from titlebout.core.inference_log.log_lines import LoggedRequest, read_segment
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.wire import ReleaseReceipt
from titlebout.serving import log_segments
from titlebout.serving.inference_log import InferenceLog
from titlebout.serving.log_segments import LogSegments
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.scored_request import ScoredRequest
from titlebout.serving.settings import ServingSettings

ON = LogPolicy(enabled=True)


@pytest.fixture(scope="module")
def release() -> LoadedRelease:
    receipt = ReleaseReceipt(model="demand", version="v1", token=3, since="2024-05-02T00:00:00Z")
    return LoadedRelease.of(demand_bundle(), receipt)


@pytest.fixture
def make(tmp_path: Path):
    made = []

    def start(policy: LogPolicy | None = ON, **settings) -> InferenceLog:
        log = InferenceLog(ServingSettings("demand", tmp_path, "token", **settings))
        made.append(log)
        if policy:
            log.configure(policy)
        return log

    yield start
    for log in made:
        log.close()


@pytest.fixture
def ask(release: LoadedRelease) -> Callable[..., None]:
    def ask(log: InferenceLog, name: str = "r", rows: int = 1, row=ROW, score: float = 1.0) -> None:
        scores = np.full(rows, score)
        log.observe(
            ScoredRequest(name, 1.7e9, "predict", release, ReleaseRole.CHAMPION, [row] * rows, scores, [], 0.001)
        )

    return ask


def written(log: InferenceLog) -> list[LoggedRequest]:
    found = []
    for segment in log.seal():
        content = log.content(segment.name)
        assert len(content) == segment.size_bytes
        found += read_segment(content, segment.name)[1]
    return found


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_is_logged_before_somebody_says_so(make, ask):
    log = make(None)
    ask(log)
    assert written(log) == []
    log.configure(ON)
    ask(log)
    log.configure(LogPolicy())
    ask(log)
    assert len(written(log)) == 1


def test_a_large_request_is_written_in_pieces_that_name_their_rows(make, ask):
    log = make()
    ask(log, rows=120)
    pieces = written(log)
    assert [(piece.first_row, len(piece.rows), len(piece.scores)) for piece in pieces] == [
        (0, 50, 50),
        (50, 50, 50),
        (100, 20, 20),
    ]


def test_a_policy_holds_for_what_is_asked_after_it_and_after_a_restart(make, ask):
    log = make()
    ask(log, "before")
    log.configure(LogPolicy(enabled=True, columns={"weather": "drop", "hour": "hash"}, key="0123456789abcdef"))
    ask(log, "after")
    log.close()
    again = make(None)
    ask(again, "restarted")
    found = {request.request_id: request for request in written(again)}
    assert {*found} == {"before", "after", "restarted"}
    assert [*found["before"].release.columns] == ["hour", "temperature", "weather"]
    for name in ("after", "restarted"):
        assert {column: str(each.policy) for column, each in found[name].release.columns.items()} == {
            "hour": "hash",
            "temperature": "value",
        }
        assert found[name].rows[0][1] == ROW["temperature"]
        assert len(found[name].rows[0][0]) == 32


def test_a_policy_that_cannot_be_read_logs_nothing(make, ask, tmp_path, caplog):
    make().close()
    (tmp_path / "log" / "policy.json").write_text("{")
    log = make(None)
    ask(log)
    assert written(log) == []
    assert "nothing is logged; deploy the model again" in caplog.text


def test_only_the_owner_reads_policy_and_segments(make, ask, tmp_path):
    log = make()
    ask(log)
    assert written(log)
    for path in (tmp_path / "log").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_a_segment_is_deleted_only_by_its_hash(make, ask):
    log = make()
    ask(log)
    [segment] = log.seal()
    assert not log.forget(segment.name, "0" * 64)
    assert log.forget(segment.name, segment.sha256)
    assert log.forget(segment.name, segment.sha256)
    assert log.seal() == []
    assert log.counts().total_bytes == 0


def test_nothing_waits_to_be_written_while_much_is_looked_through_for_a_collector(make, ask, monkeypatch):
    """Hashing what nobody has collected for days takes seconds, in which the queue would fill and rows be left out."""
    log, hashing, may_go_on = make(), threading.Event(), threading.Event()
    right = LogSegments._sha256

    def slowly(self: LogSegments, path: Path) -> str:
        hashing.set()
        assert may_go_on.wait(60)
        return right(self, path)

    ask(log, "before")
    monkeypatch.setattr(LogSegments, "_sha256", slowly)
    with ThreadPoolExecutor() as pool:
        sealing = pool.submit(log.seal)
        try:
            assert hashing.wait(60)
            ask(log, "meanwhile")
            until(lambda: log.counts().written == 2)
        finally:
            may_go_on.set()
    assert len(sealing.result()) == 1
    assert [request.request_id for request in written(log)] == ["before", "meanwhile"]


def test_what_waits_in_memory_is_bounded_and_what_is_left_out_counted(make, ask, monkeypatch):
    log = make(LogPolicy(enabled=True, max_queued_rows=10))
    real = os.write
    monkeypatch.setattr(log_segments.os, "write", failing)
    for number in range(100):
        ask(log, str(number))
    counts = log.counts()
    assert (counts.queued, counts.dropped) == (10, {"queue_full": 90})
    monkeypatch.setattr(log_segments.os, "write", real)
    until(lambda: log.counts().queued == 0)
    assert [request.request_id for request in written(log)] == [str(number) for number in range(10)]
    assert log.counts().written == 10


def test_large_texts_fill_the_queue_before_the_rows_do(make, ask, monkeypatch):
    monkeypatch.setattr("titlebout.serving.inference_log.MOST_QUEUED_BYTES", 5000)
    log = make()
    monkeypatch.setattr(log_segments.os, "write", failing)
    for number in range(10):
        ask(log, str(number), row={**ROW, "weather": "x" * 2000})
    assert log.counts().dropped == {"queue_full": 7}
    monkeypatch.undo()


def test_a_disk_that_fails_in_the_middle_leaves_no_half_line_and_none_twice(make, ask, monkeypatch):
    log, real, is_full = make(), os.write, False

    def half(descriptor: int, content) -> int:
        nonlocal is_full
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        is_full = True
        return real(descriptor, bytes(content)[: len(content) // 2])

    ask(log, "first")
    until(lambda: log.counts().queued == 0)
    monkeypatch.setattr(log_segments.os, "write", half)
    ask(log, "second", rows=120)
    until(lambda: is_full)
    monkeypatch.setattr(log_segments.os, "write", real)
    ask(log, "third")
    until(lambda: log.counts().queued == 0)
    assert [(request.request_id, len(request.rows)) for request in written(log)] == [
        ("first", 1),
        ("second", 50),
        ("second", 50),
        ("second", 20),
        ("third", 1),
    ]


def test_a_disk_that_fails_again_when_the_file_is_closed_does_not_end_the_log(make, ask, monkeypatch):
    """As a network disk does; the descriptor is gone all the same."""
    log, write, close, closed = make(), os.write, os.close, []

    def full(*_: object) -> int:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    def failing(descriptor: int) -> None:
        mine = descriptor == log._segments._descriptor
        close(descriptor)
        if mine:
            closed.append(descriptor)
            full()

    ask(log, "first")
    until(lambda: log.counts().queued == 0)
    monkeypatch.setattr(log_segments.os, "write", full)
    monkeypatch.setattr(log_segments.os, "close", failing)
    ask(log, "second")
    until(lambda: bool(closed))
    monkeypatch.setattr(log_segments.os, "write", write)
    monkeypatch.setattr(log_segments.os, "close", close)
    until(lambda: log.counts().queued == 0)
    assert [request.request_id for request in written(log)] == ["first", "second"]


def test_the_disk_that_waits_to_be_collected_is_bounded(make, ask):
    log = make(LogPolicy(enabled=True, max_waiting_bytes=3000))
    for number in range(100):
        ask(log, str(number))
    until(lambda: log.counts().queued == 0)
    counts = log.counts()
    assert counts.total_bytes < 3500
    assert counts.dropped == {"disk_full": 100 - counts.written}
    [segment] = log.seal()
    log.forget(segment.name, segment.sha256)
    ask(log, "there is room again")
    assert [request.request_id for request in written(log)] == ["there is room again"]


def test_segments_of_several_runs_never_share_a_name_and_torn_ends_are_left_out(make, ask, tmp_path):
    for run in ("a" * 16, "b" * 16):
        log = make(instance=run)
        ask(log, run)
        until(lambda log=log: log.counts().queued == 0)
        [mine] = (tmp_path / "log").glob(f"{run}*.open")
        with mine.open("ab") as file:
            file.write(b'[1,0,"torn')
    found = make(instance="c" * 16)
    assert [request.request_id for request in written(found)] == ["a" * 16, "b" * 16]


def test_a_segment_is_closed_when_it_is_old(make, ask):
    log = make(LogPolicy(enabled=True, flush_seconds=0.1))
    ask(log)
    until(lambda: log.counts().segments == 1)


def test_a_sample_keeps_a_request_whole(make, ask):
    log = make(LogPolicy(enabled=True, sample_rate=0.5))
    for number in range(40):
        ask(log, str(number))
        ask(log, str(number))
    names = [request.request_id for request in written(log)]
    assert 0 < len(set(names)) < 40
    assert all(names.count(name) == 2 for name in names)


def test_what_cannot_be_written_is_counted_and_the_rest_goes_on(make, ask, caplog):
    log = make()
    ask(log, "odd", row={**ROW, "weather": object()})
    ask(log, "no number", score=float("nan"))
    ask(log, "good")
    found = [(request.request_id, request.scores) for request in written(log)]
    assert found == [("no number", [None]), ("good", [1.0])]
    assert log.counts().dropped == {"unwritable": 1}


def test_the_loss_is_said_when_a_server_ends_over_a_full_disk(make, ask, monkeypatch, caplog):
    log = make()
    monkeypatch.setattr(log_segments.os, "write", failing)
    ask(log, rows=7)
    log.close()
    assert "7 rows were answered and not written" in caplog.text


def failing(descriptor: int, content) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
