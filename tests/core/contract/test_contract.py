"""What of a spec the contract takes over, and what makes it judge anew."""

import pytest

from fakes.judged_days import CONTRACT, contract_of
from fakes.specs import DEMAND, demand_spec
from titlebout.core.contract.contract import (
    CheckOutcome,
    Contract,
    NotEvaluatedError,
    Violation,
    canonical,
    run_check,
)
from titlebout.core.results import Severity
from titlebout.core.specs.validation_spec import CheckSeverity
from titlebout.core.suites.decoded_column import NotCompilableError

SUITE_SHA256 = "5" * 64


def test_features_and_the_target_are_watched_and_nothing_else():
    assert CONTRACT.watched == ("hour", "temperature", "weather", "rentals")
    assert contract_of(dataset__label_delay_days=1).watched == ("hour", "temperature", "weather")


@pytest.mark.parametrize(
    ("change", "by_bytes", "at_all"),
    [
        ({"description": "another"}, False, False),
        ({"training__rounds": 30}, False, False),
        ({"training__window_days": 11}, False, False),
        ({"validation__checks": {"row_count": {"tolerance": 0.3}}}, False, True),
        ({"validation__checks": {"target_varies": {"severity": "critical"}}}, False, True),
        ({"validation__checks": {"min_history_days": 9}}, False, True),
        ({"validation__checks": {"leak": {"limit": 0.9}}}, True, True),
        ({"validation__checks": {"columns": {"severity": "off"}}}, True, True),
        ({"schedule__timezone": "Europe/Berlin"}, True, True),
        ({"dataset__key_columns": ["hour"]}, True, True),
        ({"dataset__label_delay_days": 2}, True, True),
        ({"training__features": {"numeric": ["hour"]}}, True, True),
        ({"dataset__columns": {**DEMAND["dataset"]["columns"], "humidity": "number"}}, True, True),
    ],
)
def test_only_what_judges_a_partition_judges_it_anew(change, by_bytes, at_all):
    changed = contract_of(**change)
    assert (changed.bytes_sha256(SUITE_SHA256) != CONTRACT.bytes_sha256(SUITE_SHA256)) is by_bytes
    assert (changed.sha256(SUITE_SHA256) != CONTRACT.sha256(SUITE_SHA256)) is at_all


def test_another_suite_judges_anew():
    assert CONTRACT.sha256("6" * 64) != CONTRACT.sha256(SUITE_SHA256)
    assert CONTRACT.bytes_sha256("6" * 64) != CONTRACT.bytes_sha256(SUITE_SHA256)


def test_columns_in_another_order_are_the_same_contract():
    columns = dict(reversed(DEMAND["dataset"]["columns"].items()))
    assert contract_of(dataset__columns=columns).sha256(SUITE_SHA256) == CONTRACT.sha256(SUITE_SHA256)


def test_derived_columns_are_part_of_it():
    derived = {"minutes": {"kind": "minutes_between", "start": "day", "end": "day"}}
    assert "minutes" in Contract.of(demand_spec(dataset__derived=derived)).columns


def test_a_check_ends_in_one_of_four_ways():
    def cannot():
        message = "nothing to compare with"
        raise NotEvaluatedError(message)

    def unreadable():
        message = "x holds a time outside the years 1 to 9999"
        raise NotCompilableError(message)

    critical = CheckSeverity.CRITICAL
    assert run_check("x", critical, list).outcome is CheckOutcome.HELD
    assert run_check("x", critical, cannot).note == "nothing to compare with"
    assert run_check("x", critical, cannot).outcome is CheckOutcome.NOT_EVALUATED
    assert run_check("x", critical, unreadable).failures[0].severity is Severity.CRITICAL
    assert run_check("x", CheckSeverity.OFF, unreadable).outcome is CheckOutcome.OFF


def test_a_failure_shows_no_more_than_twenty_rows():
    violation = Violation(3, {"max": 2}, "x", 500, [{"row": n} for n in range(500)])
    (failure,) = run_check("x", CheckSeverity.WARNING, lambda: [violation]).failures
    assert (len(failure.examples), failure.unexpected_rows) == (20, 500)
    assert str(failure) == "contract_x of x: found 3, wanted max=2"


def test_equal_documents_have_equal_bytes():
    assert canonical({"b": 1, "a": [1.0]}) == canonical({"a": [1.0], "b": 1}) == b'{"a":[1.0],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def test_what_is_calculated_with_is_checked_like_a_numeric_feature():
    plain = demand_spec(training__features={"categorical": ["weather"], "date_parts": {"day": ["weekday"]}})
    assert Contract.of(plain).numeric == ()
    features = {"categorical": ["weather"], "cyclical": {"hour": 24}, "ratios": {"warmth": ["temperature", "hour"]}}
    contract = Contract.of(demand_spec(training__features=features))
    assert contract.numeric == ("hour", "temperature")
    assert {"hour", "temperature"} <= set(contract.watched)
