"""The DAG that brings a model's log to the lake."""

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


@pytest.fixture
def logs(project, read_dags):
    """Return the log's DAGs of a project in which one model logs, and one does not any more."""
    for name, log in (("logging", {"enabled": True}), ("silenced", {"enabled": False})):
        document = demand_document(name=name, serving__log={**log, "retention_days": 30}, owner="rentals")
        (project / "include" / "models" / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return {name: dag for name, dag in read_dags().dags.items() if name.endswith("_log")}


def test_only_a_model_that_logs_or_has_promised_to_forget_has_one(logs):
    """What was logged before the log was switched off is deleted in time all the same."""
    assert set(logs) == {"logging_log", "silenced_log"}


def test_what_is_too_old_is_deleted_whatever_became_of_the_newest(logs):
    """A server that is down, or one damaged file of it, must not keep old rows, and either failure fails the run."""
    tasks = logs["logging_log"].tasks
    assert {task.task_id for task in tasks} == {"collect_log", "prune_log"}
    assert not any(task.upstream_task_ids or task.downstream_task_ids for task in tasks)
    assert {task.retries for task in tasks} == {5}
    assert {task.owner for task in tasks} == {"rentals"}


def test_it_runs_every_hour_one_at_a_time_and_makes_up_for_nothing(logs):
    dag = logs["logging_log"]
    assert dag.timetable.can_be_scheduled
    assert dag.timetable.expression == "17 * * * *"
    assert (dag.max_active_runs, dag.catchup) == (1, False)
