from datetime import timedelta
from unittest.mock import patch

import pytest

from fakes.demand_days import run_of
from fakes.serving_world import MODEL, NEW, CrashError, ServingWorld, interrupter, verdict_on, wired
from fakes.specs import demand_spec
from fakes.trial_world import TRIAL, TrialWorld, good_counts
from titlebout.core.errors import CorruptObjectError, DeploymentError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.live_trials.trial import TrialState
from titlebout.core.results import Outcome, ReleaseStatus, RunKind
from titlebout.steps.release_desk import ReleaseDesk
from titlebout.steps.start_trial import start_trial
from titlebout.steps.trial_desk import TrialDesk


@pytest.fixture
def world() -> TrialWorld:
    return TrialWorld()


def test_a_winner_is_tried_and_the_champion_serves_on(world):
    ticket = world.start()
    trial = world.trial
    assert ticket.token == trial.token
    assert (trial.version, trial.champion) == (world.new.version, world.old.version)
    assert (trial.state, trial.percent, trial.shares) == (TrialState.RUNNING, 5, (5, 25, 100))
    assert world.on_server.offer.percent == 5
    world.assert_serves(world.old)
    started = world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_STARTED})
    assert [entry.sequence for entry in started] == [trial.token]


def test_starting_it_again_changes_nothing(world):
    ticket = world.start()
    entries = len(world.ledger.entries(MODEL))
    assert world.start() == ticket
    assert len(world.ledger.entries(MODEL)) == entries


def test_killed_at_any_moment_it_goes_on_with_one_trial(world):
    at = 0
    while True:
        fresh = TrialWorld()
        try:
            fresh.start(**wired(fresh, interrupter(at, after=True, error=CrashError)))
        except CrashError:
            pass
        else:
            break
        ticket = fresh.start()
        assert len(fresh.ledger.entries(MODEL, kinds={EntryKind.TRIAL_STARTED})) == 1
        assert fresh.on_server.offer.token == ticket.token
        fresh.assert_serves(fresh.old)
        at += 1
    assert at >= 4


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
def test_who_did_not_win_is_not_tried(world, outcome):
    ticket = world.start(verdict_on(world.new, world.old, outcome=outcome, reasons=("no gain",)))
    assert ticket.token is None
    assert "no gain" in ticket.reason
    assert world.on_server is None


def test_a_backfill_never_starts_a_trial(world):
    ticket = world.start(run=run_of(NEW, RunKind.BACKFILL))
    assert ticket.token is None
    assert "backfill" in ticket.reason
    assert world.on_server is None


def test_the_first_winner_has_nobody_to_be_tried_against():
    world = ServingWorld(spec=demand_spec(**TRIAL))
    desk = ReleaseDesk(world.spec, "a run", **world.ports())
    ticket = start_trial(run_of(NEW), desk, verdict=verdict_on(world.new, None), trials=world.client)
    assert ticket.token is None
    assert "first winner" in ticket.reason
    assert world.deploy(verdict_on(world.new, None)).status is ReleaseStatus.SETTLED


def test_without_approval_there_is_no_trial(world):
    world.spec = demand_spec(**TRIAL, release__approval={"required": True})
    ticket = world.start()
    assert ticket.token is None
    assert "nobody was asked" in ticket.reason


@pytest.fixture
def other(world: TrialWorld, monkeypatch: pytest.MonkeyPatch):
    """Return the verdict of another winner; that its partition is older than the champion's shall not matter here."""
    monkeypatch.setattr("titlebout.steps.start_trial.why_nothing_to_release", lambda *_: None)
    return verdict_on(world.train("2024-01-12"), world.old)


def test_a_second_winner_waits_while_another_is_on_trial(world, other):
    world.start()
    ticket = world.start(other)
    assert ticket.token is None
    assert f"waits: trial {world.trial.token} of {world.new.version}" in ticket.reason
    assert len(world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_STARTED})) == 1


def test_a_trial_that_nobody_watched_to_its_end_makes_room(world, other):
    world.start()
    stale = world.trial
    late = stale.step_ends_at + timedelta(seconds=1)
    with patch.object(TrialDesk, "now", staticmethod(lambda: late)):
        ticket = world.start(other)
    assert (ticket.token, world.trial.version) == (world.trial.token, other.challenger)
    (failed,) = world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_FAILED})
    assert failed.payload["trial"] == stale.token
    assert world.on_server.offer.token == ticket.token


def test_a_candidate_that_the_server_refuses_ends_its_trial(world, monkeypatch):
    def refuse(*_, **__):
        raise DeploymentError("the golden rows score differently")

    monkeypatch.setattr(type(world.client), "push_trial", refuse)
    with pytest.raises(DeploymentError, match="golden rows"):
        world.start()
    assert world.trial.state is TrialState.FAILED
    world.assert_champion_is_untouched()


def test_a_server_that_does_not_answer_is_worth_a_retry(world, monkeypatch):
    with monkeypatch.context() as patched:

        def down(*_, **__):
            raise UnavailableError("down")

        patched.setattr(type(world.client), "push_trial", down)
        with pytest.raises(UnavailableError):
            world.start()
    assert world.trial.state is TrialState.RUNNING
    assert world.start().token == world.trial.token
    assert world.on_server is not None


def test_a_champion_that_its_server_has_lost_serves_again_before_anything_is_tried(world):
    server = world.host.servers[MODEL]
    server.served = server.predictor = None
    world.start()
    world.assert_serves(world.old)
    assert world.trial.champion_token == world.state.champion.token
    assert world.on_server.is_running


def test_a_champion_that_a_failed_release_put_back_can_be_tried_against(world):
    """The server bears the failed attempt's token then, and a trial is for the release that the ledger knows."""
    world.spec = demand_spec()
    world.client.offset = 1e-3
    with pytest.raises(DeploymentError, match="golden rows"):
        world.deploy(world.verdict)
    world.client.offset = 0.0
    assert world.served.version == world.old.version
    assert world.served.token > world.state.champion.token

    world.spec = demand_spec(**TRIAL)
    world.start()
    assert world.trial.state is TrialState.RUNNING
    assert world.on_server.is_running
    world.assert_serves(world.old)


def test_a_version_whose_manifest_was_changed_is_not_tried(world):
    fewer = world.new.model_copy(update={"training_rows": world.new.training_rows - 1})
    world.lake.objects[version_manifest(MODEL, world.new.version)] = fewer.model_dump_json().encode()
    with pytest.raises(CorruptObjectError):
        world.start()
    assert not world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_STARTED})


def test_a_failed_trial_may_be_started_anew(world):
    ticket = world.start()
    world.client.count(MODEL, **good_counts(distance={199: 600}))
    with pytest.raises(DeploymentError):
        world.look(ticket)
    again = world.start()
    assert again.token > ticket.token
    assert world.on_server.offer.token == again.token
