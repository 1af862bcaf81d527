"""Operator of the step `roll_back_model`."""

import pytest

pytestmark = pytest.mark.airflow

PLAN = {
    "model": "demand",
    "away": "b",
    "to": "a",
    "away_token": 7,
    "by": "ann",
    "reason": "nonsense",
    "note": "",
    "rehearsal": None,
}


def run_operator(context, plan=PLAN) -> dict:
    from titlebout.operators.roll_back_model import RollBackModelOperator

    return RollBackModelOperator(task_id="roll_back_model", model="demand", plan=plan).execute(context)


def test_it_carries_the_plan_out_and_leaves_the_servers_address(step, context):
    from titlebout.core.results import Release
    from titlebout.task_links import ModelServerLink

    release = Release(model="demand", version="a", status="settled", token=7, url="http://127.0.0.1:9000")
    called = step("roll_back_model", release)
    assert run_operator(context)["token"] == 7
    assert called["run"].as_json() == PLAN
    assert called["kinds"] == {
        "lake": "LocalLake",
        "ledger": "SqlLedger",
        "registry": "MlflowRegistry",
        "host": "ProcessHost",
        "client": "HttpServerClient",
    }
    assert context["ti"].pushed == {ModelServerLink.address_key: "http://127.0.0.1:9000"}


def test_a_plan_of_another_release_of_titlebout_is_refused(context):
    from titlebout.step_operator import StepFailed

    with pytest.raises(StepFailed, match="argument 'plan' holds no RollbackPlan: to"):
        run_operator(context, {name: value for name, value in PLAN.items() if name != "to"})
