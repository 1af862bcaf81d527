"""Trials of strategy ab through the steps: outcomes arrive in later partitions, and looks decide."""

import json

import pytest

from fakes.server_log import MemoryServerLog
from fakes.serving_world import MODEL, CrashError, Wire, interrupter, verdict_on, wired
from fakes.specs import demand_spec
from fakes.split_world import SplitWorld, night_before
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.live_trials.trial import TrialState
from titlebout.core.results import ReleaseStatus


@pytest.fixture
def world() -> SplitWorld:
    return SplitWorld()


def looks(world: SplitWorld) -> list[dict]:
    return [entry.payload for entry in world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_LOOKED})]


def test_a_better_candidate_wins_by_its_outcomes_and_is_released(world):
    ticket, names = world.start_and_answer()
    assert (world.trial.percent, world.on_server.offer.percent) == (50, 50)
    assert not world.look(ticket).is_over
    assert looks(world) == []  # nothing came, so there was nothing to look at
    world.outcomes(night_before(), world.revenues(names, better=1.0))
    look = world.look(ticket)
    assert look.is_over
    assert world.trial.state is TrialState.PASSED
    (payload,) = looks(world)
    assert payload["decision"] == "promote"
    report = json.loads(world.lake.read(payload["evidence"]["report"]))
    assert report["low"] > 0
    assert abs(report["gain"] - 1.0) < 0.3
    assert sum(group["outcomes"] for group in report["groups"].values()) == len(names)
    assert b"The candidate is better" in world.lake.read(payload["evidence"]["page"])
    assert world.deploy(world.verdict).status is ReleaseStatus.SETTLED
    world.assert_serves(world.new)


def test_a_worse_candidate_ends_the_trial_early_and_the_task_succeeds(world):
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names, better=-1.0))
    look = world.look(ticket)
    assert look.is_over
    assert "worse in revenue" in look.summary
    assert world.trial.state is TrialState.KEPT
    world.assert_champion_is_untouched()
    release = world.deploy(world.verdict)
    assert release.status is ReleaseStatus.SKIPPED
    assert "worse in revenue" in release.reason
    assert world.look(ticket).is_over  # cleared after all of it


def test_what_is_not_proven_in_time_keeps_the_champion(world):
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names))
    assert not world.look(ticket, hours=167).is_over
    look = world.look(ticket, hours=169)
    assert look.is_over
    assert "the time of the split is over; not proven better in revenue: gain" in look.summary
    assert [payload["decision"] for payload in looks(world)] == ["continue", "keep"]
    world.assert_champion_is_untouched()


@pytest.mark.parametrize("answered", ["nobody", "without outcomes"])
def test_without_answers_or_outcomes_the_champion_stays(world, answered):
    ticket = world.start() if answered == "nobody" else world.start_and_answer()[0]
    look = world.look(ticket, hours=169)
    assert look.is_over
    expected = {
        "nobody": "the candidate has answered nobody",
        "without outcomes": "0 of 100 outcomes of the candidate are known",
    }
    assert expected[answered] in look.summary
    assert world.trial.state is TrialState.KEPT
    world.assert_champion_is_untouched()


def test_too_few_outcomes_decide_nothing_however_large_the_gain(world):
    ticket, names = world.start_and_answer(190)
    world.outcomes(night_before(), world.revenues(names, better=50.0))
    assert not world.look(ticket).is_over
    assert "of 100 outcomes of the" in looks(world)[0]["reasons"][0]


def test_so_many_outcomes_as_agreed_end_the_trial(world):
    world = SplitWorld(changes={"release__ab": {**world.spec.release.ab.model_dump(mode="json"), "max_outcomes": 400}})
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names))
    look = world.look(ticket)
    assert look.is_over
    assert "1000 of 400 outcomes are counted" in look.summary
    assert world.trial.state is TrialState.KEPT


def test_a_split_that_is_not_the_agreed_one_is_inconclusive_whatever_its_outcomes_say(world):
    ticket = world.start()
    names = [f"r{number}" for number in range(1500)]
    answers = world.requests(names)
    lost = [row for number, row in enumerate(answers) if row["role"] == "champion" or number % 3]
    world.log(world.requests([next(row["request_id"] for row in answers if row["role"] == "candidate")]))
    for row in lost:
        row["time"] = world.trial.started_at.replace(microsecond=999_999)
    world.log(lost)
    world.outcomes(night_before(), world.revenues([row["request_id"] for row in lost], better=5.0))
    with pytest.raises(DeploymentError, match="inconclusive; the split is broken: the candidate answered"):
        world.look(ticket, hours=1)
    assert world.trial.state is TrialState.FAILED
    world.assert_champion_is_untouched()
    assert world.deploy(world.verdict).status is ReleaseStatus.SKIPPED


def test_a_candidate_that_fails_requests_is_stopped_before_any_outcome(world):
    ticket, _ = world.start_and_answer()
    world.client.count(MODEL, asked_candidate=500, fallbacks=200, pairs=0)
    with pytest.raises(DeploymentError, match="failed answers between"):
        world.look(ticket)
    world.assert_champion_is_untouched()


def test_scores_that_differ_are_no_harm_where_outcomes_decide(world):
    ticket, _ = world.start_and_answer()
    world.client.count(MODEL, asked_candidate=600, pairs=600, distance={199: 600}, shift={399: 600})
    assert not world.look(ticket).is_over


def test_quarantined_outcomes_do_not_count_and_corrected_ones_do(world):
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names, better=9.0), accepted=False)
    assert not world.look(ticket).is_over
    assert looks(world) == []
    world.outcomes(night_before(), world.revenues(names, better=-9.0), revision=2)
    look = world.look(ticket)
    assert "worse in revenue" in look.summary


def test_outcomes_that_are_not_final_yet_wait(world):
    world = SplitWorld(changes={"dataset__label_delay_days": 2})
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names, better=1.0))
    assert not world.look(ticket).is_over
    assert looks(world) == []
    assert world.look(ticket, hours=48).is_over
    assert world.trial.state is TrialState.PASSED


def test_a_partition_that_was_known_before_the_trial_holds_no_outcomes(world):
    old = night_before(3)
    world.outcomes(old, {"r1": 1.0})
    ticket, names = world.start_and_answer()
    world.outcomes(old, world.revenues(names, better=9.0), revision=2)
    assert not world.look(ticket).is_over
    assert looks(world) == []


def test_a_later_night_may_ingest_while_a_look_is_taken(world, monkeypatch):
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(2), world.revenues(names[:100]))
    state_of, coming = world.ledger.state, [night_before()]

    def state(model):
        found = state_of(model)
        while coming:
            world.outcomes(coming.pop(), world.revenues(names[100:], better=1.0))
        return found

    monkeypatch.setattr(world.ledger, "state", state)
    assert not world.look(ticket).is_over
    assert not coming
    assert world.look(ticket).is_over


def test_looks_without_news_change_nothing(world):
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(2), world.revenues(names[:300]))
    world.look(ticket)
    entries, objects = len(world.ledger.entries(MODEL)), len(world.lake.objects)
    for _ in range(3):
        assert not world.look(ticket).is_over
    assert (len(world.ledger.entries(MODEL)), len(world.lake.objects)) == (entries, objects)
    world.outcomes(night_before(), world.revenues(names[300:]))
    world.look(ticket)
    assert len(looks(world)) == 2


def test_rules_that_change_while_a_trial_runs_change_nothing_about_it(world):
    ticket, names = world.start_and_answer()
    rules, offer = world.trial.split, world.on_server.offer
    world.spec = SplitWorld(changes={"release__alpha": 0.2, "release__sticky_by": "hour"}).spec
    world.outcomes(night_before(), world.revenues(names, better=0.3))
    world.look(ticket)
    report = json.loads(world.lake.read(looks(world)[0]["evidence"]["report"]))
    assert (report["rules"]["alpha"], report["rules"]["sticky_by"]) == (rules.alpha, None)
    assert world.on_server.offer == offer


@pytest.mark.parametrize("better", [1.0, -1.0])
def test_killed_at_any_moment_the_same_decision_is_finished(better):
    at = 0
    while True:
        world = SplitWorld()
        ticket, names = world.start_and_answer(300)
        world.outcomes(night_before(), world.revenues(names, better=better))
        around = interrupter(at, after=True, error=CrashError)
        ports = wired(world, around) | {"lake": Wire(world.lake, ("publish",), around)}
        try:
            world.look(ticket, **ports)
        except CrashError:
            before = looks(world)
            # Answers and outcomes that come meanwhile: what was recorded is finished, not judged anew.
            world.outcomes(night_before(2), world.revenues(names, better=0.0))
        else:
            break
        assert world.look(ticket).is_over
        assert world.trial.state is (TrialState.PASSED if better > 0 else TrialState.KEPT)
        assert before == looks(world)[: len(before)]
        assert len(looks(world)) == 1
        if better < 0:
            world.assert_champion_is_untouched()
        at += 1
    assert at >= 5


def test_the_newest_answers_are_brought_to_the_lake_before_they_are_judged(world):
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names, better=1.0))
    log = MemoryServerLog(**{"0123456789abcdef-00000001": b"nonsense"})
    assert world.look(ticket, server_log=log).is_over
    assert list(log.segments)  # one that cannot be read stays where it is, and stops nobody
    log.is_down = True
    world = SplitWorld()
    ticket, names = world.start_and_answer()
    world.outcomes(night_before(), world.revenues(names, better=1.0))
    with pytest.raises(UnavailableError):
        world.look(ticket, server_log=log)
    assert looks(world) == []
    assert world.look(ticket).is_over


def test_while_a_split_is_held_another_winner_waits(world, monkeypatch):
    world.start()
    monkeypatch.setattr("titlebout.steps.start_trial.why_nothing_to_release", lambda *_: None)
    held, world.spec = world.spec, demand_spec()
    other = world.train("2024-01-12")
    world.spec = held
    ticket = world.start(verdict_on(other, world.old))
    assert ticket.token is None
    assert "waits: trial" in ticket.reason


def test_what_outcomes_have_decided_is_not_tried_again(world):
    ticket, names = world.start_and_answer(300)
    world.outcomes(night_before(), world.revenues(names, better=-1.0))
    world.look(ticket)
    assert world.start().token == ticket.token
    assert world.look(ticket).is_over
    world.assert_champion_is_untouched()
    assert len(world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_STARTED})) == 1
