"""Leaks in one large partition, and over many small ones."""

import numpy as np
import pytest

from fakes.demand_days import demand_rows
from fakes.judged_days import DAY, contract_of, failed, good_days, history_results, replaced, static_results
from titlebout.core.contract.history_checks import GoodDay
from titlebout.core.contract.leak_checks import leaks_over_days
from titlebout.core.contract.partition_statistics import PartitionStatistics

BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}


def leaking(key, rows=24):
    """Temperature is a noisy function of the rentals: no copy, and better than anything honest."""
    table = demand_rows(key, rows=rows)
    rentals = table["rentals"].to_numpy()
    noise = np.random.default_rng(int(key[-2:])).normal(size=rows)
    return replaced(table, temperature=np.sqrt(rentals + 100) + 0.01 * noise)


def leaking_days(count, contract=None):
    from fakes.judged_days import CONTRACT, statistics_of

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
