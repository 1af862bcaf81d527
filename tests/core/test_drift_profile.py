from datetime import UTC
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.demand_days import demand_rows, shuffled
from fakes.specs import demand_spec
from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.drift_profile import (
    NUMERIC_BINS,
    TOP_CATEGORIES,
    CategoryBins,
    DriftProfile,
    NumericBins,
    SortedNumbers,
    watchable_columns,
)
from titlebout.core.specs.dataset_spec import ColumnType

DAYS = {f"2024-01-0{day}": demand_rows(f"2024-01-0{day}") for day in range(1, 8)}


def numbers(*values):
    return SnapshotColumn(pa.table({"it": pa.array(values, pa.float64())}), "it", ColumnType.NUMBER, UTC)


def texts(*values):
    return SnapshotColumn(pa.table({"it": pa.array(values, pa.string())}), "it", ColumnType.TEXT, UTC)


def quantile_bins(column):
    return NumericBins.between(SortedNumbers.of(column).present)


def category_bins(column):
    return CategoryBins.most_frequent(column.category_counts())


def counted(bins, column):
    if isinstance(bins, CategoryBins):
        return bins.count(column.category_counts(), column.missing)
    return bins.count(SortedNumbers.of(column))


def profile_of(spec, tables):
    return DriftProfile.of_columns(spec, lambda name: [(key, table.select([name])) for key, table in tables.items()])


def test_quantile_bins_hold_equal_shares_of_the_training_rows():
    training = numbers(*np.random.default_rng(0).normal(size=10_000))
    counts = counted(quantile_bins(training), training)
    assert (counts[0], counts[-2], counts[-1]) == (0, 0, 0)
    assert counts[1 : NUMERIC_BINS + 1] == pytest.approx(500, abs=1)


def test_what_lies_outside_the_training_rows_has_bins_of_its_own():
    bins = quantile_bins(numbers(1, 2, 3, None))
    below, *inside, above, missing = counted(bins, numbers(0.999, 1, 3, 3.001, None, float("nan"))).tolist()
    assert (below, sum(inside), above, missing) == (1, 2, 1, 2)


def test_a_constant_column_tells_its_value_from_any_other():
    counts = counted(quantile_bins(numbers(7, 7)), numbers(6.99, 7, 7.01))
    assert counts.tolist() == [1, 1, 1, 0]


def test_a_column_of_nulls_is_profiled_too():
    bins = quantile_bins(numbers(None, None))
    assert counted(bins, numbers(1, None)).tolist() == [1, 1]


def test_a_new_category_counts_as_other():
    bins = category_bins(texts("rain", "clear", None))
    assert bins.categories == ("clear", "rain")
    assert counted(bins, texts("rain", "rain", "snow", None)).tolist() == [0, 2, 1, 1]


def test_only_the_most_frequent_categories_are_counted_apart():
    names = [f"c{number:03}" for number in range(TOP_CATEGORIES + 10)]
    training = texts(*names, *names[10:])
    bins = category_bins(training)
    assert bins.categories == tuple(names[10:])
    assert counted(bins, training)[-2] == 10


VALUES = st.lists(st.none() | st.integers(-5, 5).map(float), max_size=40)


@given(training=VALUES, rows=VALUES, cuts=st.lists(st.integers(0, 40), max_size=4), seed=st.integers(0, 9))
@settings(max_examples=100)
def test_counts_of_parts_in_any_order_add_up_to_the_count_of_the_whole(training, rows, cuts, seed):
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = shuffled([rows[start:stop] for start, stop in pairwise(bounds)], seed)
    for bins, make in (
        (quantile_bins(numbers(*training)), numbers),
        (category_bins(texts(*map(str, training))), lambda *values: texts(*map(str, values))),
    ):
        whole = counted(bins, make(*rows))
        assert whole.sum() == len(rows)
        np.testing.assert_array_equal(sum(counted(bins, make(*part)) for part in parts), whole)


def test_features_target_and_wanted_columns_are_profiled_but_no_dates():
    spec = demand_spec(
        dataset__columns__humidity="number",
        training__features__date_parts={"day": ["weekday"]},
        drift__columns=["humidity", "hour"],
    )
    assert watchable_columns(spec) == ("hour", "temperature", "weather", "rentals", "humidity")


def test_a_profile_adds_its_partitions_up_and_keeps_their_distances():
    profile = profile_of(demand_spec(), DAYS)
    assert profile.partitions == tuple(DAYS)
    for column in profile.columns.values():
        assert sum(column.counts) == sum(table.num_rows for table in DAYS.values())
        assert len(column.null_distances) == len(DAYS)
    assert profile.columns["weather"].bins.categories == ("clear", "cloudy", "rain")
    assert profile.columns["hour"].bins.kind == "numeric"


def test_a_profile_is_the_same_whatever_the_order_and_after_a_trip_through_json():
    profile = profile_of(demand_spec(), DAYS)
    assert profile_of(demand_spec(), {key: DAYS[key] for key in shuffled(DAYS, 3)}) == profile
    assert DriftProfile.model_validate_json(profile.model_dump_json()) == profile


def test_a_partition_without_rows_has_no_say():
    empty = {"2024-01-09": DAYS["2024-01-01"].slice(0, 0)}
    assert profile_of(demand_spec(), DAYS | empty) == profile_of(demand_spec(), DAYS)


def test_flags_and_declared_categories_are_counted_by_category():
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "flag"}
    spec = demand_spec(
        dataset__columns=columns,
        training__features={"numeric": ["temperature"], "categorical": ["hour"]},
        training__objective="binary",
        comparison__metric="log_loss",
    )
    flagged = {
        key: table.set_column(4, "rentals", pa.array(table["rentals"].to_numpy() > 120)) for key, table in DAYS.items()
    }
    profile = profile_of(spec, flagged)
    assert profile.columns["rentals"].bins.categories == ("false", "true")
    assert "0" in profile.columns["hour"].bins.categories
