import hashlib
import json

import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of, shuffled
from fakes.specs import demand_spec
from titlebout.core.errors import (
    CorruptObjectError,
    LakeConflictError,
    NotEnoughPartitionsError,
    PartitionUnreadableError,
    UnavailableError,
)
from titlebout.core.golden import GoldenRows
from titlebout.core.insights.insight import Insight
from titlebout.core.layout import version_manifest
from titlebout.core.learning import version_training
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.versions import FILES, load_predictor, read_file, read_version
from titlebout.steps.train_challenger import train_challenger

RUN = run_of("2024-01-13")


def train(world, run=RUN, spec=None):
    return train_challenger(spec or world.spec, run, **world.stores)


@pytest.fixture
def world():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-13")
    return world


def trained_again(*_):
    pytest.fail("trained again")


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(version_training, "learn", trained_again)


def test_a_challenger_is_complete_in_the_lake_and_known_to_registry_and_ledger(world):
    challenger = train(world)
    assert read_version(world.lake, "demand", challenger.version) == challenger
    for word in FILES:
        stored = world.lake.objects[getattr(challenger, f"{word}_path")]
        assert hashlib.sha256(stored).hexdigest() == getattr(challenger, f"{word}_sha256")
    run = world.registry.runs["demand", challenger.version]
    entry = world.ledger.entries("demand")[-1]
    assert (entry.kind, entry.actor, entry.once) == (
        EntryKind.CHALLENGER_TRAINED,
        RUN.actor,
        f"trained:{challenger.version}",
    )
    told = Insight.model_validate_json(
        world.lake.read(entry.payload["insight_path"], sha256=entry.payload["insight_sha256"])
    )
    assert (told.version, told.model_sha256) == (challenger.version, challenger.model_sha256)
    assert {name: value for name, value in entry.payload.items() if not name.startswith("insight_")} == {
        "version": challenger.version,
        "partition": "2024-01-13",
        "model_sha256": challenger.model_sha256,
        "manifest_sha256": hashlib.sha256(
            world.lake.objects[version_manifest("demand", challenger.version)]
        ).hexdigest(),
        "run_url": run.registered.run_url,
    }


def test_it_learns_from_the_training_window_and_never_from_the_holdout(world):
    proof = train(world).proof
    assert [ref.partition for ref in proof.training] == list(keys_between("2024-01-01", "2024-01-10"))
    assert [ref.partition for ref in proof.holdout] == ["2024-01-11", "2024-01-12", "2024-01-13"]
    assert all(world.lake.has(ref.data_path) for ref in (*proof.training, *proof.holdout))


def test_quarantined_and_unjudged_partitions_are_not_learned_from():
    world = DemandWorld()
    for number, key in enumerate(keys_between("2024-01-01", "2024-01-13")):
        world.deliver(key, accepted=number % 2 == 0)
    assert [ref.partition for ref in train(world).proof.training] == [f"2024-01-{n:02}" for n in (1, 3, 5, 7, 9)]


def test_the_model_has_learned_something(world):
    challenger = train(world)
    assert challenger.training_rows == 240
    assert challenger.metrics["training_rows"] == 240
    assert challenger.metrics["training_rmse"] < 0.5 * challenger.metrics["baseline_rmse"]
    assert challenger.metrics["baseline"] == challenger.baseline == pytest.approx(129, abs=20)


def test_what_is_tracked_can_be_read_without_the_lake(world):
    challenger = train(world)
    run = world.registry.runs["demand", challenger.version]
    assert set(run.files) == {"model.ubj", "plan.json", "golden.json", "recipe.json", "proof.json"}
    assert hashlib.sha256(run.files["model.ubj"]).hexdigest() == challenger.model_sha256
    assert json.loads(run.files["proof.json"]) == json.loads(challenger.proof.model_dump_json())
    assert run.metrics == challenger.metrics
    assert run.params["training_first"] == "2024-01-01"
    assert run.params["features"] == ["hour", "temperature", "weather"]
    assert (run.params["reason"], run.params["xgboost.max_depth"], run.params["rounds"]) == ("schedule", 6, 20)


def test_the_files_belong_together(world):
    challenger = train(world)
    predictor = load_predictor(world.lake, challenger, threads=1)
    golden = GoldenRows.model_validate_json(read_file(world.lake, challenger, "golden"))
    assert golden.mismatch(predictor) is None
    assert len(golden.rows) == world.spec.deployment.golden_rows + 2


def test_training_again_trains_nothing_and_returns_the_same(world, monkeypatch):
    first = train(world)
    objects, entries = dict(world.lake.objects), world.ledger.entries("demand")
    monkeypatch.setattr(version_training, "learn", trained_again)
    assert train(world, run_of("2024-01-13")) == first
    assert (world.lake.objects, world.ledger.entries("demand")) == (objects, entries)
    assert len(world.registry.runs) == 1


def test_the_order_in_which_days_arrived_does_not_matter(world):
    other = DemandWorld()
    for key in shuffled(keys_between("2024-01-01", "2024-01-13"), 1):
        other.deliver(key)
    assert train(other) == train(world)


def test_the_same_days_give_the_same_bytes_on_any_number_of_threads(world):
    first = train(world)
    spec = demand_spec(training__threads=1)
    other = DemandWorld(spec=spec)
    other.deliver_days("2024-01-01", "2024-01-13")
    assert train(other) == first


def test_a_corrected_day_gives_another_version(world):
    first = train(world)
    world.deliver("2024-01-05", demand_rows("2024-01-05", level=1.1), revision=2)
    second = train(world)
    assert second.version != first.version
    assert [ref.revision for ref in second.proof.training] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]


def test_a_registry_that_is_down_is_made_up_for_without_training_again(world, monkeypatch):
    world.registry.is_down = True
    with pytest.raises(UnavailableError):
        train(world)
    assert world.kinds() == []
    world.registry.is_down = False
    monkeypatch.setattr(version_training, "learn", trained_again)
    challenger = train(world)
    assert world.kinds() == [EntryKind.CHALLENGER_TRAINED]
    run = world.registry.runs["demand", challenger.version]
    assert run.metrics == challenger.metrics
    assert set(run.files) == {*FILES.values(), "proof.json"}


@pytest.mark.parametrize("published", range(5))
def test_a_task_that_died_between_two_files_finishes_with_the_same_version(world, published, monkeypatch):
    expected = train(world)
    again = DemandWorld()
    again.deliver_days("2024-01-01", "2024-01-13")
    publish, calls = again.lake.publish, []

    def die(path, data):
        if len(calls) == published:
            raise UnavailableError("killed")
        calls.append(path)
        return publish(path, data)

    monkeypatch.setattr(again.lake, "publish", die)
    with pytest.raises(UnavailableError):
        train(again)
    assert not again.lake.has(version_manifest("demand", expected.version))
    monkeypatch.setattr(again.lake, "publish", publish)
    assert train(again) == expected


def test_of_two_tries_at_once_the_first_manifest_stands(world, monkeypatch):
    """Both saw the same training window; the slower one also saw a holdout day that was accepted meanwhile."""
    first = train(world)
    path = version_manifest("demand", first.version)
    shorter = first.model_copy(update={"proof": first.proof.model_copy(update={"holdout": ()})})
    world.lake.objects[path] = shorter.model_dump_json().encode()
    monkeypatch.setattr(world.lake, "has", lambda _: False)
    assert train(world) == shorter
    with pytest.raises(LakeConflictError):
        world.lake.publish(path, first.model_dump_json().encode())


@pytest.mark.usefixtures("no_training")
def test_too_few_partitions_are_an_error():
    world = DemandWorld()
    world.deliver_days("2024-01-08", "2024-01-13")
    with pytest.raises(NotEnoughPartitionsError, match="holds 3 accepted partitions"):
        train(world)
    assert world.kinds() == []


@pytest.mark.usefixtures("no_training")
def test_partitions_without_rows_are_an_error():
    world = DemandWorld()
    for key in keys_between("2024-01-01", "2024-01-13"):
        world.deliver(key, demand_rows(key).slice(0, 0))
    with pytest.raises(NotEnoughPartitionsError, match="holds no rows"):
        train(world)


@pytest.mark.usefixtures("no_training")
def test_a_missing_label_stops_training_and_names_the_day(world):
    rows = demand_rows("2024-01-05")
    broken = rows.set_column(4, "rentals", pa.array([None, *rows["rentals"].to_pylist()[1:]]))
    world.deliver("2024-01-05", broken, revision=2)
    with pytest.raises(PartitionUnreadableError, match="partition 2024-01-05, target 'rentals': 1 of 24 labels"):
        train(world)


@pytest.mark.usefixtures("no_training")
def test_a_snapshot_with_other_bytes_stops_training(world):
    path = next(world.lake.list_paths("demand/partitions/2024-01-05"))
    world.lake.objects[path] += b"x"
    with pytest.raises(CorruptObjectError):
        train(world)


def test_a_holdout_that_is_empty_does_not_stop_training():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-10")
    assert train(world).proof.holdout == ()


def test_drift_names_the_reason(world):
    challenger = train(world, RUN.model_copy(update={"reason": "drift"}))
    assert world.registry.runs["demand", challenger.version].params["reason"] == "drift"


def test_the_registry_gets_curves_an_example_and_shap_values(world):
    challenger = train(world)
    details = world.registry.runs["demand", challenger.version].details
    assert set(details.curves) == {"curve.training_rmse", "curve.holdout_rmse"}
    assert details.example.feature_names == ("hour", "temperature", "weather")
    assert "insight/shap_values.parquet" in details.files


def test_a_holdout_that_cannot_be_read_costs_the_explanation_and_not_the_version(world, caplog):
    lost = world.ledger.state("demand").partitions["2024-01-12"].snapshot.data_path
    del world.lake.objects[lost]
    challenger = train(world)
    assert "is not explained" in caplog.text
    run = world.registry.runs["demand", challenger.version]
    assert set(run.details.files) == {"card.md"}
    assert "insight_path" not in world.ledger.entries("demand")[-1].payload
