"""History features of tables and requests, against a plain count over all earlier rows."""

import math
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.partitions import keys_between
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.snapshot_rows import read_rows

KEYS = [*keys_between("2024-01-01", "2024-01-09")]
GAP = "2024-01-05"
HISTORY = {
    "usual": {"of": "rentals", "by": ["hour"], "statistic": "mean", "partitions": 3},
    "wet_sum": {"of": "rentals", "by": ["weather", "hour"], "statistic": "sum", "partitions": 4, "delay": 2},
    "warmest": {"of": "temperature", "statistic": "max", "partitions": 2, "min_partitions": 2},
    "newest": {"of": "rentals", "by": ["weather"], "statistic": "last", "partitions": 5},
}
SPEC = demand_spec(training__features={"numeric": ["temperature"], "history": HISTORY})


@pytest.fixture
def world():
    world = DemandWorld(SPEC)
    world.refs = {key: world.deliver(key, with_gaps(key)) for key in KEYS if key != GAP}
    return world


def with_gaps(key):
    """Return the rows of a day with some values missing."""
    table = demand_rows(key, rows=30)
    for name in ("weather", "hour", "temperature"):
        values = table[name].to_pylist()
        values[(len(name) * 7) % 30] = None
        table = table.set_column(table.column_names.index(name), name, pa.array(values, table[name].type))
    return table


def past_of(world, spec=SPEC, refs=None):
    return PastPartitions(spec, world.lake, world.refs.values() if refs is None else refs)


def by_hand(world, name, key):
    """Compute a feature of a day's rows in the plainest way."""
    feature = SPEC.training.features.history[name]
    at = KEYS.index(key)
    keys = [KEYS[n] for n in range(at - feature.delay - feature.partitions + 1, at - feature.delay + 1) if n >= 0]
    days = [read_rows(SPEC, world.lake, world.refs[each]).to_pylist() for each in keys if each in world.refs]
    values = defaultdict(list)
    for row in (row for day in days for row in day):
        if row[feature.of] is not None:
            values[tuple(row[column] for column in feature.by)].append(row[feature.of])
    reduce = {"mean": lambda v: math.fsum(v) / len(v), "sum": math.fsum, "max": max, "last": lambda v: v[-1]}
    for row in read_rows(SPEC, world.lake, world.refs[key]).to_pylist():
        group = tuple(row[column] for column in feature.by)
        is_known = None not in group and group in values and len(days) >= feature.min_partitions
        yield reduce[feature.statistic](values[group]) if is_known else math.nan


@pytest.mark.parametrize("name", HISTORY)
@pytest.mark.parametrize("key", ["2024-01-01", "2024-01-02", "2024-01-06", "2024-01-07", "2024-01-09"])
def test_a_feature_is_what_a_plain_count_over_earlier_days_says(world, name, key):
    rows = read_rows(SPEC, world.lake, world.refs[key])
    joined = past_of(world).joined(rows, key, SPEC.training.features.history)
    np.testing.assert_allclose(joined[name].to_numpy(), [*by_hand(world, name, key)], rtol=1e-12)


def test_other_rows_of_its_own_day_or_of_later_ones_change_nothing(world):
    """The point in time: whatever tomorrow holds, the row of today looks the same."""
    key = "2024-01-07"
    rows = read_rows(SPEC, world.lake, world.refs[key])
    features = SPEC.training.features.history
    before = past_of(world).joined(rows, key, features)
    for later in ("2024-01-07", "2024-01-08", "2024-01-09"):
        world.refs[later] = world.deliver(later, demand_rows(later, level=1000.0), revision=2)
    assert past_of(world).joined(rows, key, features).equals(before)
    world.refs["2024-01-06"] = world.deliver("2024-01-06", demand_rows("2024-01-06", level=1000.0), revision=2)
    assert not past_of(world).joined(rows, key, features).equals(before)


def test_a_late_statistic_looks_no_closer_than_its_delay(world):
    key = "2024-01-07"
    rows = read_rows(SPEC, world.lake, world.refs[key])
    features = {"wet_sum": SPEC.training.features.history["wet_sum"]}
    before = past_of(world).joined(rows, key, features)
    world.refs["2024-01-06"] = world.deliver("2024-01-06", demand_rows("2024-01-06", level=1000.0), revision=2)
    assert past_of(world).joined(rows, key, features).equals(before)
    assert {ref.partition for ref in past_of(world).used([key], features)} == {"2024-01-02", "2024-01-03", "2024-01-04"}


def test_the_server_says_what_a_table_of_the_next_day_would_hold(world):
    key = "2024-01-09"
    asked = read_rows(SPEC, world.lake, world.refs[key])
    past = past_of(world)
    joined = past.joined(asked, key, SPEC.training.features.history)
    plan = FeaturePlan.with_categories(SPEC, (), past.served(key, SPEC.training.features.history))
    from_table = plan.encode(joined)
    np.testing.assert_array_equal(plan.encode(plan.as_served(asked)), from_table)
    np.testing.assert_array_equal(plan.encode_rows(plan.rows(asked)), from_table)
    reread = FeaturePlan.model_validate_json(plan.model_dump_json())
    np.testing.assert_array_equal(reread.encode_rows(plan.rows(asked)), from_table)
    assert plan.feature_names == SPEC.training.features.names
    assert plan.remembered == SPEC.training.features.history
    assert tuple(plan.fields) == ("temperature", "hour", "weather")
    assert 0 < np.isnan(from_table).mean() < 0.5


def test_a_group_that_the_table_of_the_server_lacks_is_missing(world):
    plan = FeaturePlan.with_categories(SPEC, (), past_of(world).served("2024-01-09", SPEC.training.features.history))
    known, foreign, unknown = plan.encode_rows(
        [
            {"temperature": 1.0, "hour": 3, "weather": "rain"},
            {"temperature": 1.0, "hour": 3, "weather": "hail"},
            {"temperature": 1.0, "hour": None, "weather": None},
        ]
    )
    assert np.isnan(known).tolist() == [False] * 5
    assert np.isnan(foreign).tolist() == [False, False, True, False, True]
    # The warmest temperature has no groups: nothing that a row holds or lacks matters to it.
    assert np.isnan(unknown).tolist() == [False, True, True, False, True]


def test_a_table_that_nothing_was_joined_to_is_refused(world):
    plan = FeaturePlan.with_categories(SPEC, (), past_of(world).served("2024-01-09", SPEC.training.features.history))
    with pytest.raises(FieldError, match="'usual' is no column of the table"):
        plan.encode(read_rows(SPEC, world.lake, world.refs["2024-01-09"]))


def sums_in(lake):
    return {path: lake.objects[path] for path in lake.objects if "/sums-" in path}


def test_sums_are_written_beside_their_snapshot_once_and_read_instead_of_it(world, monkeypatch):
    refs, features = [*world.refs.values()], SPEC.training.features.history
    rows = read_rows(SPEC, world.lake, world.refs["2024-01-09"])
    expected = past_of(world).joined(rows, "2024-01-09", features)
    past_of(world).publish(refs, features)
    written = sums_in(world.lake)
    assert len(written) == len(refs) * 4  # hours, weathers and hours, no groups, weathers
    assert all(path.startswith(tuple(ref.data_path.rpartition("/")[0] for ref in refs)) for path in written)
    monkeypatch.setattr("titlebout.core.past_partitions.read_rows", lambda *_: pytest.fail("read again"))
    past_of(world).publish(refs, features)
    assert sums_in(world.lake) == written
    assert past_of(world).joined(rows, "2024-01-09", features).equals(expected)


def test_what_was_looked_up_once_is_not_read_again(world):
    past, features = past_of(world), SPEC.training.features.history
    rows = read_rows(SPEC, world.lake, world.refs["2024-01-09"])
    expected = past.joined(rows, "2024-01-09", features)
    world.lake.objects.clear()
    assert past.joined(rows, "2024-01-09", features).equals(expected)


def test_sums_that_were_damaged_are_found_out_again(world):
    refs, features = [*world.refs.values()], SPEC.training.features.history
    rows = read_rows(SPEC, world.lake, world.refs["2024-01-09"])
    expected = past_of(world).joined(rows, "2024-01-09", features)
    past_of(world).publish(refs, features)
    for path, document in sums_in(world.lake).items():
        world.lake.objects[path] = document.replace(b'"totals":[', b'"totals":[1')
    assert past_of(world).joined(rows, "2024-01-09", features).equals(expected)
    past_of(world).publish(refs, features)  # what stands there is left alone


def test_a_snapshot_with_other_bytes_is_never_added_up(world):
    ref = world.refs["2024-01-08"]
    world.lake.objects[ref.data_path] = world.lake.objects[ref.data_path][:-1] + b"x"
    rows = read_rows(SPEC, world.lake, world.refs["2024-01-09"])
    with pytest.raises(CorruptObjectError):
        past_of(world).joined(rows, "2024-01-09", SPEC.training.features.history)


def test_a_column_that_the_spec_has_lost_is_named(world):
    narrower = demand_spec(
        dataset__columns={name: kind for name, kind in SPEC.dataset.columns.items() if name != "weather"},
        training__features={"numeric": ["hour"]},
    )
    rows = read_rows(SPEC, world.lake, world.refs["2024-01-09"])
    with pytest.raises(FieldError, match="'weather' is no column of the spec any more"):
        past_of(world, narrower).joined(rows, "2024-01-09", SPEC.training.features.history)


def test_memory_holds_no_more_partitions_than_one_row_can_know(world):
    past = past_of(world)
    for key, ref in world.refs.items():
        past.joined(read_rows(SPEC, world.lake, ref), key, SPEC.training.features.history)
        assert len(past._sums) <= past._room
