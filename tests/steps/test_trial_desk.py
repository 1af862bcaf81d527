from datetime import timedelta

import pytest

from fakes.serving_world import MODEL
from fakes.specs import demand_spec
from fakes.trial_world import TRIAL, TrialWorld, good_counts
from titlebout.core.errors import DeploymentError, LedgerConflictError, UnavailableError
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.live_trials.trial import TrialState, trial_at
from titlebout.steps.trial_desk import TrialDesk


@pytest.fixture
def world() -> TrialWorld:
    world = TrialWorld()
    world.start()
    return world


def desk_of(world: TrialWorld) -> TrialDesk:
    return TrialDesk(world.spec, "person:ann", world.lake, world.ledger, world.host, world.client)


def test_a_person_ends_a_trial_and_the_reason_stays(world):
    ended = desk_of(world).end(world.trial, ("stopped by ann: looks odd",))
    assert (ended.state, ended.reasons) == (TrialState.FAILED, ("stopped by ann: looks odd",))
    assert world.trial == ended
    world.assert_champion_is_untouched()


def test_ending_it_twice_keeps_the_first_reason(world):
    running = world.trial
    desk_of(world).end(running, ("first",))
    assert desk_of(world).end(running, ("second",)).reasons == ("first",)


def test_a_step_that_two_advance_at_once_advances_once(world):
    running, desk = world.trial, desk_of(world)
    assert desk.record.advance(running, None).step == 1
    assert desk.record.advance(running, None).step == 1
    assert world.trial.step == 1


def test_where_nothing_serves_there_is_nothing_to_be_tried_against(world):
    empty = LedgerState(sequence=world.state.sequence)
    with pytest.raises(LedgerConflictError, match="nothing serves 'demand' that"):
        desk_of(world).record.start(empty, world.new, world.spec.release)


@pytest.mark.parametrize("changes", [{"release__sticky_by": "hour"}, {"release__steps": [1, 100]}], ids=str)
def test_a_spec_that_changes_meanwhile_deals_nobody_out_anew(changes):
    world = TrialWorld()
    ticket = world.start()
    world.client.count(MODEL, **good_counts(100))
    before = world.on_server
    world.spec = demand_spec(**TRIAL, **changes)
    assert not world.look(ticket).is_over
    assert world.on_server == before


def test_a_server_that_takes_the_step_for_over_ends_a_trial_at_once_and_both_times_are_named():
    world = TrialWorld()
    world.client.clock_ahead = timedelta(hours=7)
    with pytest.raises(DeploymentError, match=r"for its server it is .*Z and the step over, for this machine .*Z; set"):
        world.start()
    assert world.trial.state is TrialState.FAILED
    world.assert_champion_is_untouched()


def test_clocks_that_differ_by_less_than_a_step_do_no_harm():
    world = TrialWorld()
    world.client.clock_ahead = timedelta(hours=5)
    assert not world.look(world.start()).is_over


def test_a_server_that_is_gone_does_not_keep_a_trial_from_ending(world):
    world.client.is_down = True
    assert desk_of(world).end(world.trial, ("the machine burns",)).state is TrialState.FAILED


def test_a_trial_that_somebody_moved_is_not_failed_for_it(world):
    stale, desk = world.trial, desk_of(world)
    world.client.count(MODEL, **good_counts())
    moved = desk.record.advance(stale, None)
    desk.status(moved)
    with pytest.raises(DeploymentError, match="it is at step 1"):
        desk.status(stale)
    assert world.trial.state is TrialState.RUNNING


def test_a_ledger_that_is_gone_does_not_keep_the_candidate_answering(world, monkeypatch):
    def down(*_, **__):
        raise UnavailableError("down")

    running = world.trial
    monkeypatch.setattr(type(world.ledger), "append", down)
    with pytest.raises(UnavailableError):
        desk_of(world).end(running, ("odd",))
    assert world.on_server is None


def test_what_was_on_trial_at_a_moment_is_known_later(world):
    trial, entries = world.trial, world.ledger.entries(MODEL)
    assert trial_at(entries, trial.started_at) == trial
    assert trial_at(entries[: trial.token - 1], trial.started_at) is None
    assert trial_at(entries, trial.step_ends_at) is None
    desk_of(world).end(trial, ("odd",))
    assert trial_at(world.ledger.entries(MODEL), world.ledger.entries(MODEL)[-1].recorded_at) is None
