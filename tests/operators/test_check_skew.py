"""Operator of the step `check_skew`."""

import json

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


def report(**golden):
    from titlebout.core.skew.skew_report import FieldSkew, GoldenReplay, PartitionSkew, SkewExample, SkewReport

    example = SkewExample(request_id="r", keys={"hour": 1}, logged="Oslo", recomputed="Bergen")
    field = FieldSkew(column="town", compared=9, differing=1, examples=(example,))
    return SkewReport(
        model="demand",
        golden=GoldenReplay(**golden),
        partitions=(PartitionSkew(partition="2024-05-01", fields=(field,)),),
    )


def run_operator(context, **arguments):
    from titlebout.operators.check_skew import CheckSkewOperator

    return CheckSkewOperator(task_id="check_skew", model="demand", **arguments).execute(context)


def test_the_step_gets_what_the_spec_and_the_connections_name(step, context, project, monkeypatch):
    log = {"enabled": True, "columns": {"weather": "hash"}, "key_conn_id": "the_key"}
    document = demand_document(serving__log=log)
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("AIRFLOW_CONN_THE_KEY", json.dumps({"conn_type": "generic", "password": "a long secret text"}))
    called = step("check_skew", report())
    assert run_operator(context, partition="2024-05-01")["partitions"][0]["fields"][0]["differing"] == 1
    assert called["kinds"] | {"desk": ""} == {
        "lake": "LocalLake",
        "ledger": "SqlLedger",
        "desk": "",
        "log_key": "str",
        "partition": "str",
    }
    desk = called["desk"]
    assert (type(desk.host).__name__, type(desk.client).__name__) == ("LoggingHost", "HttpServerClient")
    assert (called["log_key"], called["partition"]) == ("a long secret text", "2024-05-01")
    monkeypatch.delenv("AIRFLOW_CONN_THE_KEY")
    run_operator(context)
    assert called["log_key"] is None


def test_values_of_rows_do_not_stay_in_the_database_of_airflow(step, context):
    called = step("check_skew", report())
    assert "Oslo" not in json.dumps(run_operator(context))
    assert (called["log_key"], called["partition"]) == (None, None)


def test_a_server_that_answers_wrongly_fails_the_task_in_one_line_and_is_not_asked_again(step, context):
    from titlebout.step_operator import StepFailed, StepUnavailable

    step("check_skew", report(problem="http://x scores golden rows otherwise; clear deploy_model"))
    with pytest.raises(StepFailed, match="DeploymentError: http://x scores golden rows") as failure:
        run_operator(context)
    assert not isinstance(failure.value, StepUnavailable)
