"""`titlebout retrain`, and what `status` says of it, over a ledger in memory."""

from datetime import UTC, datetime

import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.project_folder import make_project
from fakes.specs import demand_document
from titlebout.cli.main import main
from titlebout.core.results import Outcome, RunContext, RunKind, Verdict
from titlebout.core.retraining.causes import RetrainCause
from titlebout.core.retraining.verdict_note import note_verdict
from titlebout.core.specs.retrain_spec import RetrainReason
from titlebout.steps.ask_for_retrain import ask_for_retrain

WISH = ["retrain", "demand", "--by", "ann", "--reason", "new tariff"]


class Served:
    version, partition = "2024-01-13-abc", "2024-01-13"


@pytest.fixture
def world(tmp_path, monkeypatch):
    make_project(tmp_path, monkeypatch, demand_document(drift__retrains_without_gain=1))
    world = DemandWorld()
    for module in ("retrains", "answers"):
        monkeypatch.setattr(f"titlebout.cli.{module}.open_ledger", lambda: world.ledger)
    world.deliver_days("2024-01-12", "2024-01-13")
    world.release(Served())
    return world


def lose(world):
    """A retrain for drift that wins nothing; the next look stops."""
    cause = RetrainCause(reason=RetrainReason.DRIFT, fingerprint="ab12", why="temperature rose")
    spec = world.spec.model_copy(update={"drift": world.spec.drift.model_copy(update={"retrains_without_gain": 1})})
    arguments = {"champion": Served.version, "ledger": world.ledger, "now": datetime.now(UTC)}
    asked = ask_for_retrain(spec, [cause], **arguments).retrain
    run = RunContext(partition=asked.partition, run_id=asked.run_id, kind=RunKind.MANUAL, reason="drift")
    verdict = Verdict(
        model="demand",
        partition=asked.partition,
        outcome=Outcome.KEEP,
        reasons=("test",),
        challenger="2024-01-13-def",
        champion=Served.version,
        metric="rmse",
    )
    note_verdict(world.ledger, run, verdict)
    return asked


def test_without_any_retrain_the_gate_is_shown_and_the_answer_is_no(world, capsys):
    assert main(["retrain", "demand"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "demand",
        "  budget     0 of 2 within seven days",
        "  gain       0 in a row without, 1 stop",
    ]
    assert main(["status"]) == 0
    assert "retrains" not in capsys.readouterr().out


def test_a_person_asks_for_a_run_and_sees_that_it_is_under_way(world, capsys):
    assert main([*WISH, "--yes"]) == 0
    said = capsys.readouterr().out
    assert "\n  as person:" in said
    assert "as person:ann: new tariff" in said
    run_id = world.ledger.entries("demand")[-1].payload["run_id"]
    assert f"asked for {run_id}; the next look of demand_drift or demand_news starts it" in said
    assert main(["retrain", "demand"]) == 0
    assert f"under way  {run_id}" in capsys.readouterr().out
    assert main(["status"]) == 0
    assert f"retrains    0 within seven days; last {run_id}: no verdict yet" in capsys.readouterr().out
    assert main([*WISH, "--yes"]) == 2
    assert "wait for its verdict" in capsys.readouterr().err


def test_a_no_changes_nothing(world, capsys, monkeypatch):
    monkeypatch.setattr("titlebout.cli.retrains.confirmed", lambda: False)
    before = world.ledger.entries("demand")
    for command in (WISH, [*WISH, "--resume"]):
        assert main(command) == 1
        assert "nothing was changed" in capsys.readouterr().out
    assert world.ledger.entries("demand") == before


def test_what_stopped_for_want_of_gain_is_seen_and_resumed_with_a_reason(world, capsys):
    asked = lose(world)
    assert main(["retrain", "demand"]) == 0
    said = capsys.readouterr().out
    assert "1 retrains in a row won nothing (2024-01-13 keep)" in said
    assert f"{asked.run_id}  keep (2024-01-13-def)  temperature rose" in said
    assert main(["retrain", "demand", "--resume"]) == 2
    assert "--resume needs a --reason" in capsys.readouterr().err
    assert main([*WISH, "--resume", "--yes"]) == 0
    assert world.ledger.entries("demand")[-1].kind == "retrain_resumed"
    assert main(["retrain", "demand"]) == 0
    assert "0 in a row without" in capsys.readouterr().out


def test_a_look_prints_what_the_drift_dag_would_say(world, capsys, monkeypatch):
    from titlebout.core.drifting.drift_results import DriftReport
    from titlebout.core.retraining.watch_report import WatchReport

    def look(spec, *, lake, ledger, asks):
        assert (spec.name, lake, ledger, asks) == ("demand", world.lake, world.ledger, False)
        drift = DriftReport(model="demand", champion="v1", looked_at=("2024-01-13",), reason="quiet")
        return WatchReport(model="demand", champion="v1", drift=drift)

    monkeypatch.setattr("titlebout.cli.retrains.open_lake", lambda: world.lake)
    monkeypatch.setattr("titlebout.steps.watch_model.watch_model", look)
    assert main(["retrain", "demand", "--look"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "looked at 2024-01-13 for v1",
        "drift: quiet",
        "nothing speaks for a retrain",
    ]


def test_nights_of_the_schedule_are_no_retrains(world):
    verdict = Verdict(
        model="demand",
        partition="2024-01-13",
        outcome=Outcome.KEEP,
        reasons=("test",),
        challenger="x",
        champion="y",
        metric="rmse",
    )
    note_verdict(world.ledger, run_of("2024-01-13"), verdict)
    assert main(["retrain", "demand"]) == 1
