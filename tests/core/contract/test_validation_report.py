"""The document of a report, and what is said of a rejected partition."""

import json

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.judged_days import CONTRACT, good_days
from fakes.validator import MemoryValidator
from titlebout.core.contract.evidence import Evidence
from titlebout.core.contract.snapshot_findings import Appraiser
from titlebout.core.contract.validation_report import (
    MAX_FAILURES_SHOWN,
    Rules,
    parse_report,
    rejection,
    shown_failures,
    write_report,
)
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS
from titlebout.core.results import ExpectationFailure, Severity

DAY = "2024-03-01"
SUITE = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 20}}]}
RULES = Rules(CONTRACT, "demand", "5" * 64)


def written(rows=24, days=20):
    world = DemandWorld()
    snapshot = world.deliver(DAY, demand_rows(DAY, rows=rows))
    findings = Appraiser(CONTRACT, SUITE, "5" * 64, world.lake, MemoryValidator()).find(snapshot)
    evidence = Evidence(tuple(good_days(days)), (snapshot,) * days, {"2024-02-03": "it cannot be read"})
    return snapshot, write_report(RULES, snapshot, findings, evidence)


def test_the_document_has_the_parts_that_its_readers_know():
    snapshot, document = written()
    content = json.loads(document)
    assert set(content) == {"report", "details", "suite_sha256", "rules_sha256", "contract", "statistics"}
    assert set(content["contract"]) == {"checks", "evidence", "usual"}
    assert [check["check"] for check in content["contract"]["checks"]] == [
        "columns",
        "unique_key",
        "partition_day",
        "target",
        "leak",
        "target_varies",
        "leak_over_days",
        "row_count",
        "frozen_column",
        "null_share",
        "new_category",
        "unseen_share",
    ]
    assert {check["outcome"] for check in content["contract"]["checks"]} == {"held"}
    assert content["contract"]["evidence"]["left_out"] == {"2024-02-03": "it cannot be read"}
    assert content["statistics"]["rows"] == 24
    report = parse_report(document)
    assert (report.is_accepted, report.data_sha256, report.evaluated) == (True, snapshot.data_sha256, 1)
    assert report.report_path.endswith(f"/report-{RULES.sha256[:12]}.json")


def test_failures_of_suite_and_checks_stand_in_one_list():
    report = parse_report(written(rows=12)[1])
    assert [failure.expectation for failure in report.failures] == [
        "expect_table_row_count_to_be_between",
        "contract_row_count",
    ]
    assert not report.is_accepted


def test_the_same_snapshot_and_days_give_the_same_bytes():
    assert written()[1] == written()[1]


def failure(kind, severity=Severity.CRITICAL, observed=1):
    return ExpectationFailure(expectation=kind, column=None, severity=severity, observed=observed, expected={})


def test_critical_failures_are_shown_first_and_only_a_few():
    report = parse_report(written()[1])
    noted = [failure(f"note_{n}", Severity.WARNING) for n in range(9)]
    many = report.model_copy(update={"failures": (*noted, failure("grave"))})
    assert shown_failures(many)[0].startswith("critical: grave")
    assert len(shown_failures(many)) == MAX_FAILURES_SHOWN
    assert len(shown_failures(many, Severity.CRITICAL)) == 1


@pytest.mark.parametrize(
    ("kinds", "remedy"),
    [
        (["expect_x"], "or expectations/demand.json where it is too strict"),
        (["expect_x", "contract_y"], "or expectations/demand.json or validation.checks of the spec where it"),
    ],
)
def test_a_rejection_names_what_may_be_too_strict(kinds, remedy):
    report = parse_report(written()[1])
    rejected = report.model_copy(update={"failures": tuple(failure(kind, observed="x" * 900) for kind in kinds)})
    message = rejection(rejected, "memory:///report.json")
    assert remedy in message
    assert "memory:///report.json" in message
    assert len(message) <= MAX_MESSAGE_CHARACTERS
