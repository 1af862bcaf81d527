"""Operator of the step `train_challenger`."""

import pytest

pytestmark = pytest.mark.airflow

VERSION = "2024-05-01-aaaaaaaaaaaa"


def run_operator(context) -> dict:
    from titlebout.operators.train_challenger import TrainChallengerOperator

    return TrainChallengerOperator(task_id="train_challenger", model="demand").execute(context)


def record(project, version: str, run_url: str) -> None:
    from titlebout.connection_fields import environment_connection
    from titlebout.core.ledgers.ledger import EntryKind
    from titlebout.wiring import build_ledger

    payload = {"version": version, "partition": "2024-05-01", "model_sha256": "5" * 64, "run_url": run_url}
    ledger = build_ledger(environment_connection("titlebout_ledger"))
    ledger.append("demand", EntryKind.CHALLENGER_TRAINED, payload, actor="run:1")


def test_it_trains_and_leaves_the_address_of_the_mlflow_run(step, context, project):
    from fakes.tracked import a_challenger
    from titlebout.task_links import DriftReportLink, MlflowRunLink

    called = step("train_challenger", a_challenger("demand", VERSION))
    record(project, VERSION, "http://mlflow/run/1")
    record(project, "2024-05-01-bbbbbbbbbbbb", "http://mlflow/run/2")
    assert run_operator(context)["version"] == VERSION
    assert called["kinds"] == {
        "lake": "LocalLake",
        "ledger": "SqlLedger",
        "registry": "MlflowRegistry",
        "search": "OptunaSearch",
    }
    assert context["ti"].pushed == {
        MlflowRunLink.address_key: "http://mlflow/run/1",
        DriftReportLink.address_key: "titlebout/demand/drift/2024-05-01",
    }


def test_a_challenger_that_the_ledger_does_not_know_has_no_address(step, context):
    from fakes.tracked import a_challenger
    from titlebout.task_links import MlflowRunLink

    step("train_challenger", a_challenger("demand", VERSION))
    run_operator(context)
    assert context["ti"].pushed[MlflowRunLink.address_key] == ""
