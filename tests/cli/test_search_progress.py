"""`titlebout run` tells how far it is: a search in lines that stay, all else in one line that goes again."""

import io
import logging

import pytest

from titlebout.cli import life_signs, night_runs


class Terminal(io.StringIO):
    """Where a line can be rewritten."""

    def isatty(self) -> bool:
        return True


def test_a_search_and_a_ladder_tell_how_far_they_are_and_other_steps_do_not(capsys):
    steps = [logging.getLogger(f"titlebout.steps.{name}") for name in ("search_parameters", "climb_ladder", "any")]
    with night_runs._quiet(), night_runs._progress_shown("2024-01-13"):
        for number, step in enumerate(steps, start=1):
            step.info("trial %d of 9", number)
    steps[0].info("trial 4 of 9")
    assert capsys.readouterr().err.splitlines() == ["2024-01-13  trial 1 of 9", "2024-01-13  trial 2 of 9"]


def test_a_step_that_takes_long_gives_a_sign_of_life(capsys, monkeypatch):
    monkeypatch.setattr(life_signs, "_SILENT_SECONDS", -1.0)
    with night_runs._quiet(), night_runs._progress_shown("2024-01-13"):
        logging.getLogger("titlebout.steps.ingest_partition").info("%d of %d older days are in", 30, 90)
    assert capsys.readouterr().err.splitlines() == ["2024-01-13  30 of 90 older days are in"]


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_a_sign_fits_into_one_line_and_goes_again(monkeypatch, columns):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    with night_runs._quiet(), night_runs._progress_shown("2024-01-13"):
        logging.getLogger("titlebout.steps.any").info("x" * 200)
    signs = terminal.getvalue().split("\r\x1b[K")
    assert len(signs[1]) == columns - 1
    assert signs[-1] == ""
