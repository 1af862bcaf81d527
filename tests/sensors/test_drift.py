"""The sensor that waits for drift."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Return a project with the model `demand`, its lake and its ledger."""
    models = tmp_path / "include" / "models"
    models.mkdir(parents=True)
    (models / "demand.yaml").write_text(yaml.safe_dump(demand_document()), encoding="utf-8")
    lake = {"extra": {"root_uri": (tmp_path / "lake").as_uri()}}
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("TITLEBOUT_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LAKE", json.dumps(lake))
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", json.dumps(ledger))
    return tmp_path


def sensor(**changes: Any):
    from titlebout.sensors.drift import DriftSensor

    return DriftSensor(task_id="measure_drift", model="demand", **changes)


def look(monkeypatch, answer):
    """Put an answer, or an error, in the place of the step."""
    from titlebout.steps import measure_drift as module

    def stand_in(spec, *, lake, ledger):
        assert (spec.name, type(lake).__name__, type(ledger).__name__) == ("demand", "LocalLake", "SqlLedger")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(module, "measure_drift", stand_in)


def first_looked(moment: datetime | None = None) -> dict[str, Any]:
    """Return the context of a sensor that has been looking since a moment."""
    return {"ti": SimpleNamespace(get_first_reschedule_date=lambda context: moment)}


def report(**changes: Any):
    from titlebout.core.results import DriftReport

    return DriftReport(model="demand", champion="v1", looked_at=("2024-05-01",), reason="quiet", **changes)


def finding():
    from titlebout.core.results import DriftFinding

    return DriftFinding(
        model="demand",
        champion="v1",
        newest_partition="2024-05-01",
        drifted_partitions=("2024-05-01",),
        columns={"temperature": 2.5},
        fingerprint="ab12",
    )


def test_a_finding_ends_the_wait_and_is_handed_on_as_json(monkeypatch):
    look(monkeypatch, report(finding=finding()))
    assert sensor().execute(first_looked()) == finding().model_dump(mode="json")


def test_no_finding_frees_the_slot_until_the_next_look(monkeypatch):
    from airflow.sdk.exceptions import AirflowRescheduleException

    look(monkeypatch, report())

    with pytest.raises(AirflowRescheduleException):
        sensor().execute(first_looked())


def test_a_champion_that_is_not_there_yet_is_no_finding():
    assert not sensor().poke({})


def test_no_finding_until_the_timeout_is_a_skip(monkeypatch):
    from airflow.sdk.exceptions import AirflowSkipException

    look(monkeypatch, report())

    with pytest.raises(AirflowSkipException, match="timed out"):
        sensor().execute(first_looked(datetime.now(UTC) - timedelta(days=1)))


@pytest.mark.parametrize("changes", [{"mode": "poke"}, {"soft_fail": False}])
def test_it_can_neither_hold_a_slot_nor_fail_for_lack_of_drift(changes):
    with pytest.raises(ValueError, match="leave it out"):
        sensor(**changes)


def test_a_ledger_that_does_not_answer_is_no_skip(monkeypatch):
    from titlebout.core.errors import UnavailableError
    from titlebout.step_operator import StepUnavailable

    look(monkeypatch, UnavailableError("the ledger does not answer"))
    with pytest.raises(StepUnavailable, match="the ledger does not answer"):
        sensor().execute(first_looked())


def test_a_look_that_never_ends_is_no_skip(monkeypatch):
    from airflow.sdk.exceptions import AirflowTaskTimeout

    from titlebout.step_operator import StepUnavailable

    look(monkeypatch, AirflowTaskTimeout("Timeout"))
    with pytest.raises(StepUnavailable, match="took longer than execution_timeout"):
        sensor().execute(first_looked())


def test_it_is_retried_like_a_step():
    from titlebout.step_operator import STEP_RETRY_POLICY

    assert sensor().retry_policy is STEP_RETRY_POLICY
