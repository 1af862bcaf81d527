"""The watch that retriggers the nightly chain."""

import jinja2
import pytest

pytestmark = pytest.mark.airflow


@pytest.fixture
def drift(bag):
    return bag.dags["demand_drift"]


def test_a_sensor_watches_and_a_finding_starts_the_nightly_chain(drift):
    assert {(task.task_id, below) for task in drift.tasks for below in task.downstream_task_ids} == {
        ("measure_drift", "retrain")
    }
    assert drift.get_task("retrain").trigger_dag_id == "demand_nightly"


def test_the_sensor_holds_no_worker_slot_and_finding_nothing_is_no_failure(drift):
    sensor = drift.get_task("measure_drift")
    assert sensor.mode == "reschedule"
    assert sensor.soft_fail


def test_one_finding_names_one_run(drift):
    class TaskInstance:
        def xcom_pull(self, task_ids):
            assert task_ids == "measure_drift"
            return {"newest_partition": "2012-06-01", "fingerprint": "ab12cd"}

    def rendered(template: str) -> str:
        return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(ti=TaskInstance())

    retrain = drift.get_task("retrain")
    assert rendered(retrain.trigger_run_id) == "drift__2012-06-01__ab12cd"
    assert {key: rendered(text) for key, text in retrain.conf.items()} == {
        "partition": "2012-06-01",
        "reason": "drift",
    }
    assert retrain.skip_when_already_exists


def test_the_started_run_has_no_logical_date_that_could_lie_before_its_first_night(drift):
    assert drift.get_task("retrain").logical_date is None


def test_only_one_watch_runs_and_none_is_backfilled(drift):
    assert drift.max_active_runs == 1
    assert {kind.value for kind in drift.allowed_run_types} == {"scheduled", "manual"}
