"""Operator of the step `validate_partition`."""

import pytest

pytestmark = pytest.mark.airflow


def test_it_judges_by_the_suite_that_the_spec_names(step, context):
    from titlebout.core.results import ValidationReport
    from titlebout.operators.validate_partition import ValidatePartitionOperator

    report = ValidationReport(
        model="demand",
        partition="2024-05-01",
        revision=1,
        data_sha256="5" * 64,
        suite="demand",
        evaluated=1,
        report_path="demand/report.json",
    )
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


def test_a_missing_suite_fails_with_its_name(context, project):
    from titlebout.operators.validate_partition import ValidatePartitionOperator
    from titlebout.step_operator import StepFailed

    (project / "expectations" / "demand.json").unlink()
    with pytest.raises(StepFailed, match=r"SuiteNotFoundError: .*demand\.json"):
        ValidatePartitionOperator(task_id="validate_partition", model="demand").execute(context)
