"""Each check of a partition by itself, on rows that break just this one."""

import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.judged_days import DAY, contract_of, failed, replaced, static_results
from titlebout.core.contract.contract import CheckOutcome
from titlebout.core.results import Severity

ROWS = demand_rows(DAY)
BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}


def test_a_sound_day_holds():
    results = static_results(ROWS)
    assert {result.outcome for result in results.values()} == {CheckOutcome.HELD}
    assert list(results) == ["columns", "unique_key", "partition_day", "target", "leak"]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (ROWS.drop_columns(["temperature"]), {"missing": ["temperature"]}),
        (ROWS.append_column("noise", ROWS["rentals"]), {"not declared": ["noise"]}),
        (ROWS.append_column("weather", ROWS["weather"]), {"there twice": ["weather"]}),
        (
            ROWS.set_column(1, "hour", ROWS["hour"].cast(pa.int32())),
            {"of another type": ["hour (int32 instead of int64)"]},
        ),
    ],
)
def test_a_file_of_other_columns_than_the_spec_declares_names_the_difference(table, problem):
    (failure,) = static_results(table)["columns"].failures
    assert (failure.expectation, failure.severity, failure.observed) == (
        "contract_columns",
        Severity.CRITICAL,
        problem,
    )


def test_the_order_of_columns_is_no_difference():
    assert not failed(static_results(ROWS.select(ROWS.column_names[::-1])))


def test_rows_of_the_same_key_are_counted_and_shown_by_their_key():
    hours = [*range(20), 3, 3, 7, 21]
    results = static_results(replaced(ROWS, hour=hours))
    (failure,) = results["unique_key"].failures
    assert failed(results) == {"unique_key"}
    assert failure.unexpected_rows == 5
    assert failure.examples == (
        {"day": DAY, "hour": 3, "rows": 3},
        {"day": DAY, "hour": 7, "rows": 2},
    )


def test_missing_values_in_a_key_are_equal_to_each_other():
    once, twice = [None, *range(1, 24)], [None, None, *range(2, 24)]
    assert not failed(static_results(replaced(ROWS, hour=once)))
    assert failed(static_results(replaced(ROWS, hour=twice))) == {"unique_key"}


def test_a_day_delivered_twice_shows_no_more_keys_than_fit():
    (failure,) = static_results(pa.concat_tables([ROWS, ROWS]))["unique_key"].failures
    assert (failure.unexpected_rows, len(failure.examples)) == (48, 20)


def test_rows_of_other_days_and_of_none_are_counted_by_day_and_shown_by_key():
    days = [date(2024, 3, 1)] * 24
    days[2], days[5], days[6] = date(2024, 2, 29), None, date(2009, 1, 1)
    results = static_results(replaced(ROWS, day=days))
    (failure,) = results["partition_day"].failures
    assert failed(results) == {"partition_day"}
    assert failure.observed == {"2009-01-01": 1, "2024-02-29": 1, "no time": 1}
    assert failure.expected == {"day": DAY, "timezone": "UTC"}
    assert failure.unexpected_rows == 3
    assert failure.examples[0] == {"day": "2024-02-29", "hour": 2}


def test_a_key_column_that_is_missing_proves_no_unique_key():
    assert failed(static_results(ROWS.drop_columns(["hour"]))) == {"columns", "unique_key"}


def test_a_target_without_any_label_is_rejected_unless_labels_come_late():
    table = replaced(ROWS, rentals=[None] * 24)
    assert failed(static_results(table)) == {"target"}
    late = static_results(table, contract_of(dataset__label_delay_days=3))["target"]
    assert (late.outcome, late.note) == (CheckOutcome.NOT_EVALUATED, "labels come later than the day is judged")
    assert not failed(static_results(replaced(ROWS, rentals=[None] * 23 + [4.0])))


def test_a_binary_target_holds_nothing_but_zero_and_one():
    contract = contract_of(**BINARY)
    assert not failed(static_results(replaced(ROWS, rentals=[0.0, 1.0] * 12), contract))
    (failure,) = static_results(replaced(ROWS, rentals=[0.0, 2.0] * 12), contract)["target"].failures
    assert failure.observed == [0.0, 2.0]


@pytest.mark.parametrize("objective", ["poisson", "tweedie"])
def test_a_target_that_is_counted_has_nothing_below_zero(objective):
    contract, sold = contract_of(training__objective=objective), ROWS["rentals"].to_pylist()[1:]
    returned = replaced(ROWS, rentals=[-2.0, *sold])
    (failure,) = static_results(returned, contract)["target"].failures
    assert (failure.column, failure.observed, failure.expected) == ("rentals", -2.0, {"min": 0})
    assert not failed(static_results(returned))
    assert not failed(static_results(replaced(ROWS, rentals=[0.0, *sold]), contract))


@pytest.mark.parametrize("number", [1e39, -1e39, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["temperature", "rentals"])
def test_a_number_that_no_night_could_learn_stays_outside(column, number):
    values = [number, *ROWS[column].to_pylist()[1:]]
    (failure,) = static_results(replaced(ROWS, **{column: values}))["columns"].failures
    assert failure.observed == {"infinite or beyond 3.4e38": [column]}
    unread = contract_of(training__features={"numeric": ["hour"], "categorical": ["weather"]})
    assert ("columns" in failed(static_results(replaced(ROWS, **{column: values}), unread))) == (column == "rentals")


def test_a_missing_target_is_no_target():
    assert {"columns", "target"} <= failed(static_results(ROWS.drop_columns(["rentals"])))


def test_a_feature_that_is_the_target_in_another_unit_is_a_leak():
    rentals = ROWS["rentals"].to_numpy()
    results = static_results(replaced(ROWS, temperature=np.round(rentals / 7 + 3, 6)))
    (failure,) = results["leak"].failures
    assert failed(results) == {"leak"}
    assert (failure.column, failure.expected) == ("temperature", {"no copy of": "rentals"})


def test_an_excluded_column_may_be_the_target():
    copy = replaced(ROWS, temperature=ROWS["rentals"].to_numpy() * 2)
    excluded = contract_of(
        training__features={
            "numeric": ["hour"],
            "categorical": ["weather"],
            "excluded": {"temperature": "measured together with the rentals"},
        }
    )
    assert not failed(static_results(copy, excluded))


@pytest.mark.parametrize("check", ["columns", "unique_key", "partition_day", "target", "leak"])
def test_each_check_can_be_a_warning_or_switched_off(check):
    broken = {
        "columns": ROWS.append_column("noise", ROWS["rentals"]),
        "unique_key": replaced(ROWS, hour=[1, 1, *range(2, 24)]),
        "partition_day": replaced(ROWS, day=[date(2024, 3, 2)] * 24),
        "target": replaced(ROWS, rentals=[None] * 24),
        "leak": replaced(ROWS, temperature=ROWS["rentals"]),
    }[check]
    warned = static_results(broken, contract_of(validation__checks={check: {"severity": "warning"}}))[check]
    off = static_results(broken, contract_of(validation__checks={check: {"severity": "off"}}))[check]
    assert {failure.severity for failure in warned.failures} == {Severity.WARNING}
    assert (off.outcome, off.failures) == (CheckOutcome.OFF, ())


def test_a_time_that_python_cannot_express_is_a_failure_and_no_crash():
    columns = {"when": "timestamp", "hour": "integer", "rentals": "number"}
    contract = contract_of(
        dataset__columns=columns,
        dataset__time_column="when",
        dataset__key_columns=["when", "hour"],
        training__features={"numeric": ["hour"], "categorical": ["when"]},
    )
    beyond = pa.array([2**62] * 24, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    table = pa.table({"when": beyond, "hour": ROWS["hour"], "rentals": ROWS["rentals"]})
    results = static_results(table, contract)
    assert failed(results) == {"unique_key", "partition_day"}
    assert "outside the years 1 to 9999" in str(results["partition_day"].failures[0].observed)


def test_results_are_json_and_come_back_as_they_were():
    for result in static_results(replaced(ROWS, hour=[1, 1, *range(2, 24)])).values():
        assert type(result).model_validate(json.loads(json.dumps(result.as_json()))) == result


def test_moments_are_judged_by_the_local_day():
    columns = {"when": "timestamp", "hour": "integer", "rentals": "number"}
    contract = contract_of(
        dataset__columns=columns,
        dataset__time_column="when",
        dataset__key_columns=["when"],
        schedule__timezone="America/New_York",
        training__features={"numeric": ["hour"]},
    )
    moments = [datetime(2024, 3, 1, 5, tzinfo=UTC), datetime(2024, 3, 2, 4, 59, 59, tzinfo=UTC)]
    table = pa.table({"when": pa.array(moments, pa.timestamp("us", tz="UTC")), "hour": [0, 23], "rentals": [1.0, 2.0]})
    assert not failed(static_results(table, contract))
    assert failed(static_results(table, contract, key="2024-03-02")) == {"partition_day"}
