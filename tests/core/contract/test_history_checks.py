"""Each check against earlier days, on a day that breaks just this one; and how little history is too little."""

from datetime import date

import numpy as np
import pytest

from fakes.demand_days import demand_rows
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
from titlebout.core.contract.contract import CheckOutcome
from titlebout.core.contract.history_checks import GoodDay, HistoryChecks
from titlebout.core.results import Severity

ROWS = demand_rows(DAY)
DAYS = good_days(20)
BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}
NEED_DAYS = {"leak_over_days", "row_count", "frozen_column", "null_share", "new_category", "unseen_share"}


def nulls(share, name="temperature"):
    values = ROWS[name].to_pylist()
    return replaced(ROWS, **{name: [None] * round(24 * share) + values[round(24 * share) :]})


BROKEN = {
    "row_count": demand_rows(DAY, rows=12),
    "frozen_column": replaced(ROWS, temperature=[21.5] * 24),
    "null_share": nulls(0.5),
    "new_category": replaced(ROWS, weather=["fog", *ROWS["weather"].to_pylist()[1:]]),
    "unseen_share": replaced(ROWS, weather=["CLEAR"] * 24),
    "target_varies": replaced(ROWS, rentals=[7.0] * 24),
}
ALSO = {"unseen_share": {"new_category"}, "target_varies": {"frozen_column"}}


def last_days(table_of, count):
    """Return good days whose newest ones are of another kind."""
    days = DAYS[: 20 - count]
    return [*days, *(GoodDay(day.partition, statistics_of(table_of(day.partition))) for day in DAYS[20 - count :])]


def on(key, table):
    return replaced(table, day=[date.fromisoformat(key)] * table.num_rows)


def test_a_usual_day_holds():
    results = history_results(ROWS, DAYS)
    assert {result.outcome for result in results.values()} == {CheckOutcome.HELD}
    assert set(results) == NEED_DAYS | {"target_varies"}


@pytest.mark.parametrize("check", BROKEN)
def test_each_check_sees_its_own_fault_and_no_other(check):
    results = history_results(BROKEN[check], DAYS)
    assert failed(results) == {check, *ALSO.get(check, set())}
    severity = Severity.WARNING if check in {"new_category", "target_varies"} else Severity.CRITICAL
    assert {(each.expectation, each.severity) for each in results[check].failures} == {(f"contract_{check}", severity)}


@pytest.mark.parametrize("check", BROKEN)
def test_each_check_can_be_switched_off(check):
    contract = contract_of(validation__checks={check: {"severity": "off"}})
    assert history_results(BROKEN[check], DAYS, contract)[check].outcome is CheckOutcome.OFF


def test_seven_days_are_not_enough_history_and_fail_nothing():
    results = history_results(BROKEN["row_count"], DAYS[:7])
    assert {name for name, result in results.items() if result.outcome is CheckOutcome.NOT_EVALUATED} == NEED_DAYS
    assert results["row_count"].note == "not enough history: 7 good days of the 28 before, 8 needed"
    assert failed(history_results(BROKEN["row_count"], DAYS[:8])) == {"row_count"}
    fewer = contract_of(validation__checks={"min_history_days": 5})
    assert failed(history_results(BROKEN["row_count"], DAYS[:5], fewer)) == {"row_count"}


def test_the_figures_compared_with_are_in_the_report():
    usual = HistoryChecks(CONTRACT, DAY, statistics_of(ROWS), DAYS).usual()
    assert usual["rows"] == {"low": 14.4, "usual": 24.0, "high": 40.0, "by_weekday": False}
    assert usual["columns"]["hour"] == {"null_share": 0.0, "distinct": 24}
    assert HistoryChecks(CONTRACT, DAY, statistics_of(ROWS), DAYS[:3]).usual() == {}


def test_a_frozen_sensor_is_shown_with_its_value():
    (failure,) = history_results(BROKEN["frozen_column"], DAYS)["frozen_column"].failures
    assert (failure.column, failure.observed) == ("temperature", "only 21.5")


def test_a_column_without_any_value_is_frozen_too():
    results = history_results(replaced(ROWS, temperature=[None] * 24), DAYS)
    assert failed(results) == {"frozen_column", "null_share"}
    assert results["frozen_column"].failures[0].observed == "no value at all"


def test_a_sensor_that_stays_frozen_gets_no_more_usual():
    for count in range(1, 8):
        days = last_days(lambda key: on(key, BROKEN["frozen_column"]), count)
        assert failed(history_results(BROKEN["frozen_column"], days)) == {"frozen_column"}


def test_a_column_that_now_and_then_has_one_value_all_day_is_not_frozen():
    dry = GoodDay("2024-02-12", statistics_of(replaced(ROWS, temperature=[0.0] * 24)))
    days = [*DAYS[:9], dry, dry, *DAYS[9:]]
    assert not failed(history_results(BROKEN["frozen_column"], days))
    assert failed(history_results(BROKEN["frozen_column"], [*DAYS[:9], dry, *DAYS[9:]])) == {"frozen_column"}


def test_a_column_of_few_values_may_have_one_all_day():
    assert not failed(history_results(replaced(ROWS, weather=["rain"] * 24), DAYS))
    flags = contract_of(validation__checks={"frozen_column": {"usual_values": 3}})
    assert failed(history_results(replaced(ROWS, weather=["rain"] * 24), DAYS, flags)) == {"frozen_column"}


def test_a_handful_of_rows_may_hold_one_value():
    few = replaced(demand_rows(DAY, rows=4), temperature=[21.5] * 4)
    assert "frozen_column" not in failed(history_results(few, DAYS))


def test_columns_that_no_model_reads_may_freeze():
    features = {"numeric": ["hour"], "categorical": ["weather"]}
    assert not failed(history_results(BROKEN["frozen_column"], DAYS, contract_of(training__features=features)))


def test_a_tenth_more_of_nulls_passes_and_a_sixth_does_not():
    assert not failed(history_results(nulls(2 / 24), DAYS))
    (failure,) = history_results(nulls(4 / 24), DAYS)["null_share"].failures
    assert (failure.column, failure.observed, failure.unexpected_rows) == ("temperature", 0.1667, 4)
    assert failure.expected == {"max": 0.1, "usual": 0.0}
    strict = contract_of(validation__checks={"null_share": {"tolerance": 0.05}})
    assert failed(history_results(nulls(2 / 24), DAYS, strict)) == {"null_share"}


def test_a_column_that_is_often_empty_may_be_a_little_emptier():
    rng = np.random.default_rng(5)
    shares = [share for share in rng.uniform(0.3, 0.6, size=20)]
    days = [GoodDay(day.partition, statistics_of(nulls(share))) for day, share in zip(DAYS, shares, strict=True)]
    assert not failed(history_results(nulls(0.7), days))


def test_a_flood_of_nulls_gets_no_more_usual():
    for count in range(1, 8):
        days = last_days(lambda key: on(key, nulls(0.5)), count)
        assert failed(history_results(nulls(0.5), days)) == {"null_share"}


def test_missing_labels_are_nothing_new_where_they_come_late():
    late = contract_of(dataset__label_delay_days=2)
    assert not failed(history_results(replaced(ROWS, rentals=[None] * 24), DAYS, late))
    assert "null_share" in failed(history_results(replaced(ROWS, rentals=[None] * 24), DAYS))


@pytest.mark.parametrize("check", ["row_count", "frozen_column", "null_share", "unseen_share"])
def test_what_a_person_released_is_usual_at_once(check):
    released = GoodDay(DAYS[-1].partition, statistics_of(BROKEN[check]), is_released=True)
    assert check not in failed(history_results(BROKEN[check], [*DAYS[:-1], released]))


def test_a_constant_target_is_noted_even_without_history():
    results = history_results(BROKEN["target_varies"], [])
    assert failed(results) == {"target_varies"}
    assert not failed(history_results(replaced(demand_rows(DAY, rows=19), rentals=[7.0] * 19), []))


def labelled(ones, rows=24, key=DAY):
    return replaced(demand_rows(key, rows=rows), rentals=[1.0] * ones + [0.0] * (rows - ones))


@pytest.mark.parametrize(
    ("usual_ones", "rows", "ones", "is_odd"),
    [
        (12, 24, 0, True),
        (12, 24, 24, True),
        (2, 24, 0, False),
        (2, 300, 0, True),
        (22, 24, 0, True),
        (22, 24, 24, False),
    ],
)
def test_a_missing_class_is_noted_where_it_cannot_be_by_chance(usual_ones, rows, ones, is_odd):
    contract = contract_of(
        **BINARY, validation__checks={name: {"severity": "off"} for name in ("row_count", "frozen_column", "leak")}
    )
    days = [GoodDay(day.partition, statistics_of(labelled(usual_ones), contract)) for day in DAYS]
    found = failed(history_results(labelled(ones, rows), days, contract))
    assert found == ({"target_varies"} if is_odd else set())


def test_a_missing_class_needs_history_to_be_judged():
    result = history_results(labelled(0), DAYS[:3], contract_of(**BINARY))["target_varies"]
    assert result.outcome is CheckOutcome.NOT_EVALUATED


def test_more_categories_than_can_be_learnt_by_heart_are_not_judged():
    codes = {"training__features": {"numeric": ["temperature"], "categorical": ["hour"]}}
    contract = contract_of(**codes)
    days = [GoodDay(day.partition, statistics_of(demand_rows(day.partition, rows=24), contract)) for day in DAYS]
    many = replaced(demand_rows(DAY, rows=600), hour=range(600))
    assert {"new_category", "unseen_share"}.isdisjoint(failed(history_results(many, days, contract)))


def test_days_before_a_column_was_declared_say_nothing_of_it():
    days = [
        GoodDay(day.partition, statistics_of(demand_rows(day.partition).drop_columns(["temperature"]))) for day in DAYS
    ]
    results = history_results(BROKEN["frozen_column"], [*days[:13], *DAYS[13:]])
    assert not failed(results)
    assert failed(history_results(BROKEN["frozen_column"], [*days[:12], *DAYS[12:]])) == {"frozen_column"}


def test_a_file_without_rows_is_too_few_of_them_and_no_crash():
    nothing = ROWS.slice(0, 0)
    assert failed(history_results(nothing, DAYS)) == {"row_count"}
    assert failed(static_results(nothing)) == {"target"}
    empty = [GoodDay(day.partition, statistics_of(nothing)) for day in DAYS]
    assert "row_count" in failed(history_results(ROWS, empty))
