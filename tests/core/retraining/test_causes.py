"""What speaks for a retrain."""

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from titlebout.core.drifting.drift_results import DriftFinding
from titlebout.core.performance.performance_results import PerformanceFinding
from titlebout.core.retraining.causes import (
    WHY_CHARACTERS,
    drift_cause,
    loss_cause,
    recipe_cause,
    revised_partitions,
    revision_cause,
    run_id_of,
    staleness_cause,
    wish_of,
)
from titlebout.core.specs.retrain_spec import RetrainReason

FINDING = DriftFinding(
    model="demand",
    champion="v1",
    newest_partition="2024-05-02",
    drifted_partitions=("2024-05-01", "2024-05-02"),
    columns={"temperature": 2.5},
    fingerprint="ab12",
)
LOSS = PerformanceFinding(
    model="demand",
    champion="v1",
    newest_partition="2024-05-02",
    lost_partitions=("2024-05-02",),
    metric="rmse",
    unit="",
    error=12.0,
    reference_error=10.0,
    loss=0.2,
    is_estimate=True,
    fingerprint="cd34",
)


def test_findings_keep_their_fingerprints():
    drift, loss = drift_cause(FINDING), loss_cause(LOSS)
    assert (drift.reason, drift.fingerprint) == (RetrainReason.DRIFT, "ab12")
    assert drift.why == "2024-05-01, 2024-05-02 drifted: temperature 2.5 x its limit"
    assert (loss.reason, loss.fingerprint) == (RetrainReason.PERFORMANCE_LOSS, "cd34")
    assert loss.why == "rmse 20.0% worse than when v1 won, on 2024-05-02, an estimate"
    assert run_id_of(drift, "2024-05-02") == "drift__2024-05-02__ab12"


@pytest.fixture
def world():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-04")
    return world


def trained_on(world):
    return [record.ref() for record in world.ledger.state("demand").partitions.values()]


def test_a_later_revision_counts_once_it_is_accepted(world):
    before = trained_on(world)
    assert revised_partitions(world.ledger.state("demand"), before) == {}
    assert revision_cause("v1", {}) is None
    world.deliver("2024-01-02", demand_rows("2024-01-02", level=2), accepted=False, revision=2)
    assert revised_partitions(world.ledger.state("demand"), before) == {}
    world.deliver("2024-01-03", demand_rows("2024-01-03", level=2), revision=2)
    revised = revised_partitions(world.ledger.state("demand"), before)
    assert [*revised] == ["2024-01-03"]
    cause = revision_cause("v1", revised)
    assert cause.why == "v1 learned from 2024-01-03 before a later revision was accepted"
    world.deliver("2024-01-03", demand_rows("2024-01-03", level=3), revision=3)
    again = revision_cause("v1", revised_partitions(world.ledger.state("demand"), before))
    assert again.fingerprint != cause.fingerprint


def test_a_revision_with_the_same_bytes_is_no_cause(world):
    before = trained_on(world)
    state = world.ledger.state("demand")
    record = state.partitions["2024-01-02"]
    same = record.model_copy(update={"snapshot": record.snapshot.model_copy(update={"revision": 2})})
    state.partitions["2024-01-02"] = same
    assert revised_partitions(state, before) == {}


def test_of_many_revised_partitions_a_few_are_named(world):
    before = trained_on(world)
    refs = {f"2024-01-{day:02}": before[0] for day in range(1, 9)}
    assert "2024-01-05 and 3 more" in revision_cause("v1", refs).why


def test_another_recipe_is_a_cause_and_the_same_is_none():
    assert recipe_cause("v1", ()) is None
    cause = recipe_cause("v1", ["training.rounds: 20, now 30"])
    assert cause.why == "v1 was made otherwise: training.rounds: 20, now 30"
    assert cause.fingerprint != recipe_cause("v1", ["training.rounds: 20, now 40"]).fingerprint
    assert len(recipe_cause("v1", ["x" * 1000]).why) == WHY_CHARACTERS


def test_age_is_a_cause_once_for_each_span():
    def cause(newest, after=10.0):
        return staleness_cause("v1", "2024-01-01", newest, after)

    assert cause("2024-03-01", None) is None
    assert cause("2024-01-10") is None
    assert cause("2024-01-11").why == "v1 was trained on 2024-01-01, 10 days before the newest data (2024-01-11)"
    assert cause("2024-01-20").fingerprint == cause("2024-01-11").fingerprint
    assert cause("2024-01-21").fingerprint != cause("2024-01-11").fingerprint


def test_each_wish_is_one_of_its_own():
    assert wish_of("ann", "new tariff", 7) == wish_of("ann", "new tariff", 7)
    assert wish_of("ann", "new tariff", 8).fingerprint != wish_of("ann", "new tariff", 7).fingerprint
