"""The sensor that looks at a model until a run is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.project_folder import make_project
from fakes.specs import demand_document

pytestmark = pytest.mark.airflow

QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Return a project with the model `demand`, its lake and its ledger."""
    return make_project(tmp_path, monkeypatch, demand_document())


def sensor(**changes: Any):
    from titlebout.sensors.drift import DriftSensor

    return DriftSensor(task_id="watch_model", model="demand", **changes)


def look(monkeypatch, answer):
    """Put an answer, or an error, in the place of the step."""
    from titlebout.steps import watch_model as module

    def stand_in(spec, *, lake, ledger):
        assert (spec.name, type(lake).__name__, type(ledger).__name__) == ("demand", "LocalLake", "SqlLedger")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(module, "watch_model", stand_in)


def report(**asked: Any):
    from titlebout.core.drifting.drift_results import DriftReport
    from titlebout.core.retraining.watch_report import AskedFor, WatchReport

    drift = DriftReport(model="demand", champion="v1", looked_at=("2024-05-01",), reason="quiet")
    return WatchReport(model="demand", champion="v1", drift=drift, asked_for=AskedFor(**asked))


def asked_report():
    from titlebout.core.retraining.retrain_record import AskedRetrain

    retrain = AskedRetrain(
        model="demand",
        reason="drift",
        fingerprint="ab12",
        partition="2024-05-01",
        run_id="drift__2024-05-01__ab12",
        champion="v1",
        why="temperature rose",
    )
    return report(retrain=retrain, is_new=True)


def test_a_run_that_was_asked_for_ends_the_wait_and_is_handed_on_as_json(monkeypatch):
    look(monkeypatch, asked_report())
    assert sensor().execute({}) == asked_report().model_dump(mode="json")
    assert sensor().look_again({}, "2000-01-01T00:00:00+00:00") == asked_report().model_dump(mode="json")


def test_else_it_waits_in_the_triggerer_and_keeps_only_when_to_give_up(monkeypatch):
    from airflow.sdk.exceptions import TaskDeferred

    look(monkeypatch, report())
    before = datetime.now(UTC)
    with pytest.raises(TaskDeferred) as waiting:
        sensor(poke_interval=QUARTER, look_for=timedelta(hours=2)).execute({})
    assert waiting.value.method_name == "look_again"
    until = datetime.fromisoformat(waiting.value.kwargs["until"])
    assert before + timedelta(hours=2) <= until <= datetime.now(UTC) + timedelta(hours=2)
    assert set(waiting.value.kwargs) == {"until"}
    with pytest.raises(TaskDeferred) as again:
        sensor(poke_interval=QUARTER).look_again({}, **waiting.value.kwargs, event="woken")
    assert again.value.kwargs == waiting.value.kwargs


def test_a_triggerer_that_is_down_holds_it_no_longer_than_ten_minutes_more(monkeypatch):
    from airflow.sdk.exceptions import TaskDeferred

    look(monkeypatch, report())
    with pytest.raises(TaskDeferred) as waiting:
        sensor(poke_interval=QUARTER).execute({})
    assert waiting.value.timeout == timedelta(minutes=25)


def test_after_its_time_it_skips_and_says_why_nothing_was_asked_for(monkeypatch):
    from airflow.sdk.exceptions import AirflowSkipException

    look(monkeypatch, report(refusals=("drift (x) starts nothing: one run at a time",)))
    over = (datetime.now(UTC) + timedelta(minutes=14)).isoformat()
    with pytest.raises(AirflowSkipException, match="nothing was asked for"):
        sensor(poke_interval=QUARTER).look_again({}, over)


def test_with_no_time_at_all_it_looks_once(monkeypatch):
    from airflow.sdk.exceptions import AirflowSkipException

    look(monkeypatch, report())
    with pytest.raises(AirflowSkipException):
        sensor(look_for=timedelta(0)).execute({})


def test_a_champion_that_is_not_there_yet_is_no_failure():
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred):
        sensor().execute({})


def test_a_ledger_that_does_not_answer_costs_one_look(monkeypatch, capsys):
    from airflow.sdk.exceptions import TaskDeferred

    from titlebout.core.errors import UnavailableError

    look(monkeypatch, UnavailableError("the ledger does not answer"))
    with pytest.raises(TaskDeferred) as waiting:
        sensor(poke_interval=QUARTER).execute({})
    assert "this look is lost, the next one is in 0:15:00: the ledger does not answer" in capsys.readouterr().out
    look(monkeypatch, asked_report())
    assert sensor().look_again({}, **waiting.value.kwargs)["asked_for"]["is_new"]


def test_at_the_last_look_it_is_no_skip(monkeypatch):
    from titlebout.core.errors import UnavailableError
    from titlebout.step_retries import StepUnavailable

    look(monkeypatch, UnavailableError("the ledger does not answer"))
    with pytest.raises(StepUnavailable, match="the ledger does not answer"):
        sensor(look_for=timedelta(0)).execute({})


def test_it_is_retried_like_a_step():
    from titlebout.step_retries import STEP_RETRY_POLICY

    assert sensor().retry_policy is STEP_RETRY_POLICY


def test_it_leaves_the_address_of_what_it_saw_and_a_report_that_fails_costs_no_look(monkeypatch):
    from types import SimpleNamespace

    from titlebout.steps import report_drift
    from titlebout.task_links import DriftReportLink

    pushed: dict[str, str] = {}
    context = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}
    look(monkeypatch, asked_report())
    monkeypatch.setattr(report_drift, "report_drift", lambda *_, **__: SimpleNamespace(partition="2024-05-01"))
    sensor().execute(context)
    assert pushed == {DriftReportLink.address_key: "titlebout/demand/drift/2024-05-01"}
    pushed.clear()
    monkeypatch.setattr(report_drift, "report_drift", lambda *_, **__: 1 / 0)
    assert sensor().execute(context)["asked_for"]["retrain"]["run_id"] == "drift__2024-05-01__ab12"
    assert pushed == {}
