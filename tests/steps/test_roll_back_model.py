from contextlib import nullcontext

import pytest

from fakes.demand_days import run_of
from fakes.serving_world import (
    MODEL,
    NEW,
    OLD,
    CrashError,
    ServingWorld,
    interrupter,
    pausing_before,
    verdict_on,
    wired,
)
from fakes.specs import demand_spec
from titlebout.core.errors import (
    CorruptObjectError,
    DecisionRefusedError,
    DeploymentError,
    StaleTokenError,
    UnavailableError,
)
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.ledger_chain import verify_chain
from titlebout.core.ledgers.withdrawals import withdrawn
from titlebout.core.results import Outcome, Release, ReleaseStatus, RunKind, Verdict
from titlebout.core.rollback_plan import RollbackPlan, RollbackRequest, planned
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.roll_back_model import roll_back_model

NEXT = "2024-01-15"


@pytest.fixture
def world() -> ServingWorld:
    return ServingWorld.with_a_bad_winner()


def plan_of(world: ServingWorld, **changes) -> RollbackPlan:
    fields = {"model": MODEL, "away": world.new.version, "to": world.old.version, "by": "ann", "reason": "nonsense"}
    return RollbackPlan(**fields | changes)


def roll_back(world: ServingWorld, plan: RollbackPlan | None = None, **ports) -> Release:
    return roll_back_model(world.spec, plan or plan_of(world), **world.ports(**ports))


def compare(world: ServingWorld, partition: str, challenger) -> Verdict:
    return compare_with_champion(world.spec, run_of(partition), challenger=challenger, **world.stores)


def started(world: ServingWorld) -> int:
    return len(world.ledger.entries(MODEL, kinds={EntryKind.RELEASE_STARTED}))


# --- what it does ---------------------------------------------------------------------------------


def test_the_earlier_version_serves_again_and_the_ledger_says_who_and_why(world):
    release = roll_back(world)
    world.assert_serves(world.old)
    assert (release.status, release.version, release.reason) == (ReleaseStatus.SETTLED, world.old.version, "nonsense")
    champion = world.state.champion
    assert (champion.actor, champion.reason, champion.withdraws) == ("person:ann", "nonsense", world.new.version)
    assert champion.token == release.token > world.state.releases[1].token
    assert [*withdrawn(world.state.releases)] == [world.new.version]
    assert world.registry.aliases[MODEL]["previous"] == world.new.version


def test_carried_out_again_it_changes_nothing(world):
    first = roll_back(world)
    entries, pushes = world.ledger.entries(MODEL), list(world.client.pushes)
    assert roll_back(world) == first
    assert (world.ledger.entries(MODEL), world.client.pushes) == (entries, pushes)


def test_carried_out_again_it_serves_again_what_its_server_lost(world):
    roll_back(world)
    del world.host.servers[MODEL]
    roll_back(world)
    world.assert_serves(world.old)
    assert [*withdrawn(world.state.releases)] == [world.new.version]


def test_without_a_server_ledger_and_alias_go_back(world):
    world.spec = demand_spec(deployment__target="none")
    world.host.is_down = world.client.is_down = True
    assert roll_back(world).url is None
    assert world.state.champion.version == world.registry.aliases[MODEL]["champion"] == world.old.version


def test_with_a_server_it_does_not_wait_for_the_registry(world):
    world.registry.is_down = True
    roll_back(world)
    assert world.served.version == world.state.champion.version == world.old.version
    world.registry.is_down = False
    world.deploy(verdict_on(world.new, world.old, outcome=Outcome.KEEP))
    world.assert_serves(world.old)


def test_without_a_server_the_alias_is_what_serves(world):
    world.spec = demand_spec(deployment__target="none")
    world.registry.is_down = True
    with pytest.raises(UnavailableError):
        roll_back(world)


def test_what_served_when_is_right_across_the_rollback(world):
    roll_back(world)
    releases = world.state.releases
    served = [world.state.served_at(release.since).version for release in releases]
    assert served == [world.old.version, world.new.version, world.old.version]


# --- what comes after it --------------------------------------------------------------------------


def test_the_night_of_the_withdrawn_version_cannot_bring_it_back(world):
    roll_back(world)
    entries = len(world.ledger.entries(MODEL))
    for run in (run_of(NEW), run_of(NEW, RunKind.MANUAL)):
        release = world.deploy(verdict_on(world.new, world.old), run)  # its verdict of that night still says promote
        assert release.status is ReleaseStatus.SKIPPED
        assert f"{world.new.version} was rolled back by person:ann on 20" in release.reason
        assert release.reason.endswith("(nonsense)")
    assert len(world.ledger.entries(MODEL)) == entries
    world.assert_serves(world.old)


@pytest.fixture
def compared() -> ServingWorld:
    """Return a world whose champion has learned so little that every other version beats it."""
    world = ServingWorld()
    world.spec = demand_spec(training__rounds=1)
    world.old = world.train(OLD)
    world.spec = demand_spec(comparison__min_blocks=3)
    world.deploy(verdict_on(world.old, None))
    return world


def test_a_bout_of_the_withdrawn_version_ends_with_keep_also_where_it_won_before(compared):
    won = compare(compared, NEW, compared.new)
    assert won.outcome is Outcome.PROMOTE
    compared.deploy(won)
    roll_back(compared)
    for _ in range(2):
        kept = compare(compared, NEW, compared.new)
        assert kept.outcome is Outcome.KEEP
        assert kept.reasons[0].endswith("(nonsense); only another version may win")
    compared.deliver(NEXT)
    assert compare(compared, NEXT, compared.new).outcome is Outcome.KEEP


def test_another_version_may_win_as_usual(compared):
    compared.deploy(compare(compared, NEW, compared.new))
    roll_back(compared)
    compared.deliver(NEXT)
    retrained = compared.train(NEXT)
    verdict = compare(compared, NEXT, retrained)
    assert (verdict.outcome, verdict.champion) == (Outcome.PROMOTE, compared.old.version)
    assert compared.deploy(verdict).status is ReleaseStatus.SETTLED
    compared.assert_serves(retrained)


def test_after_a_rollback_no_night_older_than_the_champions_may_win(world):
    older = world.train("2024-01-12")
    roll_back(world)
    release = world.deploy(verdict_on(older, world.old))
    assert release.status is ReleaseStatus.SKIPPED
    assert f"newer partition {OLD}" in release.reason


def test_a_version_that_a_person_brought_back_is_a_champion_as_any(world):
    roll_back(world)
    roll_back(world, plan_of(world, away=world.old.version, to=world.new.version, reason="it was the data"))
    world.assert_serves(world.new)
    assert [*withdrawn(world.state.releases)] == [world.old.version]
    assert world.deploy(verdict_on(world.new, world.old)).status is ReleaseStatus.SETTLED


# --- when it fails --------------------------------------------------------------------------------


def assert_still_served(world: ServingWorld) -> None:
    assert world.state.champion.version == world.served.version == world.new.version
    assert world.registry.aliases[MODEL]["champion"] == world.new.version
    assert withdrawn(world.state.releases) == {}


def test_a_champion_that_changed_since_it_was_planned_is_left_alone(world):
    third = world.train("2024-01-12")
    world.release(third)
    with pytest.raises(DecisionRefusedError, match=f"{third.version} serves {MODEL} now"):
        roll_back(world)
    assert world.state.champion.version == third.version


def test_a_plan_that_was_carried_out_does_not_turn_away_a_version_that_a_person_brought_back(world):
    """Whoever clears the run of last month's rollback by mistake must not roll today's champion back."""
    request = RollbackRequest(by="ann", reason="nonsense")
    first = planned(MODEL, world.state, request)
    roll_back(world, first)
    back = planned(MODEL, world.state, request.model_copy(update={"to": world.new.version}))
    roll_back(world, back)
    world.assert_serves(world.new)
    with pytest.raises(DecisionRefusedError, match="came to serve anew since the rollback was planned"):
        roll_back(world, first)
    world.assert_serves(world.new)


def test_a_plan_holds_where_the_champion_was_only_served_again_meanwhile(world):
    def serve_again() -> None:
        server = world.host.servers[MODEL]
        server.served = server.predictor = None
        world.deploy(verdict_on(world.new, world.old))  # by a token of its own

    serve_again()
    plan = planned(MODEL, world.state, RollbackRequest(by="ann", reason="nonsense"))
    serve_again()
    roll_back(world, plan)
    world.assert_serves(world.old)


def test_a_plan_for_another_model_is_refused(world):
    with pytest.raises(DeploymentError, match="'other'"):
        roll_back(world, plan_of(world, model="other"))


def test_a_server_that_refuses_keeps_what_it_serves_and_the_ledger_says_so(world, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise DeploymentError("the server says no")

    monkeypatch.setattr(world.client, "push", refuse)
    with pytest.raises(DeploymentError, match="says no"):
        roll_back(world)
    assert_still_served(world)
    failed = world.ledger.entries(MODEL)[-1]
    assert (failed.kind, failed.actor) == (EntryKind.RELEASE_FAILED, "person:ann")
    assert failed.payload["error"] == "the server says no"


def test_a_server_that_answers_otherwise_than_offline_gets_its_champion_back(world):
    world.client.offset = 1e-3
    with pytest.raises(DeploymentError, match="golden rows"):
        roll_back(world)
    assert_still_served(world)


@pytest.mark.parametrize("port", ["host", "client"])
def test_an_engine_that_is_down_is_worth_a_retry(world, port):
    getattr(world, port).is_down = True
    with pytest.raises(UnavailableError):
        roll_back(world)
    assert_still_served(world)
    getattr(world, port).is_down = False
    roll_back(world)
    world.assert_serves(world.old)


def test_a_damaged_version_is_found_before_anything_is_written(world):
    world.lake.objects[world.old.model_path] = b"damaged"
    entries = len(world.ledger.entries(MODEL))
    with pytest.raises(CorruptObjectError):
        roll_back(world)
    assert len(world.ledger.entries(MODEL)) == entries
    assert_still_served(world)


# --- crashes --------------------------------------------------------------------------------------

SIDE_EFFECT_COUNT, ALIAS = 7, 6


def test_every_side_effect_is_a_crash_point(world):
    calls = []
    roll_back(world, **wired(world, lambda call: (calls.append(1), call())[1]))
    assert len(calls) == SIDE_EFFECT_COUNT


@pytest.mark.parametrize("error", [CrashError, UnavailableError])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(SIDE_EFFECT_COUNT))
def test_a_rerun_finishes_what_a_crash_left(world, at, after, error):
    is_waited_for = (at, error) != (ALIAS, UnavailableError)
    with pytest.raises(error) if is_waited_for else nullcontext():
        roll_back(world, **wired(world, interrupter(at, after=after, error=error)))
    if world.state.champion.version == world.old.version:
        assert world.served.version == world.old.version

    assert roll_back(world).status is ReleaseStatus.SETTLED
    world.assert_serves(world.old)
    versions = [release.version for release in world.state.releases]
    assert versions == [world.old.version, world.new.version, world.old.version]
    assert [*withdrawn(world.state.releases)] == [world.new.version]


# --- races ----------------------------------------------------------------------------------------

SIDES = {"host": 1, "push": 2, "served": 3, "predict": 4, "settle": 5}


@pytest.mark.parametrize("at", SIDES.values(), ids=SIDES)
def test_a_deploy_that_starts_meanwhile_does_not_keep_the_bad_version(world, at):
    world.deliver(NEXT)
    better = world.train(NEXT)

    def nightly_starts() -> None:
        named = {"version": better.version, "partition": NEXT, "champion": world.new.version}
        world.ledger.append(MODEL, EntryKind.RELEASE_STARTED, named, actor="run:nightly")

    attempts = started(world)
    roll_back(world, **wired(world, pausing_before(at, nightly_starts)))
    world.assert_serves(world.old)
    assert started(world) == attempts + 3
    verify_chain(world.ledger.entries(MODEL))


@pytest.mark.parametrize("at", SIDES.values(), ids=SIDES)
def test_a_deploy_that_wins_meanwhile_is_not_undone(world, at):
    world.deliver(NEXT)
    better = world.train(NEXT)
    with pytest.raises(DecisionRefusedError, match=f"{better.version} serves {MODEL} now"):
        roll_back(world, **wired(world, pausing_before(at, lambda: world.deploy(verdict_on(better, world.new)))))
    world.assert_serves(better)
    assert withdrawn(world.state.releases) == {}


@pytest.mark.parametrize("at", SIDES.values(), ids=SIDES)
def test_a_second_rollback_that_finishes_first_leaves_the_first_nothing_to_do(world, at):
    with pytest.raises(StaleTokenError):
        roll_back(world, **wired(world, pausing_before(at, lambda: roll_back(world))))
    world.assert_serves(world.old)
    assert len(world.state.releases) == 3


def test_deploys_that_keep_coming_are_given_way_in_the_end(world, monkeypatch):
    append = world.ledger.append

    def crowded(model, kind, payload, **options):
        entry = append(model, kind, payload, **options)
        if kind is EntryKind.RELEASE_STARTED and payload.get("withdraws"):
            append(model, kind, {"version": "other", "partition": NEXT, "champion": None}, actor="run:other")
        return entry

    monkeypatch.setattr(world.ledger, "append", crowded)
    with pytest.raises(StaleTokenError):
        roll_back(world)
    assert world.state.champion.version == world.new.version
