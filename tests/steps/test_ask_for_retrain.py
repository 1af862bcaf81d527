"""Asking for a run: once, by one of those who ask at once, and on what the ledger says at that moment."""

import multiprocessing
from datetime import UTC, datetime, timedelta

import pytest

from fakes.demand_days import DemandWorld
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.errors import DecisionRefusedError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Outcome, RunContext, RunKind, Verdict
from titlebout.core.retraining.causes import RetrainCause
from titlebout.core.retraining.verdict_note import note_verdict
from titlebout.core.specs.retrain_spec import RetrainReason
from titlebout.steps.ask_for_retrain import ask_for_retrain, resume_retrains, wish_for_retrain

NOW = datetime(2024, 3, 1, 6, 30, tzinfo=UTC)


def cause(fingerprint="ab12"):
    return RetrainCause(reason=RetrainReason.DRIFT, fingerprint=fingerprint, why="temperature rose")


def settled(ledger, version="v1", model="demand"):
    payload = {"version": version, "partition": "2024-01-10", "token": 1, "reason": "test"}
    ledger.append(model, EntryKind.RELEASE_SETTLED, payload, actor="test")


@pytest.fixture
def ledger():
    world = DemandWorld(ledger=MemoryLedger(clock=lambda: NOW))
    world.deliver_days("2024-01-12", "2024-01-13")
    settled(world.ledger)
    return world.ledger


def ask(ledger, *causes, spec=None, now=NOW, champion="v1"):
    return ask_for_retrain(spec or demand_spec(), causes, champion=champion, ledger=ledger, now=now)


def judged(ledger, asked, outcome=Outcome.KEEP):
    run = RunContext(partition=asked.partition, run_id=asked.run_id, kind=RunKind.MANUAL, reason=asked.reason)
    verdict = Verdict(
        model="demand",
        partition=asked.partition,
        outcome=outcome,
        reasons=("test",),
        challenger="v2",
        champion="v1",
        metric="rmse",
    )
    note_verdict(ledger, run, verdict)


def kinds(ledger):
    return [entry.kind.value for entry in ledger.entries("demand") if entry.kind.startswith("retrain")]


def test_a_run_for_the_newest_partition_is_asked_for_and_says_why(ledger):
    found = ask(ledger, cause())
    assert found.is_new
    entry = ledger.entries("demand")[-1]
    assert (entry.kind, entry.actor, entry.once) == ("retrain_asked", "step:watch_model", "retrain:ab12")
    assert entry.payload == {
        "model": "demand",
        "reason": "drift",
        "fingerprint": "ab12",
        "partition": "2024-01-13",
        "run_id": "drift__2024-01-13__ab12",
        "champion": "v1",
        "why": "temperature rose",
    }
    assert found.retrain.conf == {
        "partition": "2024-01-13",
        "reason": "drift",
        "fingerprint": "ab12",
        "why": "temperature rose",
    }


def test_until_it_is_judged_every_look_hands_the_same_run_out_and_writes_nothing(ledger):
    first = ask(ledger, cause())
    entries = ledger.entries("demand")
    for causes in ([cause()], [], [cause("other")]):
        again = ask(ledger, *causes)
        assert (again.retrain, again.is_new) == (first.retrain, False)
    assert ledger.entries("demand") == entries
    judged(ledger, first.retrain)
    assert ask(ledger, cause()).retrain is None


def test_a_verdict_is_noted_once_with_the_run_that_came_to_it(ledger):
    asked = ask(ledger, cause()).retrain
    for _ in range(2):
        judged(ledger, asked, Outcome.PROMOTE)
    assert kinds(ledger) == ["retrain_asked", "retrain_judged"]
    assert ledger.entries("demand")[-1].payload == {
        "run_id": asked.run_id,
        "reason": "drift",
        "partition": "2024-01-13",
        "challenger": "v2",
        "champion": "v1",
        "outcome": "promote",
    }


@pytest.mark.parametrize("kind", [RunKind.SCHEDULED, RunKind.BACKFILL])
def test_nights_of_the_schedule_leave_no_note(ledger, kind):
    verdict = Verdict(
        model="demand",
        partition="2024-01-13",
        outcome=Outcome.KEEP,
        reasons=("test",),
        challenger="v2",
        champion="v1",
        metric="rmse",
    )
    before = ledger.entries("demand")
    note_verdict(ledger, RunContext(partition="2024-01-13", run_id="night", kind=kind), verdict)
    assert ledger.entries("demand") == before


def test_a_stop_is_recorded_once_and_asks_for_nothing(ledger):
    spec = demand_spec(drift__retrains_per_week=0)
    first = ask(ledger, cause(), spec=spec)
    assert (first.retrain, first.stops) == (None, ("drift.retrains_per_week is 0",))
    assert ledger.entries("demand")[-1].payload == {"cause": "budget exhausted", "why": "drift.retrains_per_week is 0"}
    assert ask(ledger, cause(), spec=spec).stops == ()
    assert kinds(ledger) == ["retrain_stopped"]


def test_causes_about_a_champion_that_serves_no_more_ask_for_nothing(ledger):
    settled(ledger, "v2")
    found = ask(ledger, cause())
    assert found.retrain is None
    assert found.refusals == ("the champion changed while it was looked at; the next look decides",)


def test_whoever_loses_the_race_decides_again_on_what_the_winner_wrote(ledger, monkeypatch):
    """Between the look at the ledger and the entry, another process asks because of something else."""
    rightful = ledger.append
    rivals = [cause("rival")]

    def late(*args, **more):
        while rivals:
            ask(ledger, rivals.pop())
        return rightful(*args, **more)

    monkeypatch.setattr(ledger, "append", late)
    found = ask(ledger, cause())
    assert found.retrain.fingerprint == "rival"
    assert "there is one at a time" in found.refusals[0]
    assert kinds(ledger) == ["retrain_asked"]


def test_a_ledger_in_which_others_always_write_first_is_worth_a_retry(ledger, monkeypatch):
    rightful = ledger.append

    def late(*args, **more):
        settled_before = {"drift": "x"}
        rightful("demand", EntryKind.LOG_PRUNED, settled_before, actor="other")
        return rightful(*args, **more)

    monkeypatch.setattr(ledger, "append", late)
    with pytest.raises(UnavailableError, match="others wrote first"):
        ask(ledger, cause())


def test_a_person_is_asked_for_nothing_but_patience(ledger):
    spec = demand_spec(drift__retrains_per_week=0)
    wish = wish_for_retrain(spec, person="ann", reason="new tariff", ledger=ledger, now=NOW)
    assert (wish.reason, wish.why, wish.partition) == ("person", "new tariff", "2024-01-13")
    assert ledger.entries("demand")[-1].actor == "person:ann"
    with pytest.raises(
        DecisionRefusedError, match=rf"{wish.run_id}: no verdict yet; one runs at a time, .* 12 hours at"
    ):
        wish_for_retrain(spec, person="ann", reason="new tariff", ledger=ledger, now=NOW)
    assert ask(ledger, spec=spec).retrain == wish


def test_a_wish_waits_for_the_look_of_the_next_morning_however_short_a_verdict_may_take(ledger):
    """The last look of a day is at 12:30: whoever asks in the afternoon would else be forgotten in the night."""
    spec = demand_spec(drift={"verdict_within_hours": 2, "cooldown_days": 0})
    wish = wish_for_retrain(spec, person="ann", reason="new sensors", ledger=ledger, now=NOW)
    assert ask(ledger, spec=spec, now=NOW + timedelta(hours=24)).retrain == wish
    assert ask(ledger, cause(), spec=spec, now=NOW + timedelta(hours=24)).retrain.reason == "drift"  # and holds up none


def test_a_wish_that_is_a_day_overdue_is_not_handed_out_for_ever(ledger):
    wish_for_retrain(demand_spec(), person="ann", reason="new sensors", ledger=ledger, now=NOW)
    assert ask(ledger, now=NOW + timedelta(hours=37)).retrain is None


def test_what_no_person_wished_is_lost_when_it_is_overdue(ledger):
    ask(ledger, cause())
    assert ask(ledger, now=NOW + timedelta(hours=13)).retrain is None


def test_where_nobody_serves_a_person_is_told_what_to_do_instead():
    with pytest.raises(DecisionRefusedError, match="run a night of demand_nightly by hand"):
        wish_for_retrain(demand_spec(), person="ann", reason="x", ledger=MemoryLedger(), now=NOW)


def test_a_person_resumes_what_stopped_for_want_of_gain(ledger):
    spec = demand_spec(drift__retrains_without_gain=1, drift__cooldown_days=0)
    judged(ledger, ask(ledger, cause(), spec=spec).retrain)
    assert ask(ledger, cause("next"), spec=spec).retrain is None
    resume_retrains(spec, person="ann", reason="the source is mended", ledger=ledger)
    assert ask(ledger, cause("next"), spec=spec).is_new
    assert kinds(ledger) == [
        *("retrain_asked", "retrain_judged", "retrain_stopped"),
        *("retrain_resumed", "retrain_asked"),
    ]


RACES = {"same": ("ab12", "ab12"), "two": ("ab12", "cd34")}


def race(url, number, barrier, results):
    ledger = SqlLedger(url, clock=lambda: NOW)
    for name in [f"{word}_{lap}" for word in RACES for lap in range(5)]:
        spec, fingerprint = demand_spec(name=name), RACES[name.partition("_")[0]][number]
        barrier.wait(timeout=120)
        asked = ask_for_retrain(spec, [cause(fingerprint)], champion="v1", ledger=ledger, now=NOW)
        results.put((name, asked.retrain.run_id))


def test_of_two_schedulers_that_ask_at_once_one_starts_a_run(tmp_path):
    """Two processes, ten races: five because of the same, five because of different causes."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    before = SqlLedger(url, clock=lambda: NOW - timedelta(days=30))
    names = [f"{word}_{lap}" for word in RACES for lap in range(5)]
    for name in names:
        settled(before, model=name)
    forked = multiprocessing.get_context("fork")
    barrier, results = forked.Barrier(2), forked.Queue()
    rivals = [forked.Process(target=race, args=(url, number, barrier, results)) for number in range(2)]
    for rival in rivals:
        rival.start()
    answers = [results.get(timeout=120) for _ in range(2 * len(names))]
    for rival in rivals:
        rival.join(timeout=120)
    for name in names:
        (run_id,) = {run_id for model, run_id in answers if model == name}
        asked = SqlLedger(url).entries(name, kinds={EntryKind.RETRAIN_ASKED})
        assert [entry.payload["run_id"] for entry in asked] == [run_id]
