"""The tasks that a night has more where winners are tried on live requests."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow

CHAIN = (
    "ingest_partition",
    "validate_partition",
    "train_challenger",
    "compare_with_champion",
    "start_trial",
    "watch_trial",
    "deploy_model",
)


def dag_of(project: Path, read_dags, **changes):
    document = demand_document(**changes)
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return read_dags().dags["demand_nightly"]


@pytest.mark.parametrize("strategy", ["canary", "shadow"])
def test_a_winner_is_tried_between_its_bout_and_its_release(project, read_dags, strategy):
    dag = dag_of(project, read_dags, release__strategy=strategy)
    assert set(pairwise(CHAIN)) <= {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}
    assert set(dag.task_ids) == set(CHAIN)
    assert {task.trigger_rule for task in dag.tasks} == {"all_success"}


def test_while_a_split_is_held_later_nights_bring_its_outcomes(project, read_dags):
    columns = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
    split = {
        "dataset__columns": {**columns, "asked_as": "text"},
        "serving__log": {"enabled": True},
        "release__ab": {"request_id_column": "asked_as"},
    }
    dag = dag_of(project, read_dags, release__strategy="ab", **split)
    assert set(dag.task_ids) == set(CHAIN)
    assert dag.max_active_runs == 2
    watch = dag.get_task("watch_trial")
    assert (watch.poke_interval.total_seconds(), watch.retries) == (600, 20)


def test_whoever_is_told_hears_how_a_trial_ended_also_where_nothing_failed(project, read_dags):
    watch = dag_of(project, read_dags, release__strategy="canary", alerts={"webhook": True}).get_task("watch_trial")
    assert watch.on_success_callback
    assert watch.on_failure_callback
    assert not dag_of(project, read_dags, release__strategy="canary").get_task("watch_trial").on_success_callback


def test_an_approval_comes_first_and_its_skip_keeps_nobody_from_looking_after_the_champion(project, read_dags):
    dag = dag_of(project, read_dags, release__strategy="canary", release__approval={"required": True})
    approve = dag.get_task("approve_release")
    assert approve.downstream_task_ids == {"start_trial"}
    assert dag.get_task("start_trial").trigger_rule == "none_failed_min_one_success"
    assert dag.get_task("deploy_model").trigger_rule == "all_success"
