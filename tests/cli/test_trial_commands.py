"""`titlebout trial` and what `served-at` says of a trial, over a real ledger and a server in memory."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from fakes.project_folder import make_project
from fakes.serving_world import MODEL
from fakes.specs import demand_document
from fakes.split_world import SPLIT, SplitWorld, night_before
from fakes.trial_world import TRIAL, TrialWorld, good_counts
from titlebout import emergency
from titlebout.cli import trial_commands
from titlebout.cli.main import main
from titlebout.core.live_trials.trial import TrialState

STOP = ["trial", MODEL, "--stop", "--by", "ann", "--reason", "looks odd"]


@pytest.fixture
def world(tmp_path, monkeypatch) -> TrialWorld:
    make_project(tmp_path, monkeypatch, demand_document(**TRIAL))
    world = TrialWorld()
    for module in ("trial_commands", "answers"):
        monkeypatch.setattr(f"titlebout.cli.{module}.open_ledger", lambda: world.ledger)
    monkeypatch.setattr(trial_commands, "open_lake", lambda: world.lake)
    monkeypatch.setattr(trial_commands, "build_host", lambda *_: world.host)
    monkeypatch.setattr(emergency, "build_plain_host", lambda *_, **__: world.host)
    monkeypatch.setattr(trial_commands, "build_client", lambda: world.client)
    return world


def test_a_model_without_a_trial_says_so(world, capsys):
    assert main(["trial", MODEL]) == 1
    assert "no winner was ever tried" in capsys.readouterr().out


def test_a_running_trial_shows_what_was_counted_and_what_it_proves(world, capsys):
    world.start()
    world.client.count(MODEL, **good_counts(slow=300, answered_champion=9))
    assert main(["trial", MODEL]) == 0
    said = capsys.readouterr().out
    assert f"trial {world.trial.token} of {world.new.version} against {world.old.version}: running" in said
    assert "9 by the champion, 600 by the candidate" in said
    assert "- slower than 3 times" in said
    assert "+ errors" in said


def test_a_server_that_is_away_leaves_what_the_ledger_knows(world, capsys):
    world.start()
    world.client.is_down = True
    assert main(["trial", MODEL]) == 0
    said = capsys.readouterr().out
    assert "step ends" in said
    assert "does not answer" in said


def test_a_person_stops_a_trial_and_the_champion_answers_alone(world, capsys):
    world.start()
    assert main([*STOP, "--yes"]) == 0
    assert world.trial.state is TrialState.FAILED
    assert world.trial.reasons == ("stopped by ann: looks odd",)
    assert "\n  as person:ann: looks odd\n" in capsys.readouterr().out
    world.assert_champion_is_untouched()
    assert main(["trial", MODEL]) == 0
    assert "looks odd" in capsys.readouterr().out
    assert main([*STOP, "--yes"]) == 2
    assert "nothing to stop" in capsys.readouterr().err


@pytest.mark.parametrize("missing", [["trial", MODEL, "--stop", "--by", "ann", "--yes"], STOP])
def test_without_a_reason_or_an_answer_nothing_is_stopped(world, missing, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    world.start()
    assert main(missing) == 2
    assert world.trial.state is TrialState.RUNNING


def test_served_at_names_the_champion_and_the_trial(world, capsys):
    world.start()
    moment = datetime.now(tz=UTC).isoformat()
    assert main(["served-at", MODEL, moment]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{MODEL}: {world.old.version}")
    assert f"on trial  trial {world.trial.token} of {world.new.version}" in said


@pytest.fixture
def split(world, monkeypatch) -> SplitWorld:
    """Return a world where outcomes decide, in the place of the other one."""
    models = Path(os.environ["TITLEBOUT_HOME"]) / "include" / "models"
    (models / "demand.yaml").write_text(yaml.safe_dump(demand_document(**SPLIT)), encoding="utf-8")
    split = SplitWorld()
    for module in ("trial_commands", "answers"):
        monkeypatch.setattr(f"titlebout.cli.{module}.open_ledger", lambda: split.ledger)
    monkeypatch.setattr(trial_commands, "open_lake", lambda: split.lake)
    monkeypatch.setattr(trial_commands, "build_host", lambda *_: split.host)
    monkeypatch.setattr(trial_commands, "build_client", lambda: split.client)
    return split


def test_where_outcomes_decide_their_interval_is_shown_and_its_page_printed(split, capsys):
    ticket, names = split.start_and_answer(400)
    assert main(["trial", MODEL]) == 0
    said = capsys.readouterr().out
    assert "outcomes  none were looked at yet" in said
    assert "? errors" in said
    assert "score distance" not in said
    assert main(["trial", MODEL, "--html"]) == 1
    split.outcomes(night_before(), split.revenues(names))
    split.look(ticket)
    assert main(["trial", MODEL]) == 0
    said = capsys.readouterr().out
    assert "mean revenue, larger is better; 100 outcomes of each" in said
    assert re.search(r"gain +[+-][0-9.]+, between -[0-9.]+ and \+[0-9.]+", said)
    assert "verdict   continue: not proven better" in said
    assert main(["trial", MODEL, "--html"]) == 0
    assert "<svg" in capsys.readouterr().out


def test_a_trial_is_stopped_and_shown_whatever_became_of_the_spec(world, capsys, tmp_path):
    world.start()
    (tmp_path / "include" / "models" / f"{MODEL}.yaml").write_text("name: [", encoding="utf-8")
    assert main(["trial", MODEL]) == 0
    assert main([*STOP, "--yes"]) == 0
    assert world.trial.state is TrialState.FAILED
    world.assert_champion_is_untouched()
