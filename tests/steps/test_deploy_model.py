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
    DeploymentError,
    LedgerConflictError,
    StaleTokenError,
    UnavailableError,
)
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import ServedRelease
from titlebout.core.results import Outcome, ReleaseStatus, RunKind


@pytest.fixture
def world() -> ServingWorld:
    return ServingWorld()


@pytest.fixture
def served(world: ServingWorld) -> ServingWorld:
    """Return a world in which the old version serves."""
    world.deploy(verdict_on(world.old, None))
    return world


# --- what it does ---------------------------------------------------------------------------------


def test_the_first_winner_serves(world):
    release = world.deploy(verdict_on(world.old, None))
    world.assert_serves(world.old)
    assert release.status is ReleaseStatus.SETTLED
    assert (release.token, release.url) == (world.state.champion.token, f"memory://{MODEL}")
    assert release.reason == "gain 12 %, at least 9 %"
    started = next(entry for entry in world.ledger.entries(MODEL) if entry.kind is EntryKind.RELEASE_STARTED)
    assert started.sequence == release.token
    assert started.payload == {"version": world.old.version, "partition": OLD, "champion": None}


def test_a_version_whose_manifest_was_changed_after_its_bout_does_not_serve(served):
    verdict = verdict_on(served.new, served.old)
    path = version_manifest(MODEL, served.new.version)
    fewer_rows = served.new.model_copy(update={"training_rows": served.new.training_rows - 1})
    served.lake.objects[path] = fewer_rows.model_dump_json().encode()
    with pytest.raises(CorruptObjectError, match=served.new.version):
        served.deploy(verdict)
    served.assert_serves(served.old)
    assert served.state.newest_token == served.state.champion.token  # no attempt was made


def test_a_winner_takes_over_from_the_champion(served):
    release = served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)
    assert served.registry.aliases[MODEL]["previous"] == served.old.version
    assert [r.version for r in served.state.releases] == [served.old.version, served.new.version]
    assert release.token > served.state.releases[0].token


def test_running_it_again_changes_nothing(served):
    verdict = verdict_on(served.new, served.old)
    first = served.deploy(verdict)
    entries, pushes = len(served.ledger.entries(MODEL)), len(served.client.pushes)
    assert served.deploy(verdict) == first
    assert (len(served.ledger.entries(MODEL)), len(served.client.pushes)) == (entries, pushes)


def test_without_a_target_ledger_and_alias_change_and_no_server_is_asked(world):
    world.spec = demand_spec(deployment__target="none")
    world.host.is_down = world.client.is_down = True
    release = world.deploy(verdict_on(world.old, None))
    assert (release.status, release.url) == (ReleaseStatus.SETTLED, None)
    assert world.state.champion.version == world.old.version
    assert world.registry.aliases[MODEL]["champion"] == world.old.version
    assert world.deploy(verdict_on(world.old, None)) == release


# --- when it does nothing -------------------------------------------------------------------------


def test_a_backfill_never_touches_what_serves(served):
    entries = len(served.ledger.entries(MODEL))
    release = served.deploy(verdict_on(served.new, served.old), run_of(NEW, RunKind.BACKFILL))
    assert release.status is ReleaseStatus.SKIPPED
    assert "backfill" in release.reason
    assert len(served.ledger.entries(MODEL)) == entries
    served.assert_serves(served.old)


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
def test_a_challenger_that_did_not_win_is_not_released(served, outcome):
    release = served.deploy(verdict_on(served.new, served.old, outcome=outcome, reasons=("no gain",)))
    assert release.status is ReleaseStatus.SKIPPED
    assert release.reason == f"the verdict is {outcome}: no gain"
    served.assert_serves(served.old)


def test_a_night_that_releases_nothing_brings_an_alias_that_was_moved_by_hand_back_to_the_champion(served):
    served.registry.aliases[MODEL]["champion"] = served.new.version
    assert served.deploy(verdict_on(served.new, served.old, outcome=Outcome.KEEP)).status is ReleaseStatus.SKIPPED
    assert served.registry.aliases[MODEL]["champion"] == served.old.version


def test_a_night_that_releases_nothing_does_not_fail_where_only_the_alias_cannot_be_looked_after(served, caplog):
    served.registry.is_down = True
    assert served.deploy(verdict_on(served.new, served.old, outcome=Outcome.KEEP)).status is ReleaseStatus.SKIPPED
    assert "the next live run looks after it" in caplog.text
    served.registry.is_down = False
    served.assert_serves(served.old)


def test_the_first_challenger_that_did_not_win_starts_no_server(world):
    world.deploy(verdict_on(world.old, None, outcome=Outcome.KEEP))
    assert world.host.servers == {}
    assert world.state.champion is None


def test_an_older_partition_never_replaces_a_newer_one(world):
    world.deploy(verdict_on(world.new, None))
    release = world.deploy(verdict_on(world.old, world.new))
    assert release.status is ReleaseStatus.SKIPPED
    assert "newer partition 2024-01-14" in release.reason
    world.assert_serves(world.new)


def test_a_verdict_against_another_champion_is_out_of_date(served):
    for champion in (None, served.new):
        with pytest.raises(DeploymentError, match="clear compare_with_champion"):
            served.deploy(verdict_on(served.new, champion))
    served.assert_serves(served.old)
    assert EntryKind.RELEASE_FAILED not in served.kinds()


def test_the_verdict_of_another_model_is_refused(world):
    verdict = verdict_on(world.old, None).model_copy(update={"model": "other"})
    with pytest.raises(DeploymentError, match="'other'"):
        world.deploy(verdict)


def test_a_damaged_file_is_found_before_anything_is_written(served):
    served.lake.objects[served.new.model_path] = b"damaged"
    entries = len(served.ledger.entries(MODEL))
    with pytest.raises(CorruptObjectError):
        served.deploy(verdict_on(served.new, served.old))
    assert len(served.ledger.entries(MODEL)) == entries
    served.assert_serves(served.old)


# --- looking after the champion -------------------------------------------------------------------


def test_a_champion_whose_server_is_down_is_started_again(served):
    served.host.stop(MODEL)
    tokens = served.state.newest_token
    served.deploy(verdict_on(served.new, served.old, outcome=Outcome.KEEP))
    served.assert_serves(served.old)
    assert served.state.newest_token == tokens  # it found the release in its state folder


def test_a_champion_whose_server_lost_everything_serves_again(served):
    del served.host.servers[MODEL]
    release = served.deploy(verdict_on(served.new, served.old, outcome=Outcome.KEEP))
    assert release.status is ReleaseStatus.SKIPPED
    served.assert_serves(served.old)
    assert "lost" in served.state.champion.reason


def test_a_released_version_whose_server_lost_everything_serves_again(served):
    verdict = verdict_on(served.new, served.old)
    served.deploy(verdict)
    del served.host.servers[MODEL]
    assert served.deploy(verdict).status is ReleaseStatus.SETTLED
    served.assert_serves(served.new)


# --- when it fails --------------------------------------------------------------------------------


def failures(world: ServingWorld) -> list[str]:
    entries = world.ledger.entries(MODEL)
    return [str(entry.payload["error"]) for entry in entries if entry.kind is EntryKind.RELEASE_FAILED]


def assert_champion_put_back(world: ServingWorld) -> None:
    assert world.state.champion.version == world.served.version == world.old.version
    assert world.registry.aliases[MODEL]["champion"] == world.old.version


def test_a_server_that_answers_otherwise_than_offline_gets_its_champion_back(served):
    served.client.offset = 1e-3
    with pytest.raises(DeploymentError, match="golden rows"):
        served.deploy(verdict_on(served.new, served.old))
    assert_champion_put_back(served)
    assert "golden rows" in failures(served)[0]

    served.client.offset = 0.0
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)


def test_a_champion_that_cannot_be_put_back_does_not_hide_why_the_release_failed(served, caplog):
    served.client.offset = 1e-3
    served.lake.objects[served.old.plan_path] = b"damaged"
    with pytest.raises(DeploymentError, match="golden rows"):
        served.deploy(verdict_on(served.new, served.old))
    assert "could not be put back" in caplog.text
    assert served.state.champion.version == served.old.version


def test_a_first_model_that_answers_otherwise_than_offline_does_not_serve(world):
    world.client.offset = float("nan")
    with pytest.raises(DeploymentError, match="golden rows"):
        world.deploy(verdict_on(world.old, None))
    assert world.state.champion is None
    assert world.host.find(MODEL) is None
    assert MODEL not in world.registry.aliases


def test_a_release_that_the_server_refuses_is_recorded_and_the_champion_serves_on(served, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise DeploymentError("the server says no")

    monkeypatch.setattr(served.client, "push", refuse)
    with pytest.raises(DeploymentError, match="says no"):
        served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.old)
    assert failures(served) == ["the server says no"]


def test_a_server_that_claims_to_serve_something_else_is_not_believed(served, monkeypatch):
    monkeypatch.setattr(served.client, "served", lambda _: ServedRelease(MODEL, "2020-01-01-cccccccccccc", 1))
    with pytest.raises(DeploymentError, match="find out what listens there"):
        served.deploy(verdict_on(served.new, served.old))
    assert_champion_put_back(served)


@pytest.mark.parametrize("port", ["host", "client"])
def test_a_service_that_does_not_answer_is_worth_a_retry(served, port):
    getattr(served, port).is_down = True
    with pytest.raises(UnavailableError):
        served.deploy(verdict_on(served.new, served.old))
    assert failures(served) == []
    assert served.state.champion.version == served.old.version

    getattr(served, port).is_down = False
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)


def test_a_registry_that_does_not_answer_gets_its_alias_on_the_retry(served):
    served.registry.is_down = True
    with pytest.raises(UnavailableError):
        served.deploy(verdict_on(served.new, served.old))
    assert served.state.champion.version == served.new.version

    served.registry.is_down = False
    releases = len(served.state.releases)
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)
    assert len(served.state.releases) == releases


def test_a_server_that_remembers_another_ledger_says_so(served):
    served.host.servers[MODEL].newest_token = 10_000
    with pytest.raises(DeploymentError, match="restored or begun anew") as caught:
        served.deploy(verdict_on(served.new, served.old))
    assert not isinstance(caught.value, StaleTokenError)
    assert served.state.champion.version == served.old.version


# --- crashes --------------------------------------------------------------------------------------


def count_side_effects(world: ServingWorld) -> int:
    calls = []
    world.deploy(verdict_on(world.new, world.old), **wired(world, lambda call: (calls.append(1), call())[1]))
    return len(calls)


SIDE_EFFECT_COUNT = 7


def test_every_side_effect_is_a_crash_point(served):
    assert count_side_effects(served) == SIDE_EFFECT_COUNT


@pytest.mark.parametrize("error", [CrashError, UnavailableError])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(SIDE_EFFECT_COUNT))
def test_a_rerun_finishes_what_a_crash_left(served, at, after, error):
    verdict = verdict_on(served.new, served.old)
    with pytest.raises(error):
        served.deploy(verdict, **wired(served, interrupter(at, after=after, error=error)))

    release = served.deploy(verdict)
    served.assert_serves(served.new)
    assert release.status is ReleaseStatus.SETTLED
    assert [r.version for r in served.state.releases] == [served.old.version, served.new.version]
    assert served.registry.aliases[MODEL]["previous"] == served.old.version
    assert failures(served) == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(SIDE_EFFECT_COUNT))
def test_a_crash_never_makes_the_ledger_claim_what_does_not_serve(served, at, after):
    with pytest.raises(CrashError):
        served.deploy(
            verdict_on(served.new, served.old), **wired(served, interrupter(at, after=after, error=CrashError))
        )
    if served.state.champion.version == served.new.version:
        assert served.served.version == served.new.version


# --- zombies and races ----------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(1, 6), ids=["host", "push", "served", "predict", "settle"])
def test_a_zombie_changes_nothing_after_its_successor_has_finished(served, at):
    verdict = verdict_on(served.new, served.old)
    after_successor = []

    def successor() -> None:
        served.deploy(verdict)
        after_successor.append((served.ledger.entries(MODEL), served.served, list(served.client.pushes)))

    with pytest.raises(StaleTokenError):
        served.deploy(verdict, **wired(served, pausing_before(at, successor)))
    assert after_successor == [(served.ledger.entries(MODEL), served.served, served.client.pushes)]
    served.assert_serves(served.new)


def test_a_zombie_that_pushed_before_its_successor_leaves_the_champion_serving(served):
    def successor_starts() -> None:
        served.ledger.append(
            MODEL,
            EntryKind.RELEASE_STARTED,
            {"version": served.new.version, "partition": NEW, "champion": served.old.version},
            actor="run:successor",
        )

    settling = 5
    with pytest.raises(StaleTokenError):
        served.deploy(verdict_on(served.new, served.old), **wired(served, pausing_before(settling, successor_starts)))
    assert_champion_put_back(served)
    assert served.kinds()[-1] is EntryKind.RELEASE_STARTED


def test_a_ledger_that_moved_on_is_read_again(served):
    unrelated = iter(["once"])

    def somebody_writes() -> None:
        for _ in unrelated:
            served.ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, {"version": "x"}, actor="run:other")

    served.deploy(verdict_on(served.new, served.old), **wired(served, pausing_before(0, somebody_writes)))
    served.assert_serves(served.new)


def test_a_champion_that_changed_at_the_last_moment_is_not_overwritten(served):
    third = served.train("2024-01-12")

    def somebody_is_faster() -> None:
        served.deploy(verdict_on(served.new, served.old))

    verdict = verdict_on(third, served.old)
    release = served.deploy(verdict, **wired(served, pausing_before(0, somebody_is_faster)))
    assert release.status is ReleaseStatus.SKIPPED
    served.assert_serves(served.new)


def test_a_ledger_that_never_rests_is_unavailable(served, monkeypatch):
    def lose(*_args, **_kwargs):
        raise LedgerConflictError("somebody else was faster")

    monkeypatch.setattr(served.ledger, "append", lose)
    with pytest.raises(UnavailableError, match="others wrote first"):
        served.deploy(verdict_on(served.new, served.old))
