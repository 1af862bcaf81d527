import pytest

from fakes.serving_world import MODEL, CrashError, interrupter, pausing_before, wired
from fakes.specs import demand_spec
from fakes.trial_world import STEPS, TrialWorld, good_counts, shifted_counts
from titlebout.core.errors import DeploymentError, StaleTokenError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.live_trials import trial_permit
from titlebout.core.live_trials.trial import TRIAL_KINDS, TrialState
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.core.results import ReleaseStatus
from titlebout.core.rollback_plan import RollbackPlan
from titlebout.steps import deploy_model as deploying
from titlebout.steps.roll_back_model import roll_back_model


@pytest.fixture
def world() -> TrialWorld:
    return TrialWorld()


def kinds(world: TrialWorld) -> list[str]:
    return [str(entry.kind) for entry in world.ledger.entries(MODEL, kinds=TRIAL_KINDS)]


def test_without_a_trial_there_is_nothing_to_wait_for(world):
    look = world.look(TrialTicket(model=MODEL, token=None, reason="no gain"))
    assert (look.is_over, look.summary) == (True, "no gain")


def test_a_good_candidate_goes_step_by_step_and_is_promoted(world):
    ticket = world.start()
    for percent in (5, 25, 100):
        assert world.on_server.offer.percent == percent
        assert not world.look(ticket).is_over or percent == 100
        world.client.count(MODEL, **good_counts())
        world.assert_serves(world.old)
        look = world.look(ticket)
    assert look.is_over
    assert kinds(world) == ["trial_started", "trial_step", "trial_step", "trial_passed"]
    release = world.deploy(world.verdict)
    assert release.status is ReleaseStatus.SETTLED
    world.assert_serves(world.new)
    assert world.on_server is None
    assert world.look(ticket).is_over  # cleared after all of it
    assert world.trial.state is TrialState.OVER


def test_looks_that_are_lost_or_repeated_change_nothing(world):
    ticket = world.start()
    world.client.count(MODEL, **good_counts(requests=50))
    entries = len(world.ledger.entries(MODEL))
    for _ in range(5):
        assert not world.look(ticket).is_over
    assert len(world.ledger.entries(MODEL)) == entries
    assert world.on_server.counts.pairs == 50


def test_killed_at_any_moment_a_look_is_finished_by_the_next_one(world):
    for counts in (good_counts(), shifted_counts()):
        at = 0
        while True:
            fresh = TrialWorld()
            ticket = fresh.start()
            fresh.client.count(MODEL, **counts)
            died = False
            try:
                fresh.look(ticket, **wired(fresh, interrupter(at, after=True, error=CrashError)))
            except CrashError:
                died = True
            except DeploymentError:
                break
            if not died:
                break
            if counts == good_counts():
                fresh.look(ticket)
                assert (fresh.trial.step, fresh.on_server.offer.step) == (1, 1)
                assert kinds(fresh) == ["trial_started", "trial_step"]
            else:
                with pytest.raises(DeploymentError, match="score distance"):
                    fresh.look(ticket)
                assert kinds(fresh) == ["trial_started", "trial_failed"]
                fresh.assert_champion_is_untouched()
            at += 1
        assert at >= 3


def test_shifted_scores_end_the_trial_at_once(world):
    ticket = world.start()
    world.client.count(MODEL, **shifted_counts(60))
    with pytest.raises(DeploymentError, match=r"score shift up between .* serves on"):
        world.look(ticket)
    world.assert_champion_is_untouched()
    (failed,) = world.ledger.entries(MODEL, kinds={EntryKind.TRIAL_FAILED})
    assert failed.payload["evidence"]["pairs"] == 60
    assert world.deploy(world.verdict).status is ReleaseStatus.SKIPPED
    world.assert_champion_is_untouched()
    with pytest.raises(DeploymentError, match="score shift up"):
        world.look(ticket)


def test_no_traffic_never_passes_and_fails_in_time(world):
    ticket = world.start()
    assert not world.look(ticket, hours=5.9).is_over
    with pytest.raises(DeploymentError, match=r"not proven harmless within 6 h; 0 of 400 requests"):
        world.look(ticket, hours=6.1)
    world.assert_champion_is_untouched()


def test_the_time_of_each_step_begins_with_the_step(world):
    ticket = world.start()
    first_end = world.trial.step_ends_at
    world.client.count(MODEL, **good_counts())
    world.look(ticket)
    assert world.trial.step_ends_at > first_end


def test_a_server_that_lost_the_trial_gets_it_again(world):
    ticket = world.start()
    world.client.count(MODEL, **good_counts())
    world.host.servers[MODEL].trial = None
    assert not world.look(ticket).is_over
    assert (world.on_server.offer.token, world.on_server.counts.pairs) == (ticket.token, 0)


def test_a_server_that_is_down_is_worth_a_retry(world):
    ticket = world.start()
    world.client.is_down = True
    with pytest.raises(UnavailableError):
        world.look(ticket)
    world.client.is_down = False
    assert not world.look(ticket).is_over


def test_clients_are_spared_also_while_the_ledger_is_down(world, monkeypatch):
    ticket = world.start()
    world.client.count(MODEL, **shifted_counts())

    def down(*_, **__):
        raise UnavailableError("down")

    with monkeypatch.context() as patched:
        patched.setattr(type(world.ledger), "append", down)
        with pytest.raises(UnavailableError):
            world.look(ticket)
    assert world.on_server is None
    with pytest.raises(DeploymentError, match="is over"):
        world.look(ticket)
    assert world.trial.state is TrialState.FAILED


def test_a_trial_that_the_ledger_does_not_know_is_named(world):
    with pytest.raises(DeploymentError, match="knows no trial 999"):
        world.look(TrialTicket(model=MODEL, token=999, reason=""))


def test_a_rollback_ends_the_trial_first(world):
    tried = world.spec
    world.spec = demand_spec()
    world.deploy(world.verdict)
    world.spec = tried
    third = world.train("2024-01-12")
    TrialRecord(world.ledger, MODEL, "a run").start(world.state, third, world.spec.release)
    plan = RollbackPlan(model=MODEL, away=world.new.version, to=world.old.version, by="ann", reason="nonsense")
    roll_back_model(world.spec, plan, **world.ports())
    found = [str(entry.kind) for entry in world.ledger.entries(MODEL)][-3:]
    assert found == ["trial_failed", "release_started", "release_settled"]
    world.assert_champion_is_untouched()


def test_nobody_is_promoted_untried(world):
    release = world.deploy(world.verdict)
    assert release.status is ReleaseStatus.SKIPPED
    assert "was not tried" in release.reason
    world.assert_champion_is_untouched()


@pytest.mark.parametrize("passed_steps", range(STEPS))
def test_nobody_is_promoted_in_the_middle_of_a_trial(world, passed_steps):
    ticket = world.start()
    for _ in range(passed_steps):
        world.client.count(MODEL, **good_counts())
        world.look(ticket)
    release = world.deploy(world.verdict)
    assert release.status is ReleaseStatus.SKIPPED
    assert f"step {passed_steps + 1} of 3" in release.reason
    world.assert_serves(world.old)


def test_without_the_gate_a_winner_would_be_promoted_untried(world, monkeypatch):
    monkeypatch.setattr(deploying, "why_not_tried", lambda *_: None)
    assert world.deploy(world.verdict).status is ReleaseStatus.SETTLED


def test_a_trial_against_another_release_of_the_champion_is_worth_nothing(world):
    world.pass_trial()
    server = world.host.servers[MODEL]
    server.served = server.predictor = None
    world.start()  # serves the champion again, under another token
    assert trial_permit.why_not_tried(world.spec, world.ledger, world.state, world.new.version)
    assert world.deploy(world.verdict).status is ReleaseStatus.SKIPPED


def test_a_candidate_that_passed_and_cannot_be_released_stops_answering(world, monkeypatch):
    world.pass_trial()
    assert world.on_server.is_running

    def refuse(*_, **__):
        raise DeploymentError("it does not load")

    monkeypatch.setattr(type(world.client), "push", refuse)
    with pytest.raises(DeploymentError, match="does not load"):
        world.deploy(world.verdict)
    assert world.trial.state is TrialState.FAILED
    assert "does not load" in world.trial.reasons[0]
    world.assert_champion_is_untouched()


def test_a_step_that_the_server_ended_in_time_is_judged_by_its_counts_and_not_begun_anew(world, monkeypatch):
    ticket = world.start()
    world.client.count(MODEL, **good_counts())
    sent, asked, push = [], world.client.trial, world.client.push_trial

    def ended(address):
        status = asked(address)
        return status.model_copy(update={"is_running": status.offer.step > 0})

    def push_trial(address, offer, bundle):
        sent.append(offer.step)
        return push(address, offer, bundle)

    monkeypatch.setattr(world.client, "trial", ended)
    monkeypatch.setattr(world.client, "push_trial", push_trial)
    world.look(ticket, hours=7)
    assert (world.trial.step, sent) == (1, [1])


def test_an_attempt_that_was_overtaken_leaves_the_trial_to_its_successor(world):
    """Airflow may run a retry beside the first try; what the first one then says must not cost the winner its place."""
    world.pass_trial()

    def successor_starts() -> None:
        named = {"version": world.new.version, "partition": world.new.partition, "champion": world.old.version}
        world.ledger.append(MODEL, EntryKind.RELEASE_STARTED, named, actor="run:successor")

    settling = 5
    with pytest.raises(StaleTokenError):
        world.deploy(world.verdict, **wired(world, pausing_before(settling, successor_starts)))
    assert world.trial.state is TrialState.PASSED
    assert world.deploy(world.verdict).status is ReleaseStatus.SETTLED
    world.assert_serves(world.new)


def test_killed_at_any_moment_the_promotion_is_finished_by_clearing_it(world):
    at = 0
    while True:
        fresh = TrialWorld()
        fresh.pass_trial()
        try:
            fresh.deploy(fresh.verdict, **wired(fresh, interrupter(at, after=True, error=CrashError)))
        except CrashError:
            pass
        else:
            break
        fresh.deploy(fresh.verdict)
        fresh.assert_serves(fresh.new)
        at += 1
    assert at >= 5
