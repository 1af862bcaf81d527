import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.specs import DEMAND, demand_spec
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.learning import recipes
from titlebout.core.partitions import keys_between
from titlebout.steps.reproduce_version import reproduce_version
from titlebout.steps.train_challenger import train_challenger

NIGHT = "2024-01-13"
ROWS_PER_DAY = 2_000  # enough for XGBoost to share the work between threads


@pytest.fixture(scope="module")
def world():
    """Twelve days of many rows each."""
    world = DemandWorld(demand_spec(dataset__key_columns=["day", "hour", "temperature"]))
    for key in keys_between("2024-01-01", NIGHT):
        world.deliver(key, demand_rows(key, rows=ROWS_PER_DAY))
    return world


@pytest.fixture(scope="module")
def version(world):
    spec = world.spec.model_copy(update={"training": world.spec.training.model_copy(update={"threads": 1})})
    return world.train(NIGHT, spec).version


def again(world, version, **changes):
    return reproduce_version(
        demand_spec(dataset__key_columns=["day", "hour", "temperature"], **changes), version, lake=world.lake
    )


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_version_comes_out_the_same_on_any_number_of_threads(world, version, threads):
    found = again(world, version, training__threads=threads)
    assert found.is_reproduced
    assert set(found.is_equal) == {"model.ubj", "plan.json", "golden.json", "recipe.json"}
    assert (found.partitions, found.rows, found.changed) == (10, 10 * ROWS_PER_DAY, ())


def test_what_the_spec_says_today_does_not_matter(world, version):
    found = again(world, version, training__rounds=3, training__window_days=5, schedule__timezone="Europe/Berlin")
    assert found.is_reproduced
    assert found.changed == ()


COLUMNS = {**DEMAND["dataset"]["columns"], "store": "text", "promised": "integer"}


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset__key_columns": ["day", "hour", "store"]},
        {"dataset__keep": {"promised": {"min": 0}}},
        {"comparison__slices": {"columns": ["store"]}},
        {"training__objective": "binary", "comparison__metric": "log_loss"},
    ],
    ids=["key", "kept rows", "slices", "objective"],
)
def test_what_came_into_the_spec_later_does_not_keep_a_version_from_being_made_again(world, version, changes):
    today = demand_spec(dataset__columns=COLUMNS, **changes)
    assert reproduce_version(today, version, lake=world.lake).is_reproduced


def test_nothing_is_written(world, version):
    before = dict(world.lake.objects)
    again(world, version)
    assert world.lake.objects == before


def test_the_order_in_which_partitions_were_ingested_and_their_rows_delivered_does_not_matter(world, version):
    other = DemandWorld(world.spec)
    for key in reversed([*keys_between("2024-01-01", NIGHT)]):
        rows = demand_rows(key, rows=ROWS_PER_DAY)
        other.deliver(key, rows.take(pa.array(range(ROWS_PER_DAY - 1, -1, -1))))
    trained = train_challenger(other.spec, run_of(NIGHT), lake=other.lake, ledger=other.ledger, registry=other.registry)
    assert trained.version == version
    assert trained.model_sha256 == again_sha256(world, version)


def again_sha256(world, version):
    from titlebout.core.versions import read_version

    return read_version(world.lake, "demand", version).model_sha256


def test_other_packages_than_then_are_named(world, version, monkeypatch):
    monkeypatch.setattr(recipes, "__version__", "9.9.9")
    assert [line.partition(":")[0] for line in again(world, version).changed] == ["code"]


def test_a_training_that_comes_out_otherwise_is_said(world, version, monkeypatch):
    from titlebout.core.learning import version_training

    honest = version_training.learn
    monkeypatch.setattr(
        version_training,
        "learn",
        lambda training, *rest, **more: honest(
            training.model_copy(update={"rounds": training.rounds + 1}), *rest, **more
        ),
    )
    found = again(world, version)
    assert not found.is_reproduced
    assert found.is_equal["plan.json"]
    assert not found.is_equal["model.ubj"]


def test_a_snapshot_with_other_bytes_is_found_before_anything_is_trained(world, version):
    path = next(path for path in world.lake.objects if "/2024-01-05/" in path)
    content = world.lake.objects[path]
    world.lake.objects[path] = content[:100] + bytes([content[100] ^ 1]) + content[101:]
    try:
        with pytest.raises(CorruptObjectError):
            again(world, version)
    finally:
        world.lake.objects[path] = content


def test_an_unknown_version_is_said(world):
    with pytest.raises(ObjectMissingError):
        again(world, "2024-01-13-000000000000")
