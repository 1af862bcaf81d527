"""The sensor that watches a trial."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from fakes.project_folder import make_project
from fakes.specs import demand_document

pytestmark = pytest.mark.airflow

TICKET = {"model": "demand", "token": 7, "reason": "trial 7"}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Return a project with the model `demand` and its connections."""
    server = {"extra": {"state_root": str(tmp_path / "servers")}}
    return make_project(tmp_path, monkeypatch, demand_document(release__strategy="canary"), server=server)


@pytest.fixture
def context():
    run = SimpleNamespace(run_type="scheduled", run_id="scheduled__1", conf={}, partition_key="2024-05-01")
    return {"dag_run": run, "ti": SimpleNamespace(), "outlet_events": {}}


def sensor(**changes):
    from titlebout.sensors.canary import CanarySensor

    return CanarySensor(task_id="watch_trial", model="demand", ticket=TICKET, **changes)


def look(monkeypatch, answer):
    """Put an answer, or an error, in the place of the step."""
    from titlebout.steps import watch_trial as module

    def stand_in(desk, ticket, server_log):
        assert (desk.spec.name, desk.actor, ticket.token) == ("demand", "run:scheduled__1", 7)
        kinds = [type(each).__name__ for each in (desk.lake, desk.ledger, desk.trials, server_log)]
        assert kinds == ["LocalLake", "SqlLedger", "HttpServerClient", "HttpServerLog"]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(module, "watch_trial", stand_in)


def said(**fields):
    from titlebout.core.live_trials.trial_results import TrialLook

    return TrialLook(model="demand", token=7, summary="trial 7", **fields)


def test_an_undecided_trial_gives_the_slot_back_until_the_next_look(monkeypatch, context):
    from airflow.sdk.exceptions import TaskDeferred

    look(monkeypatch, said(is_over=False))
    with pytest.raises(TaskDeferred) as waiting:
        sensor(poke_interval=timedelta(seconds=9)).execute(context)
    assert waiting.value.method_name == "look_again"
    assert waiting.value.timeout is None  # a trial has an end of its own


def test_the_next_look_ends_the_wait_and_hands_on_json(monkeypatch, context):
    look(monkeypatch, said(is_over=True))
    assert sensor().look_again(context, "woken") == said(is_over=True).model_dump(mode="json")


@pytest.mark.parametrize("method", ["execute", "look_again"])
def test_a_failed_trial_is_one_line(monkeypatch, context, method):
    from titlebout.core.errors import DeploymentError
    from titlebout.step_operator import StepFailed

    look(monkeypatch, DeploymentError("trial 7 failed at 5 %: score distance"))
    with pytest.raises(StepFailed, match="DeploymentError: trial 7 failed at 5 %"):
        getattr(sensor(), method)(context)


def test_a_server_that_is_away_is_a_retry(monkeypatch, context):
    from titlebout.core.errors import UnavailableError
    from titlebout.step_operator import StepUnavailable

    look(monkeypatch, UnavailableError("away"))
    with pytest.raises(StepUnavailable):
        sensor().execute(context)
