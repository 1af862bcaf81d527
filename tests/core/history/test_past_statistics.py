import math

import pyarrow as pa
import pytest

from titlebout.core.history.group_sums import Question, SnapshotSums
from titlebout.core.history.past_statistics import groups_of, past_keys, past_numbers, past_statistic
from titlebout.core.specs.features_spec import HistoryFeature

QUESTION = Question(of="rentals", of_type="number", by=(("station", "text"),))


def sums_of(**groups):
    rows = [(station, value) for station, values in groups.items() for value in values]
    table = pa.table(
        {
            "station": pa.array([station for station, _ in rows], pa.string()),
            "rentals": pa.array([value for _, value in rows], pa.float64()),
        }
    )
    return SnapshotSums.of_rows(table, QUESTION, "ab" * 32)


def feature_of(statistic="mean", **changes):
    return HistoryFeature(of="rentals", by=("station",), statistic=statistic, **{"partitions": 3, **changes})


PAST = [sums_of(a=[1.0, 2.0], b=[7.0]), sums_of(a=[6.0, 3.0]), sums_of(b=[8.0])]


@pytest.mark.parametrize(
    ("statistic", "value"), [("mean", 3.0), ("sum", 12.0), ("count", 4.0), ("min", 1.0), ("max", 6.0), ("last", 3.0)]
)
def test_a_statistic_is_that_of_all_rows_of_the_group(statistic, value):
    assert past_statistic(feature_of(statistic), PAST, ("a",)) == value


def test_a_mean_weighs_rows_and_not_partitions():
    assert past_statistic(feature_of(), [sums_of(a=[0.0, 0.0, 0.0]), sums_of(a=[8.0])], ("a",)) == 2.0


@pytest.mark.parametrize("statistic", ["mean", "count", "last"])
def test_a_group_that_nobody_saw_is_missing_also_where_it_is_counted(statistic):
    assert math.isnan(past_statistic(feature_of(statistic), PAST, ("c",)))


def test_too_few_partitions_are_missing_whatever_they_say():
    needs_three = feature_of(min_partitions=3)
    assert past_statistic(needs_three, PAST, ("a",)) == 3.0
    assert math.isnan(past_statistic(needs_three, PAST[:2], ("a",)))
    assert math.isnan(past_statistic(feature_of(), [], ("a",)))


def test_a_sum_beyond_float32_is_missing():
    assert math.isnan(past_statistic(feature_of("sum"), [sums_of(a=[3e38]), sums_of(a=[3e38])], ("a",)))


def test_no_order_of_partitions_changes_a_bit_but_for_the_last_value():
    past = [sums_of(a=[0.1]), sums_of(a=[1e16]), sums_of(a=[-1e16]), sums_of(a=[0.2])]
    for statistic in ("mean", "sum", "count", "min", "max"):
        feature = feature_of(statistic)
        assert past_statistic(feature, past, ("a",)) == past_statistic(feature, past[::-1], ("a",))
    assert past_statistic(feature_of("sum"), past, ("a",)) == pytest.approx(0.3)


def test_groups_are_those_of_all_partitions():
    assert groups_of(PAST) == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("partition", "keys"),
    [
        ("2024-03-01", ("2024-02-26", "2024-02-27", "2024-02-28")),
        ("2024-03-01T01", ("2024-02-29T21", "2024-02-29T22", "2024-02-29T23")),
        ("2024-W01", ("2023-W49", "2023-W50", "2023-W51")),
        ("2024-03", ("2023-11", "2023-12", "2024-01")),
    ],
)
def test_the_partitions_are_counted_by_the_calendar_of_the_cadence(partition, keys):
    assert past_keys(feature_of(delay=2), partition) == keys


@pytest.mark.parametrize("delay", [1, 2, 9])
def test_a_partition_never_knows_itself_or_a_later_one(delay):
    feature = feature_of(delay=delay)
    assert max(past_keys(feature, "2024-03-01")) < "2024-03-01"
    assert max(past_numbers([feature], [range(100, 101)])) == 100 - delay
    assert past_numbers([feature], [range(5, 5)]) == set()
