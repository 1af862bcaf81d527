"""Contract checks of a target with classes: foreign values, a class that is missing, features that give it away."""

import numpy as np
import pyarrow as pa
import pytest

from fakes.judged_days import DAY, failed, history_results, static_results, statistics_of, stored
from fakes.load_days import load_rows, load_spec, with_loads
from titlebout.core.contract.contract import CheckOutcome, Contract
from titlebout.core.contract.history_checks import GoodDay
from titlebout.core.contract.leak_guard import class_power
from titlebout.core.contract.snapshot_file import SnapshotFile
from titlebout.core.contract.static_checks import StaticChecks
from titlebout.core.partitions import keys_between, shift_key

CONTRACT = Contract.of(load_spec())
ROWS = load_rows(DAY, rows=240)
LOADS = ROWS["load"].to_pylist()
DAYS = [
    GoodDay(key, statistics_of(load_rows(key, rows=48), CONTRACT))
    for key in keys_between(shift_key(DAY, -12), shift_key(DAY, -1))
]


def results_of(table, contract=CONTRACT):
    return static_results(table, contract)


def test_a_sound_day_holds():
    assert not failed(results_of(ROWS))
    assert not failed(history_results(load_rows(DAY, rows=48), DAYS, CONTRACT))


def test_a_value_that_is_no_class_puts_the_day_into_quarantine():
    table = with_loads(ROWS, ["High", "High", "?", None, *LOADS[4:]])
    (failure,) = results_of(table)["target"].failures
    assert (failure.severity, failure.observed, failure.unexpected_rows) == ("critical", ["High", "?"], 3)
    assert failure.expected == {"training.classes": ["low", "middle", "high"]}
    assert failure.examples == ({"load": "High", "rows": 2}, {"load": "?", "rows": 1})


@pytest.mark.parametrize(("kind", "names"), [(pa.int64(), [0, 1, 2]), (pa.bool_(), [False, True])])
def test_classes_of_other_types_are_judged_alike(kind, names):
    declared = "integer" if kind == pa.int64() else "flag"
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "load": declared}
    contract = Contract.of(load_spec(dataset__columns=columns, training__classes=names))
    values = [names[n % len(names)] for n in range(240)]
    assert not failed(results_of(with_loads(ROWS, values, kind), contract))
    if declared == "integer":
        assert failed(results_of(with_loads(ROWS, [7, *values[1:]], kind), contract)) == {"target"}


def test_texts_of_a_large_file_are_looked_at_too():
    table = with_loads(ROWS, ["odd", *LOADS[1:]])
    file = SnapshotFile(stored(table), CONTRACT.columns)
    file._is_small = False  # as of more than 65,536 rows
    assert pa.types.is_dictionary(file.column("load").type)
    checks = StaticChecks(CONTRACT, DAY, file, statistics_of(table, CONTRACT))
    assert failed({each.check: each for each in checks.results()}) == {"target"}


def test_what_was_judged_without_classes_stays_judged():
    plain = Contract.of(load_spec(training__classes=["low", "middle", "high"]))
    assert plain.sha256("0") == CONTRACT.sha256("0")
    assert Contract.of(load_spec(training__classes=["low", "middle"])).sha256("0") != CONTRACT.sha256("0")


def test_statistics_hold_the_rows_of_each_class_and_no_mean():
    found = statistics_of(ROWS, CONTRACT).columns["load"]
    assert found.mean is None
    assert found.categories == {name: LOADS.count(name) for name in sorted(set(LOADS))}


def test_a_day_of_one_class_is_noted_where_that_is_no_chance():
    still = with_loads(load_rows(DAY, rows=48), ["low"] * 48)
    (failure,) = history_results(still, DAYS, CONTRACT)["target_varies"].failures
    assert failure.observed == "low"
    assert 0 < failure.expected["usual share of this class"] < 0.6


def test_a_day_of_the_class_that_nearly_all_rows_have_is_usual():
    calm = [
        GoodDay(day.partition, statistics_of(with_loads(load_rows(day.partition, rows=48), ["low"] * 48), CONTRACT))
        for day in DAYS
    ]
    still = with_loads(load_rows(DAY, rows=48), ["low"] * 48)
    assert history_results(still, calm, CONTRACT)["target_varies"].outcome is CheckOutcome.HELD


def leaking(table):
    """Return a contract whose feature weather may be anything, and a table in which it is this column."""
    return table.set_column(3, "weather", pa.array([f"is {name}" for name in table["load"].to_pylist()]))


def test_a_category_that_is_the_class_under_another_name_is_a_leak():
    table = leaking(load_rows(DAY, rows=1200))
    (failure,) = results_of(table)["leak"].failures
    assert failure.column == "weather"
    assert failure.observed > 0.999
    assert "largest mean AUC of the classes alone" in failure.expected


def test_over_days_it_is_found_among_few_rows():
    days = [GoodDay(day.partition, statistics_of(leaking(load_rows(day.partition, rows=48)), CONTRACT)) for day in DAYS]
    assert "leak_over_days" in failed(history_results(leaking(load_rows(DAY, rows=48)), days, CONTRACT))


def test_a_number_that_counts_the_classes_is_a_copy():
    places = {"low": 0.0, "middle": 10.0, "high": 20.0}
    copy = pa.array([places[name] for name in LOADS])
    (failure,) = results_of(ROWS.set_column(2, "temperature", copy))["leak"].failures
    assert (failure.column, failure.observed) == ("temperature", "10 x target + 0")


def test_a_feature_that_gives_one_class_away_may_be_a_good_one():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, 3000).astype(float)
    groups = np.arange(3000) // 300
    night = (target == 2).astype(np.intp)
    assert class_power(night, target, groups) < 0.9
    assert class_power(target.astype(np.intp), target, groups) == 1
    assert class_power(rng.integers(0, 5, 3000), target, groups) == pytest.approx(0.5, abs=0.05)
    assert class_power(night, np.full(3000, 1.0), groups) is None
    two = np.where(target < 2, 0.0, 1.0)
    assert class_power(two.astype(np.intp), two, groups) == 1
    rare = np.where(np.arange(3000) % 300 == 0, 1.0, np.where(np.arange(3000) % 300 == 1, 2.0, 0.0))
    assert class_power(rare.astype(np.intp), rare, groups) is None  # all but one class have too few rows
