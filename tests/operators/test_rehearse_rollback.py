"""Operator of the step `rehearse_rollback`."""

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.airflow


def plan():
    from titlebout.core.rollback_plan import RollbackPlan

    return RollbackPlan(model="demand", away="b", to="a", by="ann", reason="nonsense")


def run_operator(context, **changes) -> dict:
    from titlebout.operators.rehearse_rollback import RehearseRollbackOperator

    request = {"to": " ", "reason": "nonsense", "by": "ci"}
    arguments = {"request": request, "is_dry_run": "False"} | changes
    return RehearseRollbackOperator(task_id="rehearse_rollback", model="demand", **arguments).execute(context)


@pytest.mark.parametrize(("user", "expected"), [("ann", "ann"), (None, "ci")])
def test_who_asks_is_whoever_logged_in_and_only_else_the_name_of_the_form(step, context, user, expected):
    context["dag_run"] = SimpleNamespace(triggering_user_name=user)
    called = step("rehearse_rollback", plan())
    assert run_operator(context) == plan().as_json()
    request = called["run"]
    assert (request.by, request.to, request.reason) == (expected, None, "nonsense")
    assert called["kinds"] == {"lake": "LocalLake", "ledger": "SqlLedger"}


def test_a_rehearsal_alone_skips_what_follows(step, context):
    from airflow.sdk.exceptions import AirflowSkipException

    step("rehearse_rollback", plan())
    with pytest.raises(AirflowSkipException, match="b would give way to a"):
        run_operator(context, is_dry_run="True")


def test_a_run_without_a_reason_fails_in_one_line_and_is_not_retried(context):
    from titlebout.step_operator import StepFailed

    with pytest.raises(StepFailed, match="DecisionRefusedError: --reason: give one line"):
        run_operator(context, request={"by": "ann"})


def test_the_trigger_form_becomes_the_request():
    import jinja2

    from titlebout.operators.rehearse_rollback import FORM

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    params = {"version": None, "reason": "r", "by": "", "dry_run": False}
    rendered = {name: environment.from_string(text).render(params=params) for name, text in FORM.items()}
    assert rendered == {"to": "", "reason": "r", "by": ""}
