"""What the demo prints, to a terminal and to a log."""

import io

import pytest

from titlebout.demo.progress import Progress, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_stage_ends_with_its_seconds_and_its_outcome(clock):
    log = io.StringIO()
    progress = Progress(log, clock)
    with progress.stage("backfill") as stage:
        clock.now += 9.25
        stage.ends_with("14 days")
    assert log.getvalue() == "[   9.2 s] backfill (9.2 s): 14 days\n"
    assert [(each.title, each.seconds, each.outcome) for each in progress.stages] == [("backfill", 9.25, "14 days")]


def test_a_stage_that_raises_is_shown_as_failed_and_the_error_goes_on(clock):
    log = io.StringIO()
    progress = Progress(log, clock)
    with pytest.raises(RuntimeError), progress.stage("deploy"):
        raise RuntimeError
    assert "deploy (0.0 s): FAILED" in log.getvalue()
    assert progress.stages[0].outcome == "FAILED"


def test_a_log_shows_news_at_most_every_ten_seconds(clock):
    log = io.StringIO()
    with Progress(log, clock).stage("backfill") as stage:
        for second in range(25):
            clock.now = 100.0 + second
            stage.update(f"{second}/25")
    assert [line.split(" ... ")[1] for line in log.getvalue().splitlines()[:-1]] == ["10/25", "20/25"]


def test_a_log_does_not_repeat_what_it_has_shown(clock):
    log = io.StringIO()
    with Progress(log, clock).stage("backfill") as stage:
        for _ in range(5):
            clock.now += 20
            stage.update("7/14")
    assert log.getvalue().count("7/14") == 1


def test_a_terminal_rewrites_its_line(clock):
    terminal = Terminal()
    with Progress(terminal, clock).stage("backfill") as stage:
        stage.update("1/14")
        stage.update("2/14")
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().count("\r\x1b[2K") == 4


def test_a_line_longer_than_the_terminal_is_cut(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    with Progress(terminal, clock).stage("backfill") as stage:
        stage.update("x" * 100)
    assert max(len(line) for line in terminal.getvalue().replace("\x1b[2K", "").split("\r")) < 40


def test_a_table_aligns_its_columns_and_survives_having_no_rows():
    assert table(["a", "long"], [["wide cell", "b"]]).splitlines() == [
        "a          long",
        "---------  ----",
        "wide cell  b",
    ]
    assert table(["a"], []) == "a\n-"
