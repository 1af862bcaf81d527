"""Errors that show what a log file knows, and waits that end."""

import json

import pytest

from titlebout.demo.failure import TAIL_LINES, DemoError, log_tail, wait_until


def test_an_error_names_its_log_file_and_shows_the_last_lines(tmp_path):
    log = tmp_path / "scheduler.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    explained = DemoError("starting Airflow: not within 180 s", log=log).explain().splitlines()
    assert explained[0] == "starting Airflow: not within 180 s"
    assert str(log) in explained[1]
    assert explained[2:] == [f"  | line {number}" for number in range(100 - TAIL_LINES, 100)]


def test_a_log_file_that_is_not_there_hides_no_error(tmp_path):
    assert "boom" in DemoError("boom", log=tmp_path / "none.log").explain()


def test_a_task_log_is_reduced_to_what_it_says(tmp_path):
    log = tmp_path / "attempt=1.log"
    entries = [
        {"level": "info", "event": "::group::Pre Execute"},
        {"level": "info", "event": "hello", "timestamp": "2026-01-01T00:00:00Z", "dag_id": "x"},
        {"level": "error", "event": "Task exited", "exit_code": "PartitionRejectedError: in quarantine"},
        {"level": "error", "event": "failed", "error_detail": [{"exc_type": "ValueError", "exc_value": "no"}]},
    ]
    log.write_text("\n".join([*map(json.dumps, entries), "not JSON", "17"]))
    assert log_tail(log) == [
        "info: hello",
        "error: Task exited PartitionRejectedError: in quarantine",
        "error: failed  ValueError: no",
        "not JSON",
        "17",
    ]


def test_waiting_ends_with_what_was_found():
    answers = iter([None, None, "found"])
    assert wait_until(lambda: next(answers), deadline_seconds=5, what="looking", pause_seconds=0) == "found"


def test_waiting_ends_at_the_deadline(tmp_path):
    with pytest.raises(DemoError, match="starting Airflow: not within 0 s"):
        wait_until(lambda: None, deadline_seconds=0, what="starting Airflow", pause_seconds=0)


def test_a_deadline_counts_from_the_last_step_forward(monkeypatch):
    now = iter(range(0, 10_000, 7))  # seconds; the clock goes on at each look at it
    monkeypatch.setattr("titlebout.demo.failure.time.monotonic", lambda: next(now))
    done = iter(range(50))
    reached = []

    def look():
        reached.append(next(done))
        return "all" if len(reached) == 40 else None

    found = wait_until(look, deadline_seconds=60, what="backfill", pause_seconds=0, mark=lambda: f"{len(reached)}/40")
    assert found == "all"


def test_what_stands_still_ends_at_the_deadline_and_says_how_far_it_was():
    with pytest.raises(DemoError, match=r"backfill: not within 0 s after 3/40"):
        wait_until(lambda: None, deadline_seconds=0, what="backfill", pause_seconds=0, mark=lambda: "3/40")
