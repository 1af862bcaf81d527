"""The DAG that brings a model's log to the lake."""

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


@pytest.fixture
def logs(project, read_dags):
    """Return the log's DAGs of a project in which one model logs."""
    document = demand_document(name="logging", serving__log={"enabled": True, "retention_days": 30}, owner="rentals")
    (project / "include" / "models" / "logging.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return {name: dag for name, dag in read_dags().dags.items() if name.endswith("_log")}


def test_only_a_model_that_logs_has_one(logs):
    assert set(logs) == {"logging_log"}


def test_what_is_too_old_is_deleted_after_the_newest_is_safe(logs):
    tasks = logs["logging_log"].tasks
    assert {(task.task_id, below) for task in tasks for below in task.downstream_task_ids} == {
        ("collect_log", "prune_log")
    }
    assert {task.retries for task in tasks} == {2}
    assert {task.owner for task in tasks} == {"rentals"}


def test_it_runs_every_hour_one_at_a_time_and_makes_up_for_nothing(logs):
    dag = logs["logging_log"]
    assert dag.timetable.can_be_scheduled
    assert dag.timetable.expression == "17 * * * *"
    assert (dag.max_active_runs, dag.catchup) == (1, False)
