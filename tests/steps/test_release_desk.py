"""What every release has in common; how it serves and fails is told in the tests of the steps that use it."""

import itertools
import time
from types import SimpleNamespace

import pytest

from fakes.demand_days import run_of
from fakes.forged import forge
from fakes.serving_world import MODEL, ServingWorld, pausing_before, verdict_on, wired
from titlebout.core.errors import CorruptObjectError, StaleTokenError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import ReleaseStatus
from titlebout.core.rollback_plan import RollbackPlan
from titlebout.steps import release_desk
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.release_desk import ReleaseDesk
from titlebout.steps.roll_back_model import roll_back_model


@pytest.fixture
def world() -> ServingWorld:
    return ServingWorld()


def settle(world: ServingWorld, version) -> None:
    """Let another process settle a release, before it gets as far as the alias."""
    named = {"version": version.version, "partition": version.partition}
    started = world.ledger.append(MODEL, EntryKind.RELEASE_STARTED, {**named, "champion": None}, actor="run:other")
    settled = {**named, "token": started.sequence, "reason": "faster", "url": None}
    world.ledger.append(MODEL, EntryKind.RELEASE_SETTLED, settled, actor="run:other")


def test_an_alias_that_was_written_late_ends_on_the_champion_of_the_ledger(world, monkeypatch):
    set_champion, others = world.registry.set_champion, iter([world.new])

    def late(model: str, version: str) -> None:
        for other in others:  # between this release's settling and its alias another one settles, and sets its own
            settle(world, other)
            set_champion(model, other.version)
        set_champion(model, version)

    monkeypatch.setattr(world.registry, "set_champion", late)
    world.deploy(verdict_on(world.old, None))
    assert world.state.champion.version == world.new.version
    assert world.registry.aliases[MODEL]["champion"] == world.new.version


def test_a_release_withdraws_in_the_very_entry_that_settles_it(world):
    desk = ReleaseDesk(world.spec, "person:ann", **world.ports())
    desk.decide(lambda state: desk.serve(state, world.old, "slow", withdraws=world.new.version))
    newest = world.ledger.entries(MODEL)[-2:]
    assert [(entry.kind, entry.actor) for entry in newest] == [
        (EntryKind.RELEASE_STARTED, "person:ann"),
        (EntryKind.RELEASE_SETTLED, "person:ann"),
    ]
    assert {entry.payload["withdraws"] for entry in newest} == {world.new.version}
    assert world.state.champion.withdraws == world.new.version


def test_a_release_that_withdraws_nothing_is_recorded_as_before(world):
    world.deploy(verdict_on(world.old, None))
    entry = next(entry for entry in world.ledger.entries(MODEL) if entry.kind is EntryKind.RELEASE_SETTLED)
    assert set(entry.payload) == {"version", "partition", "token", "reason", "url"}


def test_a_ledger_that_does_not_answer_decides_nothing(world, monkeypatch):
    def down(model: str):
        raise UnavailableError("no ledger")

    desk = ReleaseDesk(world.spec, "run:1", **world.ports())
    monkeypatch.setattr(world.ledger, "state", down)
    with pytest.raises(UnavailableError, match="no ledger"):
        desk.decide(lambda state: pytest.fail("decided on nothing"))


def test_an_attempt_that_fails_after_it_was_overtaken_does_not_stop_its_successors_server(world):
    """Two first releases at once: the slower one reads another version's scores and must not undo what it sees."""

    def successor() -> None:
        world.deploy(verdict_on(world.new, None))

    before_predict = 4
    with pytest.raises(StaleTokenError):
        world.deploy(verdict_on(world.old, None), **wired(world, pausing_before(before_predict, successor)))
    world.assert_serves(world.new)


# --- giving way -----------------------------------------------------------------------------------


def begin(world: ServingWorld, version, actor: str) -> int:
    """Start an attempt that somebody else makes."""
    named = {"version": version.version, "partition": version.partition, "champion": None}
    return world.ledger.append(MODEL, EntryKind.RELEASE_STARTED, named, actor=actor).sequence


def deploy(world: ServingWorld, version, champion=None):
    """Run the step as it is, with its patience."""
    return deploy_model(world.spec, run_of(version.partition), verdict=verdict_on(version, champion), **world.ports())


@pytest.fixture
def looks(monkeypatch) -> list[float]:
    """Return the pauses between looks, which take no time. Other threads of the process go by the real clock."""
    pauses: list[float] = []
    monkeypatch.setattr(release_desk, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    return pauses


@pytest.mark.parametrize("end", [EntryKind.RELEASE_SETTLED, EntryKind.RELEASE_FAILED])
def test_a_deploy_waits_for_an_attempt_that_has_just_begun_and_decides_on_what_came_of_it(
    world, looks, end, monkeypatch
):
    token = begin(world, world.new, "run:other")
    named = {"version": world.new.version, "partition": world.new.partition, "token": token}

    def ends(pause: float) -> None:
        looks.append(pause)
        if len(looks) == 3:
            world.ledger.append(MODEL, end, {**named, "reason": "r", "error": "no", "url": None}, actor="run:other")

    monkeypatch.setattr(release_desk.time, "sleep", ends)
    release = deploy(world, world.old)
    assert len(looks) == 3
    assert (release.status is ReleaseStatus.SKIPPED) == (end is EntryKind.RELEASE_SETTLED)
    assert world.state.newest_token > token or end is EntryKind.RELEASE_SETTLED


def test_it_does_not_wait_for_its_own_attempt_that_was_killed(world, looks):
    begin(world, world.old, run_of(world.old.partition).actor)
    deploy(world, world.old)
    assert looks == []
    world.assert_serves(world.old)


def test_nor_for_one_that_is_too_old_to_live(world, looks, monkeypatch):
    begin(world, world.new, "run:other")
    monkeypatch.setattr(release_desk, "YOUNG_SECONDS", 0)
    deploy(world, world.old)
    assert looks == []
    world.assert_serves(world.old)


def test_nor_longer_than_it_has_patience(world, looks, monkeypatch):
    begin(world, world.new, "run:other")
    moments = itertools.count(step=60)
    monkeypatch.setattr(release_desk.time, "monotonic", lambda: next(moments))
    deploy(world, world.old)
    assert len(looks) == 1
    world.assert_serves(world.old)


def test_a_person_who_rolls_back_waits_for_nobody(world, looks):
    world.deploy(verdict_on(world.old, None))
    world.deploy(verdict_on(world.new, world.old))
    begin(world, world.new, "run:other")
    plan = {"model": MODEL, "away": world.new.version, "to": world.old.version, "by": "ann", "reason": "r"}
    roll_back_model(world.spec, RollbackPlan(**plan), **world.ports())
    assert looks == []
    world.assert_serves(world.old)


def test_unless_it_stands_already_and_there_is_no_hurry(world, looks, monkeypatch):
    world.deploy(verdict_on(world.old, None))
    world.deploy(verdict_on(world.new, world.old))
    plan = {"model": MODEL, "away": world.new.version, "to": world.old.version, "by": "ann", "reason": "r"}
    roll_back_model(world.spec, RollbackPlan(**plan), **world.ports())
    token = begin(world, world.new, "run:other")
    failed = {"version": world.new.version, "partition": world.new.partition, "token": token, "error": "no"}

    def ends(pause: float) -> None:
        looks.append(pause)
        world.ledger.append(MODEL, EntryKind.RELEASE_FAILED, failed, actor="run:other")

    monkeypatch.setattr(release_desk.time, "sleep", ends)
    roll_back_model(world.spec, RollbackPlan(**plan), **world.ports())
    assert len(looks) == 1


# --- who writes to the lake ------------------------------------------------------------------------


def test_a_model_that_was_replaced_in_the_lake_is_not_served_again_when_a_server_lost_it(world):
    world.deploy(verdict_on(world.old, None))
    world.host.servers[MODEL].served = None
    forge(world.lake, world.old, world.new)
    with pytest.raises(CorruptObjectError, match="the ledger recorded"):
        world.deploy(verdict_on(world.old, None))
    assert world.served is None


def test_a_model_that_was_replaced_in_the_lake_since_a_rollback_was_planned_is_not_served(world):
    world.deploy(verdict_on(world.old, None))
    world.deploy(verdict_on(world.new, world.old))
    plan = RollbackPlan(model=MODEL, away=world.new.version, to=world.old.version, by="ann", reason="nonsense")
    forge(world.lake, world.old, world.new)
    with pytest.raises(CorruptObjectError, match="the ledger recorded"):
        roll_back_model(world.spec, plan, **world.ports())
    world.assert_serves(world.new)
