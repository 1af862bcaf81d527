"""What stands between a verdict and its release, by the spec of a model."""

from itertools import pairwise
from pathlib import Path

import pytest

from dags.conftest import DAGS, write_project
from fakes.specs import demand_document

pytestmark = pytest.mark.airflow

BEFORE = ("ingest_partition", "validate_partition", "train_challenger", "compare_with_champion")
MODELS = {
    "plain": ({}, ()),
    "contained": ({"deployment__target": "docker"}, ("check_candidate",)),
    "agreed": (
        {"release__approval__required": True, "release__approval__timeout_hours": 6, "deployment__target": "none"},
        ("approve_release",),
    ),
    "both": (
        {"deployment__target": "docker", "release__approval__required": True},
        ("check_candidate", "approve_release"),
    ),
    "told": (
        {"release__approval__required": True, "deployment__target": "none", "alerts": {"webhook": True}},
        ("approve_release",),
    ),
}


@pytest.fixture(scope="module")
def dags(tmp_path_factory):
    documents = [demand_document(name=name, **changes) for name, (changes, _) in MODELS.items()]
    home: Path = write_project(tmp_path_factory.mktemp("home"), *documents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TITLEBOUT_HOME", str(home))
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag.dags


@pytest.mark.parametrize("name", MODELS)
def test_the_gates_stand_in_one_line_before_the_release(dags, name):
    dag = dags[f"{name}_nightly"]
    line = (*BEFORE, *MODELS[name][1], "deploy_model")
    edges = {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}
    # The verdict goes to every task behind it.
    assert edges == set(pairwise(line)) | {("compare_with_champion", task) for task in line[4:]}


@pytest.mark.parametrize("name", MODELS)
def test_gates_that_skip_leave_the_champion_looked_after_and_gates_that_fail_stop_the_release(dags, name):
    deploy = dags[f"{name}_nightly"].get_task("deploy_model")
    assert deploy.trigger_rule == ("none_failed_min_one_success" if MODELS[name][1] else "all_success")


def test_a_person_has_the_time_that_the_spec_gives(dags):
    assert dags["agreed_nightly"].get_task("approve_release").response_timeout.total_seconds() == 6 * 3600


def test_somebody_is_told_that_an_answer_is_waited_for_where_the_spec_says_whom(dags):
    told = {name: dags[f"{name}_nightly"].get_task("approve_release").notifiers for name in ("agreed", "told")}
    assert told["agreed"] == []
    (teller,) = told["told"]
    assert teller.model == "told"


def test_a_person_is_asked_why_and_nothing_of_the_trigger_form(dags):
    assert list(dags["agreed_nightly"].get_task("approve_release").serialized_params) == ["why"]
