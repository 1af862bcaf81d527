"""Leaks in one large partition, and over many small ones."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.hourly_days import hourly_spec
from fakes.judged_days import (
    CONTRACT,
    DAY,
    contract_of,
    failed,
    good_days,
    history_results,
    replaced,
    static_results,
    statistics_of,
)
from titlebout.core.contract.contract import Contract
from titlebout.core.contract.history_checks import GoodDay, HistoryChecks
from titlebout.core.contract.leak_checks import leaks_over_days
from titlebout.core.contract.partition_statistics import PartitionStatistics
from titlebout.core.partitions import keys_between, shift_key

BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}


def leaking(key, rows=24):
    """Temperature is a noisy function of the rentals: no copy, and better than anything honest."""
    table = demand_rows(key, rows=rows)
    rentals = table["rentals"].to_numpy()
    noise = np.random.default_rng(int(key[-2:])).normal(size=rows)
    return replaced(table, temperature=np.sqrt(rentals + 100) + 0.01 * noise)


def leaking_days(count, contract=None):
    return [
        GoodDay(day.partition, statistics_of(leaking(day.partition), contract or CONTRACT)) for day in good_days(count)
    ]


def test_a_small_day_alone_proves_no_leak():
    assert not failed(static_results(leaking(DAY)))


def test_small_days_together_do():
    results = history_results(leaking(DAY), leaking_days(12))
    (failure,) = results["leak_over_days"].failures
    assert (failure.expectation, failure.column) == ("contract_leak_over_days", "temperature")
    assert failure.observed > 0.98
    assert failure.unexpected_rows == 13 * 24


def test_a_large_day_tells_by_itself():
    (failure,) = static_results(leaking(DAY, rows=3000))["leak"].failures
    assert (failure.column, failure.expected) == ("temperature", {"largest R² of ranks alone": 0.98})
    assert not failed(static_results(demand_rows(DAY, rows=3000))) - {"unique_key"}


def test_the_limit_is_the_specs():
    lenient = contract_of(validation__checks={"leak": {"limit": 1.0}})
    assert not failed(static_results(leaking(DAY, rows=3000), lenient)) - {"unique_key"}
    strict = contract_of(validation__checks={"leak": {"limit": 0.51}})
    assert "leak" in failed(static_results(demand_rows(DAY, rows=3000), strict))


def test_a_category_that_names_the_target_is_found_in_a_large_day():
    table = demand_rows(DAY, rows=3000)
    bands = [f"band {int(value // 2)}" for value in table["rentals"].to_pylist()]
    results = static_results(replaced(table, weather=bands))
    assert [failure.column for failure in results["leak"].failures] == ["weather"]


def test_a_counter_of_rows_is_no_leak_of_a_smooth_target():
    """A minute's target is nearly that of the minute before: rows left out one by one would make it one."""
    table = demand_rows(DAY, rows=1440)
    smooth = np.sin(np.arange(1440) / 1440 * np.pi) * 50
    assert not failed(static_results(replaced(table, hour=range(1440), rentals=smooth)))


@pytest.mark.parametrize("binary", [False, True])
def test_honest_days_are_no_leak(binary):
    contract = contract_of(**(BINARY if binary else {}))

    def rows(key):
        table = demand_rows(key)
        return replaced(table, rentals=(table["rentals"].to_numpy() > 130).astype(float)) if binary else table

    from fakes.judged_days import statistics_of

    days = [GoodDay(day.partition, statistics_of(rows(day.partition), contract)) for day in good_days(20)]
    assert not failed(history_results(rows(DAY), days, contract))


def test_days_of_another_spec_are_passed_over():
    days = [day.statistics for day in leaking_days(12)]
    others = [PartitionStatistics(rows=3, columns={}, sample={"hour": (1.0, 2.0, 3.0)}) for _ in range(5)]
    assert [each.rows for each in leaks_over_days(contract_of(), [*others, *days])] == [12 * 24]
    assert leaks_over_days(contract_of(), others) == []


def test_nothing_is_judged_without_the_target():
    results = static_results(demand_rows(DAY).drop_columns(["rentals"]))
    assert results["leak"].note == "the snapshot has no target rentals of the declared type"


ROWS = {key: 15 + number * 7 % 11 for number, key in enumerate(keys_between("2024-02-10", "2024-03-02"))}


def ahead(key, step, shown=lambda values: values):
    """Return a day of a shop that has other rows every day; its temperature is what rentals are `step` days later."""
    later = demand_rows(shift_key(key, step), rows=ROWS[key])["rentals"].to_numpy()
    return replaced(demand_rows(key, rows=ROWS[key]), temperature=shown(later))


def judged(rows_of, contract=CONTRACT):
    days = [GoodDay(key, statistics_of(rows_of(key), contract)) for key in ROWS if key < DAY]
    return [failure.column for failure in history_results(rows_of(DAY), days, contract)["leak_over_days"].failures]


def test_what_the_target_is_tomorrow_is_found_where_every_day_has_other_rows():
    def knows(key):
        everything = demand_rows(shift_key(key, 1), rows=ROWS[shift_key(key, 1)])["rentals"].to_numpy()
        return replaced(demand_rows(key, rows=ROWS[key]), temperature=np.resize(np.sort(everything)[::-1], ROWS[key]))

    def knows_and_some_came_new(key):
        rows = knows(key)
        is_odd = int(key[-1]) % 3 == 0
        return replaced(rows, temperature=rows["temperature"].to_numpy() + 1000 * is_odd)

    assert judged(knows) == ["temperature"]
    assert judged(knows_and_some_came_new) == ["temperature"]
    assert judged(knows, contract_of(validation__checks={"leak": {"severity": "off"}})) == []


@pytest.mark.parametrize("step", [-1, -2, 2])
def test_what_the_target_was_and_what_it_is_long_after_are_left_alone(step):
    assert judged(lambda key: ahead(key, step)) == []


def test_a_feature_that_meets_the_bounds_of_a_rounded_target_by_chance_is_honest():
    def coarse(key):
        rows = demand_rows(key, rows=ROWS[key])
        tens = np.round(rows["rentals"].to_numpy(), -1)
        return replaced(rows, rentals=tens, temperature=np.random.default_rng(int(key[-2:])).permutation(tens))

    # In the order of chance the rows say nothing; the bounds are those of today, and often those of tomorrow too.
    assert judged(coarse) == []


def test_an_hour_that_knows_the_same_hour_of_the_next_day_is_found():
    contract = Contract.of(hourly_spec())
    keys = [f"2024-02-{day:02}T03" for day in range(5, 20)]

    def hour(key, knows):
        rentals, later = (np.random.default_rng(day).normal(size=12) for day in (int(key[8:10]), int(key[8:10]) + 1))
        moments = pa.array([datetime.fromisoformat(f"{key}:{minute:02}:00+00:00") for minute in range(12)])
        return pa.table({"at": moments, "temperature": later if knows else rentals[::-1], "rentals": rentals})

    for knows, found in ((True, ["temperature"]), (False, [])):
        days = [GoodDay(key, statistics_of(hour(key, knows), contract)) for key in keys[:-1]]
        statistics = statistics_of(hour(keys[-1], knows), contract)
        results = {each.check: each for each in HistoryChecks(contract, keys[-1], statistics, days).results()}
        assert [failure.column for failure in results["leak_over_days"].failures] == found
