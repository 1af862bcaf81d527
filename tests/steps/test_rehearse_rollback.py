import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.forged import forge
from fakes.serving_world import MODEL, NEW, OLD, ServingWorld, verdict_on
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, DecisionRefusedError, DeploymentError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.predictor import Predictor
from titlebout.core.results import Outcome
from titlebout.core.rollback_plan import RollbackPlan, RollbackRequest
from titlebout.steps.rehearse_rollback import rehearse_rollback
from titlebout.steps.roll_back_model import roll_back_model


@pytest.fixture
def world() -> ServingWorld:
    return ServingWorld.with_a_bad_winner()


def rehearse(world: ServingWorld, to: str | None = None) -> RollbackPlan:
    request = RollbackRequest.of(by="ann", reason="answers nonsense", to=to)
    return rehearse_rollback(world.spec, request, lake=world.lake, ledger=world.ledger)


def roll_back(world: ServingWorld, plan: RollbackPlan) -> None:
    roll_back_model(world.spec, plan, **world.ports())


def test_without_a_name_it_goes_to_what_served_before_and_writes_nothing(world):
    entries, pushes = world.ledger.entries(MODEL), list(world.client.pushes)
    plan = rehearse(world)
    assert (plan.away, plan.to, plan.actor) == (world.new.version, world.old.version, "person:ann")
    assert (world.ledger.entries(MODEL), world.client.pushes) == (entries, pushes)


def test_both_versions_are_tried_on_the_newest_accepted_partition(world):
    world.deliver("2024-01-15", accepted=False)
    rehearsal = rehearse(world).rehearsal
    assert (rehearsal.partition, rehearsal.rows, rehearsal.metric) == (NEW, 24, "rmse")
    assert rehearsal.score_now == pytest.approx(rehearsal.score_then, rel=0.3)
    assert 0 < rehearsal.error_now < 50
    assert 0 < rehearsal.error_then < 50


def test_where_nothing_serves_there_is_nothing_to_roll_back():
    with pytest.raises(DecisionRefusedError, match="nothing has served yet"):
        rehearse(ServingWorld())


def test_the_first_champion_has_nothing_to_go_back_to():
    world = ServingWorld()
    world.deploy(verdict_on(world.old, None))
    with pytest.raises(DecisionRefusedError, match=f"no other version served before {world.old.version}"):
        rehearse(world)


def test_a_version_that_never_served_is_refused_and_the_nearest_that_did_is_named(world):
    trained_only = world.train("2024-01-12")
    for version in (trained_only.version, f"{world.old.version[:-1]}x", "../../etc"):
        with pytest.raises(DecisionRefusedError, match=f"never served {MODEL}"):
            rehearse(world, version)
    with pytest.raises(DecisionRefusedError, match=f"did you mean '{world.old.version}'"):
        rehearse(world, f"{world.old.version[:-1]}x")


def test_what_serves_already_is_no_rollback(world):
    plan = rehearse(world, world.new.version)
    assert (plan.away, plan.to) == (None, world.new.version)
    assert "serves already" in plan.note


def test_asked_twice_it_goes_back_once(world):
    roll_back(world, rehearse(world))
    again = rehearse(world)
    assert (again.away, again.to) == (None, world.old.version)
    assert f"by person:ann, instead of {world.new.version}" in again.note
    del world.host.servers[MODEL]  # served again after a loss, it still is the version that was gone back to
    world.deploy(verdict_on(world.new, world.old, outcome=Outcome.KEEP))
    assert rehearse(world).away is None


def test_a_person_may_bring_a_withdrawn_version_back_by_name(world):
    roll_back(world, rehearse(world))
    plan = rehearse(world, world.new.version)
    assert (plan.away, plan.to) == (world.old.version, world.new.version)


def test_rollbacks_go_further_back_and_never_to_and_fro(world):
    third = world.train("2024-01-12")
    world.release(third)
    roll_back(world, rehearse(world))
    assert world.state.champion.version == world.new.version
    roll_back(world, rehearse(world, world.old.version))
    assert rehearse(world).away is None
    fourth = world.train("2024-01-11")
    world.release(fourth)
    assert rehearse(world).to == world.old.version  # the newest that was not rolled back


def test_a_version_whose_bytes_changed_is_not_rehearsed(world):
    world.lake.objects[world.old.model_path] = b"damaged"
    with pytest.raises(CorruptObjectError):
        rehearse(world)


def test_a_version_that_is_not_what_was_trained_is_not_rehearsed(world):
    path = version_manifest(MODEL, world.old.version)
    forged = world.old.model_copy(update={"model_sha256": world.new.model_sha256, "model_path": world.new.model_path})
    world.lake.objects[path] = forged.model_dump_json().encode()
    with pytest.raises(CorruptObjectError, match="the ledger recorded"):
        rehearse(world)


def test_a_version_that_forgot_its_golden_rows_is_refused(world, monkeypatch):
    predict = Predictor.predict_rows
    monkeypatch.setattr(Predictor, "predict_rows", lambda self, rows: predict(self, rows) + 0.01)
    with pytest.raises(DeploymentError, match="golden rows score differently"):
        rehearse(world)


def test_a_version_that_cannot_score_todays_rows_is_refused(world):
    columns = {name: kind for name, kind in world.spec.dataset.columns.items() if name != "weather"}
    features = {"numeric": ["temperature"]}
    world.spec = demand_spec(dataset__columns=columns, training__features=features)
    world.deliver("2024-01-15", demand_rows("2024-01-15").drop_columns(["weather"]))
    with pytest.raises(DecisionRefusedError, match=r"cannot score the rows of 2024-01-15: .*weather.*--to"):
        rehearse(world)


def test_scores_that_are_no_numbers_are_refused(world, monkeypatch):
    monkeypatch.setattr(Predictor, "predict_table", lambda self, table: np.full(table.num_rows, np.nan))
    with pytest.raises(DecisionRefusedError, match="24 scores are not finite"):
        rehearse(world)


def test_broken_data_is_no_reason_to_leave_a_bad_model_where_it_is(world):
    newest = world.state.partitions[NEW].snapshot
    world.lake.objects[newest.data_path] = b"damaged"
    plan = rehearse(world)
    assert (plan.to, plan.rehearsal) == (world.old.version, None)
    assert f"{NEW} could not be read" in plan.note


def test_nor_are_labels_that_nobody_can_read(world):
    rows = demand_rows("2024-01-15")
    broken = pa.array([float("inf"), *rows["rentals"].to_pylist()[1:]])
    world.deliver("2024-01-15", rows.set_column(rows.column_names.index("rentals"), "rentals", broken))
    rehearsal = rehearse(world).rehearsal
    assert (rehearsal.partition, rehearsal.error_now, rehearsal.error_then) == ("2024-01-15", None, None)
    assert rehearsal.score_then > 0


def test_nor_is_a_champion_that_the_lake_has_lost(world):
    world.lake.objects[world.new.model_path] = b"damaged"
    rehearsal = rehearse(world).rehearsal
    assert (rehearsal.score_now, rehearsal.error_now) == (None, None)
    assert rehearsal.score_then > 0


def test_without_an_accepted_partition_golden_rows_have_to_do(world):
    for key in world.state.partitions:
        world.deliver(key, accepted=False, revision=2)
    plan = rehearse(world)
    assert plan.rehearsal is None
    assert "no partition is accepted" in plan.note


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("ann", " "), ("ann\u202e", "why"), ("ann", "x" * 400)])
def test_it_takes_a_name_and_a_reason_that_can_be_shown(by, reason):
    with pytest.raises(DecisionRefusedError, match="printable characters"):
        RollbackRequest.of(by=by, reason=reason)


def test_a_ledger_that_does_not_answer_is_worth_a_retry(world, monkeypatch):
    def down(model: str):
        raise UnavailableError("no ledger")

    monkeypatch.setattr(world.ledger, "state", down)
    with pytest.raises(UnavailableError):
        rehearse(world)


def test_the_old_version_need_not_be_of_the_night_before(world):
    assert rehearse(world).to.startswith(OLD)


def test_a_version_that_a_person_names_need_not_score_todays_rows(world):
    columns = {name: kind for name, kind in world.spec.dataset.columns.items() if name != "weather"}
    world.spec = demand_spec(dataset__columns=columns, training__features={"numeric": ["temperature"]})
    plan = rehearse(world, world.old.version)
    assert (plan.to, plan.rehearsal) == (world.old.version, None)
    assert f"cannot score the rows of {NEW}: field 'weather'" in plan.note
    assert "requests like them will be refused" in plan.note


def test_a_bad_version_that_was_replaced_in_the_lake_is_left_and_never_loaded(world):
    forge(world.lake, world.new, world.old)
    plan = rehearse(world)
    assert plan.to == world.old.version
    assert (plan.rehearsal.score_now, plan.rehearsal.error_now) == (None, None)
