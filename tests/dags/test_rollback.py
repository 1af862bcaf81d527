"""The way back to an earlier version."""

import pytest

pytestmark = pytest.mark.airflow


@pytest.fixture
def rollback(bag):
    return bag.dags["demand_rollback"]


def test_it_is_rehearsed_before_it_is_carried_out(rollback):
    edges = {(task.task_id, below) for task in rollback.tasks for below in task.downstream_task_ids}
    assert edges == {("rehearse_rollback", "roll_back_model")}


def test_nothing_but_a_person_starts_it(rollback):
    assert not rollback.timetable.can_be_scheduled
    assert {kind.value for kind in rollback.allowed_run_types} == {"manual"}
    assert not rollback.is_paused_upon_creation


def test_one_rollback_at_a_time(rollback):
    assert rollback.max_active_runs == 1
    assert {task.retries for task in rollback.tasks} == {5}
    assert all(task.execution_timeout for task in rollback.tasks)


def test_it_changes_the_same_asset_as_a_deploy(rollback, bag):
    (changed,) = rollback.get_task("roll_back_model").outlets
    (deployed,) = bag.dags["demand_nightly"].get_task("deploy_model").outlets
    assert (changed.name, changed.uri) == (deployed.name, deployed.uri)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("version", [None, "2012-06-01-aaaaaaaaaaaa"], [7]),
        ("reason", ["answers nonsense"], ["", None, "x" * 301]),
        ("by", ["", "ann"], ["x" * 65]),
        ("dry_run", [True, False], ["yes"]),
    ],
)
def test_the_trigger_form_asks_for_a_reason_and_takes_a_version(rollback, name, good, bad):
    from airflow.sdk.exceptions import ParamValidationError

    assert set(rollback.params) == {"version", "reason", "by", "dry_run"}
    for value in good:
        assert rollback.params.get_param(name).resolve(value) == value
    for value in bad:
        with pytest.raises(ParamValidationError):
            rollback.params.get_param(name).resolve(value)


def test_a_model_whose_spec_is_broken_keeps_its_way_back(bag):
    rollback = bag.dags["broken_rollback"]
    assert [task.model for task in rollback.tasks] == ["broken", "broken"]


def test_a_file_that_no_model_can_have_makes_no_dag(project, read_dags):
    (project / "include" / "models" / "my model.yaml").write_text("name: [", encoding="utf-8")
    assert [name for name in read_dags().dags if name.endswith("_rollback") and " " in name] == []
