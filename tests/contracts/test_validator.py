"""What every validation engine keeps: the in-memory one of the tests, and the real ones."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.validator import MemoryValidator
from titlebout.adapters.compiled_validator import CompiledValidator
from titlebout.adapters.gx_validator import GxValidator
from titlebout.core.errors import SpecError
from titlebout.core.ports import PartitionValidator, SuiteResult
from titlebout.core.results import Severity

DAY = date(2012, 6, 1)
KEY = ("day", "hour")


@pytest.fixture(
    scope="module",
    params=[MemoryValidator, GxValidator, lambda: CompiledValidator(GxValidator())],
    ids=["memory", "great_expectations", "compiled"],
)
def engine(request: pytest.FixtureRequest) -> PartitionValidator:
    return request.param()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    hours = list(range(24))
    table = pa.table(
        {
            "day": [DAY] * 24,
            "hour": hours,
            "temp": [hour / 10 if hour != 5 else None for hour in hours],
            "weather": ["mist" if hour % 2 else "clear" for hour in hours],
        }
    )
    path = tmp_path / "data.parquet"
    pq.write_table(table, path)
    return path


def suite(*expectations: dict) -> dict:
    return {"name": "demand", "expectations": list(expectations)}


def between(column: str, low: float | None, high: float | None, **more: object) -> dict:
    kwargs = {"column": column, "min_value": low, "max_value": high}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs, **more}


NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "temp"}}
ROW_COUNT = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 25, "max_value": 30}}


def judge(engine: PartitionValidator, file: Path, *expectations: dict) -> SuiteResult:
    return engine.validate(file, suite(*expectations), key_columns=KEY)


def test_what_holds_is_counted_and_leaves_no_failure(engine, file):
    result = judge(engine, file, between("hour", 0, 23), between("temp", 0, 10))

    assert (result.evaluated, result.failures) == (2, ())


def test_a_failure_names_expectation_column_rows_and_arguments(engine, file):
    (failure,) = judge(engine, file, between("hour", 0, 23), between("temp", 0, 2)).failures

    assert (failure.expectation, failure.column) == ("expect_column_values_to_be_between", "temp")
    assert failure.unexpected_rows == 3
    assert failure.expected["max_value"] == 2


def test_failing_rows_are_shown_by_their_key_and_the_judged_value(engine, file):
    (failure,) = judge(engine, file, between("temp", 0, 2.15)).failures

    assert failure.examples == (
        {"day": "2012-06-01", "hour": 22, "temp": 2.2},
        {"day": "2012-06-01", "hour": 23, "temp": 2.3},
    )


def test_a_missing_value_is_shown_as_null(engine, file):
    (failure,) = judge(engine, file, NOT_NULL).failures

    assert failure.examples == ({"day": "2012-06-01", "hour": 5, "temp": None},)


def test_at_most_20_failing_rows_are_shown_and_all_are_counted(engine, file):
    (failure,) = judge(engine, file, between("hour", 50, None)).failures

    assert (len(failure.examples), failure.unexpected_rows) == (20, 24)


def test_an_aggregate_shows_what_was_observed(engine, file):
    (failure,) = judge(engine, file, ROW_COUNT).failures

    assert (failure.observed, failure.column, failure.unexpected_rows) == (24, None, None)
    assert "found 24" in str(failure)


@pytest.mark.parametrize("severity", list(Severity))
def test_the_severity_is_the_one_of_the_suite(engine, file, severity):
    (failure,) = judge(engine, file, {**ROW_COUNT, "severity": severity.value}).failures

    assert failure.severity is severity


def test_without_a_severity_a_failure_is_critical(engine, file):
    (failure,) = judge(engine, file, ROW_COUNT).failures

    assert failure.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "impossible",
    [between("nowhere", 0, 1), between("weather", 0, 1)],
    ids=["a column that is not there", "text against numbers"],
)
def test_what_cannot_be_evaluated_has_failed(engine, file, impossible):
    result = judge(engine, file, impossible, between("hour", 0, 23))

    (failure,) = result.failures
    assert result.evaluated == 2
    assert (failure.severity, failure.examples) == (Severity.CRITICAL, ())
    assert failure.observed


def test_failures_come_in_the_order_of_the_suite(engine, file):
    failures = judge(engine, file, NOT_NULL, between("hour", 0, 3), ROW_COUNT, between("temp", 0, 1)).failures

    assert [failure.column for failure in failures] == ["temp", "hour", None, "temp"]


def test_an_unknown_expectation_names_the_suite_and_a_near_match(engine, file):
    with pytest.raises(SpecError, match=r"'demand'.*'expect_column_to_exists'.*'expect_column_to_exist'"):
        judge(engine, file, {"type": "expect_column_to_exists", "kwargs": {"column": "temp"}})


def test_an_unknown_argument_names_the_expectation_and_a_near_match(engine, file):
    misspelt = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "temp", "min_valu": 0}}

    with pytest.raises(SpecError, match=r"expect_column_values_to_be_between.*'min_valu'.*'min_value'"):
        judge(engine, file, misspelt)


def test_one_bad_expectation_beside_good_ones_is_still_refused(engine, file):
    with pytest.raises(SpecError):
        judge(engine, file, between("hour", 0, 23), {"type": "expect_nothing_much", "kwargs": {}})


def test_an_empty_suite_is_refused_since_it_would_accept_anything(engine, file):
    with pytest.raises(SpecError, match="holds no expectations"):
        judge(engine, file)


def test_another_file_is_judged_by_itself(engine, file, tmp_path):
    judge(engine, file, between("hour", 0, 23))
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"day": [DAY], "hour": [99]}), other)

    (failure,) = judge(engine, other, between("hour", 0, 23)).failures

    assert failure.examples == ({"day": "2012-06-01", "hour": 99},)


def test_the_details_are_json_and_the_same_each_time(engine, file):
    expectations = (NOT_NULL, between("nowhere", 0, 1), ROW_COUNT, between("hour", 0, 23))

    first, second = (judge(engine, file, *expectations) for _ in range(2))

    assert json.dumps(first.details, allow_nan=False) == json.dumps(second.details, allow_nan=False)
