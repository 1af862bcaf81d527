"""Operator of the step `validate_partition`."""

import pytest

pytestmark = pytest.mark.airflow

REPORT = {
    "model": "demand",
    "partition": "2024-05-01",
    "revision": 1,
    "data_sha256": "5" * 64,
    "suite": "demand",
    "evaluated": 1,
    "report_path": "demand/report.json",
}


def test_it_judges_by_the_suite_that_the_spec_names(step, context):
    from titlebout.core.results import ValidationReport
    from titlebout.operators.validate_partition import ValidatePartitionOperator

    report = ValidationReport(**REPORT)
    called = step("validate_partition", report)
    returned = ValidatePartitionOperator(task_id="validate_partition", model="demand").execute(context)
    assert returned == report.model_dump(mode="json")
    assert called["suite"]["expectations"][0]["type"] == "expect_table_row_count_to_be_between"
    assert called["kinds"] == {
        "suite": "dict",
        "lake": "LocalLake",
        "ledger": "SqlLedger",
        "validator": "CompiledValidator",
    }


def test_the_address_of_the_report_is_left_before_a_rejection_is_raised(context, project, monkeypatch):
    from titlebout.core.errors import PartitionRejectedError
    from titlebout.operators.validate_partition import ValidatePartitionOperator
    from titlebout.step_operator import StepFailed
    from titlebout.steps import validate_partition as module

    def reject(*arguments, **named):
        raise PartitionRejectedError("in quarantine")

    monkeypatch.setattr(module, "validate_partition", reject)
    with pytest.raises(StepFailed):
        ValidatePartitionOperator(task_id="validate_partition", model="demand").execute(context)
    assert context["ti"].pushed == {"data_report_url": "titlebout/demand/partitions/2024-05-01"}


def test_the_address_names_the_revision_that_was_judged(step, context, project):
    from titlebout.connection_fields import ConnectionFields
    from titlebout.core.ledgers.ledger import EntryKind
    from titlebout.core.results import Snapshot, ValidationReport
    from titlebout.operators.validate_partition import ValidatePartitionOperator
    from titlebout.wiring import build_ledger

    snapshot = Snapshot(
        model="demand",
        partition="2024-05-01",
        revision=2,
        data_path="demand/data.parquet",
        data_sha256="5" * 64,
        content_sha256="6" * 64,
        size_bytes=1,
        rows=1,
        columns={},
        min_time=None,
        max_time=None,
        source_uri="file:///x",
        code_version="0",
    )
    ledger = build_ledger(ConnectionFields("ledger", "sqlite", host=str(project / "ledger.sqlite")))
    ledger.append("demand", EntryKind.PARTITION_INGESTED, {"snapshot": snapshot.as_json()}, actor="test")
    step("validate_partition", ValidationReport(**REPORT))
    ValidatePartitionOperator(task_id="validate_partition", model="demand").execute(context)
    assert context["ti"].pushed["data_report_url"] == "titlebout/demand/partitions/2024-05-01?revision=2"


def test_a_missing_suite_fails_with_its_name(context, project):
    from titlebout.operators.validate_partition import ValidatePartitionOperator
    from titlebout.step_operator import StepFailed

    (project / "expectations" / "demand.json").unlink()
    with pytest.raises(StepFailed, match=r"SuiteNotFoundError: .*demand\.json"):
        ValidatePartitionOperator(task_id="validate_partition", model="demand").execute(context)
