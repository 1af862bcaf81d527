"""What an engine found, in the words of our reports."""

from titlebout.core.results import Severity
from titlebout.core.suites.judgements import Judgement, columns_to_show, suite_result

BETWEEN = "expect_column_values_to_be_between"


def judgement(**changes) -> Judgement:
    arguments = {
        "kind": BETWEEN,
        "kwargs": {"column": "temp", "min_value": 0},
        "severity": Severity.WARNING,
        "success": False,
        **changes,
    }
    return Judgement(**arguments)


def test_the_column_is_named_apart_from_the_other_arguments():
    failure = judgement().failure()

    assert (failure.column, failure.expected) == ("temp", {"min_value": 0})


def test_an_aggregate_shows_its_figure():
    assert judgement(result={"observed_value": 0.5}).failure().observed == 0.5


def test_values_at_fault_are_named_once_and_only_a_few():
    result = {"unexpected_count": 8, "partial_unexpected_list": [7, 7, 1, 2, 3, 4, 5, 6]}

    failure = judgement(result=result).failure()

    assert (failure.observed, failure.unexpected_rows) == ([7, 1, 2, 3, 4], 8)


def test_what_could_not_be_evaluated_says_so():
    assert judgement(raised="no column temp").failure().observed == "could not be evaluated: no column temp"


def test_examples_are_plain_and_at_most_20():
    failure = judgement(examples=[{"hour": n, "temp": float("nan")} for n in range(30)]).failure()

    assert len(failure.examples) == 20
    assert failure.examples[3] == {"hour": 3, "temp": None}


def test_the_key_comes_first_in_an_example_and_no_column_twice():
    pair = {"column_A": "peak", "column_B": "hour"}

    assert columns_to_show(pair, ["day", "hour"]) == ["day", "hour", "peak"]
    assert columns_to_show({"column_list": ["hour", "area"]}, ["day", "hour"]) == ["day", "hour", "area"]


def test_a_suite_counts_all_judgements_and_lists_the_failures():
    found = suite_result("demand", "engine 1", [judgement(success=True), judgement(), judgement(raised="x")])

    assert (found.evaluated, len(found.failures)) == (3, 2)
    assert [each["success"] for each in found.details["expectations"]] == [True, False, False]
