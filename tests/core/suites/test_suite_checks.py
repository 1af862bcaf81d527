from datetime import UTC, date, datetime

import pytest

from titlebout.core.results import Severity
from titlebout.core.suites.decoded_column import NotCompilableError
from titlebout.core.suites.suite_checks import read_check


def between(**kwargs: object) -> dict:
    return {"type": "expect_column_values_to_be_between", "kwargs": {"column": "temp", **kwargs}}


def test_arguments_with_their_default_are_dropped_as_great_expectations_does():
    check = read_check(between(min_value=0, max_value=None, strict_min=False, strict_max=True, mostly=1))

    assert check.kwargs == {"column": "temp", "min_value": 0.0, "strict_max": True}
    assert list(check.kwargs) == ["column", "min_value", "strict_max"]


def test_bounds_are_numbers_days_or_moments():
    assert read_check(between(min_value="2012-06-01")).bounds == (date(2012, 6, 1), None)
    assert read_check(between(max_value="2012-06-01T02:00:00Z")).bounds == (None, datetime(2012, 6, 1, 2, tzinfo=UTC))
    assert isinstance(read_check(between(min_value=1)).bounds[0], float)


def test_severity_is_critical_unless_said():
    assert read_check(between(min_value=0)).severity is Severity.CRITICAL
    assert read_check({**between(min_value=0), "severity": "info"}).severity is Severity.INFO


def test_the_columns_are_those_whose_values_are_needed():
    pair = {"column_A": "a", "column_B": "b"}
    exists = {"type": "expect_column_to_exist", "kwargs": {"column": "temp"}}

    assert read_check({"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": pair}).columns == (
        "a",
        "b",
    )
    assert read_check(exists).columns == ()


@pytest.mark.parametrize(
    "document",
    [
        "no object",
        {"kwargs": {}},
        {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "temp"}},
        {**between(min_value=0), "severity": "fatal"},
        {**between(min_value=0), "severitty": "info"},
        {**between(min_value=0), "meta": "text"},
        between(),
        between(minimum=0),
        between(min_value=0, row_condition="x > 1"),
        between(min_value=True),
        between(min_value="12"),
        between(min_value="2012-06-31"),
        between(min_value="2012-06-01T02:00:00"),
        between(min_value=2**53),
        between(min_value=float("nan")),
        between(min_value=2, max_value=1),
        between(min_value=2, max_value="2012-06-01"),
        between(min_value={"$PARAMETER": "low"}),
        between(min_value=0, mostly=1.1),
        between(min_value=0, mostly=None),
        between(min_value=0, strict_min=1),
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "temp", "value_set": [1, True]}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "temp", "value_set": []}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": 3, "value_set": [1]}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "a"]}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3.0}},
    ],
)
def test_what_may_mean_something_else_to_great_expectations_is_not_read(document):
    with pytest.raises(NotCompilableError):
        read_check(document)
