"""`titlebout run` keeps quiet about the steps, but for a search: that takes a while."""

import logging

from titlebout.cli import night_runs


def test_a_search_and_a_ladder_tell_how_far_they_are_and_other_steps_do_not(capsys):
    steps = [logging.getLogger(f"titlebout.steps.{name}") for name in ("search_parameters", "climb_ladder", "any")]
    with night_runs._quiet(), night_runs._progress_shown("2024-01-13"):
        for number, step in enumerate(steps, start=1):
            step.info("trial %d of 9", number)
    steps[0].info("trial 4 of 9")
    assert capsys.readouterr().err.splitlines() == ["2024-01-13  trial 1 of 9", "2024-01-13  trial 2 of 9"]
