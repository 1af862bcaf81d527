"""Statistics of a partition: known figures, bounded size, and nothing but its bytes."""

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from fakes.demand_days import demand_rows
from fakes.judged_days import CONTRACT, DAY, contract_of, replaced, statistics_of
from titlebout.core.contract.partition_statistics import PartitionStatistics
from titlebout.core.field_values import short_name

ROWS = demand_rows(DAY)


def test_figures_of_a_known_day():
    table = replaced(
        ROWS,
        temperature=[None, -0.0, *[20.0] * 22],
        weather=["rain", "rain", None, *["clear"] * 21],
        rentals=[None, *range(1, 24)],
    )
    statistics = statistics_of(table)
    columns = {name: column.model_dump(exclude_defaults=True) for name, column in statistics.columns.items()}
    assert statistics.rows == 24
    assert columns["day"] == {"nulls": 0, "low": DAY, "high": DAY, "is_constant": True}
    assert columns["temperature"] == {"nulls": 1, "low": 0.0, "high": 20.0, "is_constant": False, "distinct": 2}
    assert columns["weather"] == {
        "nulls": 1,
        "low": "clear",
        "high": "rain",
        "is_constant": False,
        "distinct": 2,
        "categories": {"clear": 21, "rain": 2},
    }
    assert columns["rentals"] == {
        "nulls": 1,
        "low": 1.0,
        "high": 23.0,
        "is_constant": False,
        "distinct": 23,
        "mean": 12.0,
    }


def test_zero_of_either_sign_is_one_value():
    assert statistics_of(replaced(ROWS, temperature=[0.0, -0.0] * 12)).columns["temperature"].is_constant


def test_they_come_back_from_json_as_they_were():
    statistics = statistics_of(ROWS)
    assert PartitionStatistics.model_validate(json.loads(json.dumps(statistics.as_json()))) == statistics


def test_a_small_day_is_its_own_sample():
    sample = statistics_of(ROWS).sample
    assert list(sample) == ["hour", "temperature", "weather", "rentals"]
    assert sample["hour"] == tuple(map(float, range(24)))
    assert sample["weather"] == tuple(ROWS["weather"].to_pylist())


def test_the_sample_of_a_large_day_is_bounded_and_keeps_rows_together():
    table = demand_rows(DAY, rows=5000)
    sample = statistics_of(replaced(table, hour=range(5000), temperature=range(5000))).sample
    assert {len(values) for values in sample.values()} == {64}
    assert sample["hour"] == sample["temperature"]


def test_many_features_share_the_room_of_the_sample():
    names = [f"x{n}" for n in range(300)]
    contract = contract_of(
        dataset__columns={"day": "date", "hour": "integer", "rentals": "number", **dict.fromkeys(names, "number")},
        training__features={"numeric": names},
    )
    table = demand_rows(DAY, rows=2000).select(["day", "hour", "rentals"])
    for name in names:
        table = table.append_column(name, pa.array(np.arange(2000.0)))
    sample = statistics_of(table, contract).sample
    assert {len(values) for values in sample.values()} == {4096 // 301}


def test_more_than_five_hundred_categories_are_no_set():
    rows = 600
    table = demand_rows(DAY, rows=rows)
    few, many = ([f"c{n % count}" for n in range(rows)] for count in (500, 501))
    assert len(statistics_of(replaced(table, weather=few)).columns["weather"].categories) == 500
    assert statistics_of(replaced(table, weather=many)).columns["weather"].categories is None


def test_long_categories_are_shortened_and_still_told_apart():
    one, other = ("x" * 500 + end for end in "ab")
    names = {short_name(text) for text in (one, other)}
    assert len(names) == 2
    assert all(len(name) < 64 for name in names)


def test_infinity_is_shown_and_counts_for_no_mean():
    table = replaced(ROWS, rentals=[float("inf"), *[2.0] * 23], temperature=[float("-inf"), *range(23)])
    statistics = statistics_of(table)
    assert statistics.columns["rentals"].high == "Infinity"
    assert statistics.columns["rentals"].mean == 2.0
    assert statistics.sample["temperature"][0] is None
    json.dumps(statistics.as_json(), allow_nan=False)


def test_a_category_that_is_no_time_is_no_category():
    contract = contract_of(
        dataset__columns={**CONTRACT.columns, "when": "timestamp"},
        training__features={"numeric": ["hour"], "categorical": ["when"]},
    )
    beyond = pa.array([2**62] * 24, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    found = statistics_of(ROWS.append_column("when", beyond), contract).columns["when"]
    assert (found.low, found.distinct, found.categories) == (None, None, None)
    fine = pa.array([datetime(2024, 3, 1, 12, tzinfo=UTC)] * 24, pa.timestamp("us", tz="UTC"))
    found = statistics_of(ROWS.append_column("when", fine), contract).columns["when"]
    assert (found.low, found.distinct, sum(found.categories.values())) == ("2024-03-01T12:00:00+00:00", 1, 24)


def test_columns_that_the_spec_does_not_know_or_knows_otherwise_are_left_out():
    table = ROWS.append_column("noise", ROWS["rentals"]).set_column(1, "hour", ROWS["hour"].cast(pa.int32()))
    assert list(statistics_of(table).columns) == ["day", "temperature", "weather", "rentals"]
