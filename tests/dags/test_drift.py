"""The watches that retrigger the nightly chain."""

from datetime import timedelta

import jinja2
import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow

ASKED = {
    "run_id": "drift__2012-06-01__ab12cd",
    "partition": "2012-06-01",
    "reason": "drift",
    "fingerprint": "ab12cd",
    "why": "temperature rose",
}


@pytest.fixture(params=["demand_drift", "demand_news"])
def watch(bag, request):
    return bag.dags[request.param]


def test_a_sensor_watches_and_what_it_asks_for_starts_the_nightly_chain(watch):
    assert {(task.task_id, below) for task in watch.tasks for below in task.downstream_task_ids} == {
        ("watch_model", "retrain")
    }
    assert watch.get_task("retrain").trigger_dag_id == "demand_nightly"


def test_the_ledger_names_the_run_and_the_run_says_what_it_is_for(watch):
    class TaskInstance:
        def xcom_pull(self, task_ids):
            assert task_ids == "watch_model"
            return {"asked_for": {"retrain": ASKED}}

    def rendered(template: str) -> str:
        return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(ti=TaskInstance())

    retrain = watch.get_task("retrain")
    assert rendered(retrain.trigger_run_id) == "drift__2012-06-01__ab12cd"
    assert {key: rendered(text) for key, text in retrain.conf.items()} == {
        name: value for name, value in ASKED.items() if name != "run_id"
    }
    assert retrain.skip_when_already_exists
    assert rendered(retrain.note) == "drift: temperature rose"
    assert {"trigger_run_id", "conf", "note"} <= set(retrain.template_fields)


def test_the_started_run_has_no_logical_date_that_could_lie_before_its_first_night(watch):
    assert watch.get_task("retrain").logical_date is None


def test_one_watch_runs_at_a_time_and_none_is_backfilled(bag, watch):
    assert watch.max_active_runs == 1
    assert {kind.value for kind in bag.dags["demand_drift"].allowed_run_types} == {"scheduled", "manual"}


def test_the_watch_of_some_hours_looks_as_often_and_as_long_as_the_spec_says(project, read_dags):
    document = demand_document(drift__look_every_minutes=5, drift__look_for_hours=2)
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    dags = read_dags().dags
    sensor = dags["demand_drift"].get_task("watch_model")
    assert (sensor.poke_interval, sensor.look_for) == (timedelta(minutes=5), timedelta(hours=2))
    assert dags["demand_news"].get_task("watch_model").look_for == timedelta(0)


def test_what_lands_is_looked_at_once_and_every_event_it_waits_for_is_sent_by_somebody(project, read_dags):
    document = demand_document(serving__log={"enabled": True})
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    dags = read_dags().dags
    awaited = {each.uri for each in dags["demand_news"].timetable.asset_condition.objects}
    senders = [task for name in ("demand_nightly", "demand_log") for task in dags[name].tasks]
    sent = {outlet.uri for task in senders for outlet in task.outlets}
    assert awaited == {f"x-titlebout://demand/{what}" for what in ("champion", "kept", "log")}
    assert awaited <= sent
