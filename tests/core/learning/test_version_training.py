"""Rows in memory or on disk, whole or in pieces: the version's files are the same, byte for byte."""

import tempfile

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, PartitionUnreadableError, SpecError, UnavailableError
from titlebout.core.features import FeaturePlan
from titlebout.core.learning import encoded_rows, quantile_matrix, training, training_rows
from titlebout.core.learning.quantile_matrix import is_out_of_core
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.version_training import train_files
from titlebout.core.partitions import keys_between
from titlebout.core.specs.training_spec import TrainingSection

KEYS = [*keys_between("2024-01-01", "2024-01-06")]
COUNTS = dict(zip(KEYS, (700, 1, 0, 900, 300, 650), strict=True))
KEY_COLUMNS = {"dataset__key_columns": ["day", "hour", "temperature"]}
EARLY = {"training__early_stopping": {"validation_days": 2, "patience_rounds": 3}}
SAMPLED = {"training__params": {"subsample": 0.6, "colsample_bytree": 0.7, "max_depth": 4}}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(encoded_rows, "BATCH_BYTES", 256 * 3 * 4)


@pytest.fixture(scope="module")
def world():
    world = DemandWorld(demand_spec(**KEY_COLUMNS))
    world.refs = [world.deliver(key, demand_rows(key, rows=rows)) for key, rows in COUNTS.items()]
    return world


def files_of(world, **changes):
    spec = demand_spec(**KEY_COLUMNS, **changes)
    trained = train_files(spec, world.lake, Recipe.of(spec, "2024-01-09", world.refs), world.refs)
    assert trained.rows == sum(COUNTS.values())
    return trained


def on_disk(world, monkeypatch, **changes):
    with monkeypatch.context() as patched:
        patched.setattr(training_rows, "HELD_BYTES", 0)
        return files_of(world, training__in_memory_megabytes=0, **changes)


CASES = {
    "plain": {},
    "early stopping": EARLY,
    "weights": {"training__half_life_days": 2, **EARLY},
    "sampled": SAMPLED,
    "lossguide": {"training__params": {"grow_policy": "lossguide", "max_leaves": 12, "max_depth": 0}},
    "forest": {"training__params": {"num_parallel_tree": 3, "colsample_bynode": 0.5}},
    "median": {"training__objective": "absolute", "comparison__metric": "mae", **EARLY},
    "quantile": {"training__objective": "quantile", "comparison__metric": "mae"},
    "counts": {"training__objective": "poisson"},
    "sampled median": {"training__objective": "absolute", "comparison__metric": "mae", **SAMPLED},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_memory_disk_and_threads_change_no_byte(world, monkeypatch, changes):
    expected = files_of(world, training__threads=1, **changes)
    for threads in (1, 2, 8):
        found = on_disk(world, monkeypatch, training__threads=threads, **changes)
        assert found.files == expected.files
        np.testing.assert_allclose(list(found.metrics.values()), list(expected.metrics.values()), rtol=1e-6)


def test_a_window_that_is_trained_on_from_disk_leaves_nothing_there(world, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pages, boost = [], training.boost

    def watched(*args):
        pages.extend(tmp_path.glob("titlebout-training-*/*"))
        return boost(*args)

    monkeypatch.setattr(training, "boost", watched)
    on_disk(world, monkeypatch)
    assert pages
    assert [*tmp_path.glob("titlebout-training-*")] == []
    with pytest.raises(SpecError):
        on_disk(world, monkeypatch, training__params={"subsample": 7})
    assert [*tmp_path.glob("titlebout-training-*")] == []


def test_a_disk_without_room_is_said_before_anything_is_trained(world, monkeypatch):
    monkeypatch.setattr(quantile_matrix.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(UnavailableError, match="from disk needs 76530 bytes, 10 are free; make room"):
        on_disk(world, monkeypatch)


def test_a_snapshot_with_other_bytes_is_never_parsed(world, monkeypatch):
    path = world.refs[3].data_path
    content = world.lake.objects[path]
    monkeypatch.setitem(world.lake.objects, path, content[:100] + bytes([content[100] ^ 1]) + content[101:])
    for train in (lambda: files_of(world), lambda: on_disk(world, monkeypatch)):
        with pytest.raises(CorruptObjectError):
            train()


def test_rows_in_memory_are_limited_by_the_spec_or_else_by_the_machine(monkeypatch):
    def section(**changes):
        return TrainingSection(features={"numeric": ["x"]}, **changes)

    assert is_out_of_core(section(in_memory_megabytes=39), 1_000_000, 10)
    assert not is_out_of_core(section(in_memory_megabytes=40), 1_000_000, 10)
    monkeypatch.setattr(quantile_matrix, "granted_memory_bytes", lambda: 8 * 40_000_000)
    assert not is_out_of_core(section(), 1_000_000, 10)
    assert is_out_of_core(section(), 1_000_001, 10)
    for kept in ({"objective": "absolute", "params": {"subsample": 0.5}}, {"device": "cuda"}):
        assert not is_out_of_core(section(in_memory_megabytes=0, **kept), 1_000_000, 10)


def test_golden_rows_are_those_of_the_whole_table(world):
    spec = demand_spec(**KEY_COLUMNS)
    trained = files_of(world)
    from titlebout.core.golden import GoldenRows
    from titlebout.core.predictor import Predictor
    from titlebout.core.snapshot_rows import read_rows

    rows = pa.concat_tables([read_rows(spec, world.lake, ref) for ref in world.refs])
    predictor = Predictor.load(trained.files["model"], trained.files["plan"])
    picked = GoldenRows.pick(predictor, rows, spec.deployment.golden_rows)
    assert trained.files["golden"] == picked.model_dump_json().encode()
    assert trained.files["plan"] == FeaturePlan.fit(spec, rows).model_dump_json().encode()
    errors = predictor.predict_table(rows) - rows["rentals"].to_numpy()
    assert trained.metrics["training_rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-6)


def test_calculated_features_are_the_same_in_memory_and_from_disk_and_their_golden_rows_hold(world, monkeypatch):
    from titlebout.core.golden import GoldenRows
    from titlebout.core.predictor import Predictor

    features = {
        "cyclical": {"hour": 24, "day": ["day_of_year"]},
        "ratios": {"degrees_per_hour": ["temperature", "hour"]},  # the hour 0 divides nothing
        "differences": {"degrees_less_hour": ["temperature", "hour"]},
    }
    expected = files_of(world, training__features=features)
    assert on_disk(world, monkeypatch, training__features=features).files == expected.files
    predictor = Predictor.load(expected.files["model"], expected.files["plan"])
    assert predictor.plan.feature_names[-2:] == ("degrees_per_hour", "degrees_less_hour")
    assert GoldenRows.model_validate_json(expected.files["golden"]).mismatch(predictor) is None


@pytest.mark.parametrize("held_bytes", [0, training_rows.HELD_BYTES])
def test_the_partition_of_a_number_that_cannot_be_learned_is_named(monkeypatch, held_bytes):
    monkeypatch.setattr(training_rows, "HELD_BYTES", held_bytes)
    spec = demand_spec(training__threads=2)
    world, bad = DemandWorld(spec), KEYS[3]
    rows = demand_rows(bad)
    values = [1e39, *rows["temperature"].to_pylist()[1:]]
    odd = rows.set_column(rows.column_names.index("temperature"), "temperature", pa.array(values))
    refs = [world.deliver(key, odd if key == bad else None) for key in KEYS]
    with pytest.raises(PartitionUnreadableError, match=f"^partition {bad}: field 'temperature' holds infinity"):
        train_files(spec, world.lake, Recipe.of(spec, "2024-01-09", refs), refs)
