"""A draft is loosened until most days pass, and no further."""

from titlebout.core.drafts.draft_suite import Expectation
from titlebout.core.drafts.draft_trial import TriedDay, loosened
from titlebout.core.results import ExpectationFailure, Severity

SUITE = [Expectation(f"expect_{n}", {"column": f"c{n}"}, Severity.CRITICAL, "") for n in range(3)]


def day(number, *failed, contract=(), problem=""):
    checks = tuple(
        ExpectationFailure(expectation=name, column=None, severity=Severity.CRITICAL, observed=0, expected={})
        for name in contract
    )
    return TriedDay(f"2024-01-{number:02}", 24, failed, checks, problem=problem)


def test_a_few_bad_days_loosen_nothing():
    days = [day(n, *([0] if n <= 2 else [])) for n in range(1, 21)]
    found = loosened(SUITE, days)
    assert found.suite == SUITE
    assert sum(each.is_accepted(found.suite) for each in days) == 18


def test_what_refuses_most_becomes_a_warning_first_and_the_rest_stays_strict():
    days = [day(n, *([0, 1] if n <= 2 else [0])) for n in range(1, 21)]
    found = loosened(SUITE, days)
    assert [each.severity for each in found.suite] == [Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL]
    assert "would refuse 20 of the 20 days" in found.suite[0].notes
    assert sum(each.is_accepted(found.suite) for each in days) == 18


def test_contract_checks_can_be_the_cause():
    days = [day(n, contract=["contract_unique_key"]) for n in range(1, 11)]
    assert loosened(SUITE, days).lenient == {"contract_unique_key": 10}


def test_days_that_cannot_be_read_are_no_reason_to_loosen():
    days = [day(1), *(day(n, problem="truncated") for n in range(2, 9))]
    found = loosened(SUITE, days)
    assert found.suite == SUITE
    assert [each.is_accepted(found.suite) for each in days] == [True] + [False] * 7
