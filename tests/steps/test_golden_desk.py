"""The live server is asked golden rows, and what it answers is held against what was promised."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from fakes.skew_world import DAY, SkewWorld, logging_spec
from titlebout.core.alerts.happenings import happenings
from titlebout.core.errors import UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.skew.replay_port import ServedAnswer
from titlebout.core.versions import load_predictor
from titlebout.steps import golden_desk


@pytest.fixture
def world() -> SkewWorld:
    return SkewWorld()


def findings_in(world: SkewWorld) -> list[dict]:
    return [entry.payload for entry in world.ledger.entries("demand", kinds={EntryKind.SKEW_FOUND})]


def test_other_scores_for_golden_rows_are_found_and_told_once(world):
    world.client.offset = 1e-3
    for _ in range(2):
        golden = world.check().golden
    assert golden.differing == 68
    assert golden.largest_difference == pytest.approx(1e-3 / 69.346870, rel=1e-3)
    assert golden.differences[0].version == world.champion.version
    assert "68 of 68 answers" in golden.problem
    assert "clear the newest deploy_model" in golden.problem
    [told] = findings_in(world)
    assert (told["kind"], told["newest_partition"]) == ("golden", DAY)
    [happening] = happenings(world.ledger.entries("demand", kinds={EntryKind.SKEW_FOUND}))
    assert happening.cause == "skew_found"


def test_a_difference_that_no_release_would_mind_is_none(world):
    world.client.offset = 1e-7
    assert world.check().is_clean


def test_a_row_that_scores_otherwise_only_when_it_is_asked_alone_is_found(world):
    ask = world.client.ask

    def ask_alone_wrongly(address, rows, *, request_id):
        answer = ask(address, rows, request_id=request_id)
        return ServedAnswer(answer.version, [score + (len(rows) == 1) for score in answer.scores])

    with patch.object(world.client, "ask", ask_alone_wrongly):
        golden = world.check().golden
    assert golden.differing == 34
    assert all(each.is_alone for each in golden.differences)


def test_another_version_than_the_ledgers_is_found(world):
    other = world.other
    world.serve(other)
    report = world.check()
    assert f"serves {other.version}, and by the ledger it is {world.champion.version}" in report.golden.problem
    assert [finding["kind"] for finding in findings_in(world)] == ["golden"]


def test_a_server_that_lost_its_release_is_found(world):
    world.host.servers["demand"].served = None
    assert "serves nothing" in world.check().golden.problem


@pytest.mark.parametrize("is_ended", [False, True], ids=["going on", "settled meanwhile"])
def test_a_release_that_goes_on_is_waited_for(world, is_ended):
    other = world.other
    world.serve(other)
    started = {"version": other.version, "partition": DAY, "champion": world.champion.version}
    token = world._append(EntryKind.RELEASE_STARTED, started).sequence
    if is_ended:
        # The desk has read the ledger before it was settled.
        served = world.client.served

        def settle_first(address):
            settled = {"version": other.version, "partition": DAY, "token": token, "reason": "won", "url": None}
            world._append(EntryKind.RELEASE_SETTLED, settled)
            return served(address)

        world.client.served = settle_first
    with pytest.raises(UnavailableError, match="a release of demand is going on"):
        world.check()
    assert findings_in(world) == []


def test_a_release_that_was_killed_explains_nothing(world):
    other = world.other
    world.serve(other)
    world._append(EntryKind.RELEASE_STARTED, {"version": other.version, "partition": DAY, "champion": None})
    with patch.object(golden_desk, "LONGEST_RELEASE", timedelta(0)):
        assert f"serves {other.version}" in world.check().golden.problem


def test_answers_of_a_candidate_on_trial_are_held_against_the_candidate(world):
    candidate = world.other
    world.spec = logging_spec(release__strategy="canary")
    TrialRecord(world.ledger, "demand").start(world.ledger.state("demand"), candidate, world.spec.release)
    asked = []
    ask = world.client.ask

    def every_other(address, rows, *, request_id):
        asked.append(request_id)
        if len(asked) % 2:
            return ServedAnswer(world.champion.version, world.predictor.predict_rows(rows).tolist())
        return ServedAnswer(candidate.version, other.predict_rows(rows).tolist())

    other = load_predictor(world.lake, candidate, threads=1)
    with patch.object(world.client, "ask", every_other):
        golden = world.check().golden
    assert golden.problem is None
    assert golden.by_candidate == 17
    assert len(set(asked)) == 35
    assert all(name.startswith("titlebout-replay-") for name in asked)

    strange = "2024-01-01-ffffffffffff"
    with patch.object(world.client, "ask", lambda *args, **named: ServedAnswer(strange, ask(*args, **named).scores)):
        assert f"serves {strange}" in world.check().golden.problem


def test_a_candidate_that_answers_on_when_its_trial_is_over_is_found_after_a_while(world):
    world.spec = logging_spec(release__strategy="canary")
    record = TrialRecord(world.ledger, "demand")
    record.fail(record.start(world.ledger.state("demand"), world.other, world.spec.release), ["slow"])
    ask = world.client.ask

    def by_candidate(*arguments, **named):
        return ServedAnswer(world.other.version, ask(*arguments, **named).scores)

    with patch.object(world.client, "ask", by_candidate):
        with pytest.raises(UnavailableError, match="has just ended"):
            world.check()
        with patch.object(golden_desk, "LONGEST_RELEASE", timedelta(0)):
            assert f"serves {world.other.version}" in world.check().golden.problem


def test_what_answers_and_is_on_no_trial_is_found(world):
    ask = world.client.ask
    with patch.object(
        world.client, "ask", lambda *args, **named: ServedAnswer("2024-01-01-ffffffffffff", ask(*args, **named).scores)
    ):
        assert "serves 2024-01-01-ffffffffffff" in world.check().golden.problem


def test_where_nobody_serves_nothing_is_asked(world):
    world.ledger.chains["demand"] = [
        entry for entry in world.ledger.chains["demand"] if not entry.kind.startswith("release_")
    ]
    assert "the ledger knows of no release; stop that server" in world.check().golden.problem
    world.host.stop("demand")
    assert (world.check().golden.problem, world.check().golden.note) == (None, "no champion serves yet")
    world.spec = logging_spec(deployment__target="none", serving__log={"enabled": False})
    assert world.check().golden.note == "deployment.target none has no server"
