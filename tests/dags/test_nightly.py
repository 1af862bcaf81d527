"""The chain of one night."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

STEPS = Path(__file__).resolve().parents[2] / "plugins" / "titlebout" / "steps"
CHAIN = ("ingest_partition", "validate_partition", "train_challenger", "compare_with_champion", "deploy_model")


@pytest.fixture
def nightly(bag):
    return bag.dags["demand_nightly"]


def edges(dag) -> set[tuple[str, str]]:
    return {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}


def test_the_chain_is_one_line_in_the_order_of_the_steps(nightly):
    in_a_row = set(pairwise(CHAIN))
    assert edges(nightly) == in_a_row


def test_every_task_is_named_like_its_step(nightly):
    assert set(nightly.task_ids) == set(CHAIN)
    assert set(nightly.task_ids) <= {path.stem for path in STEPS.glob("*.py")}


def test_the_run_of_midnight_handles_the_day_that_just_ended_in_the_models_time_zone(nightly):
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    timetable = DagSerialization.from_dict(DagSerialization.to_dict(nightly)).timetable
    earliest = datetime(2024, 5, 1, 22, 0, tzinfo=UTC)
    info = timetable.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(earliest=earliest, latest=None, catchup=True)
    )
    assert (info.run_after, info.partition_key) == (earliest, "2024-05-01")


def test_the_first_night_is_the_one_that_the_spec_names(nightly):
    assert nightly.start_date == datetime(2024, 4, 30, 22, 0, tzinfo=UTC)
    assert not nightly.catchup


def test_one_run_at_a_time_and_one_training_at_a_time(nightly):
    assert nightly.max_active_runs == 1
    assert {task.task_id: task.pool for task in nightly.tasks if task.pool != "default_pool"} == {
        "train_challenger": "titlebout_training"
    }


def test_every_task_is_retried_and_has_an_end(nightly):
    for task in nightly.tasks:
        assert task.retries == 5
        assert task.execution_timeout <= timedelta(hours=6)
        assert task.owner == "rentals"


def test_accepted_partitions_challengers_and_champions_are_assets(nightly):
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in nightly.tasks if task.outlets}
    assert outlets == {
        "validate_partition": ["demand_partition"],
        "train_challenger": ["demand_challenger"],
        "compare_with_champion": ["demand_kept"],
        "deploy_model": ["demand_champion"],
    }


@pytest.mark.parametrize("given", [{}, {"partition": None}, {"partition": "2012-06-01", "reason": "late data"}])
def test_the_trigger_form_takes_a_day_and_a_reason(nightly, given):
    assert set(nightly.params) == {"partition", "reason"}
    for name, value in given.items():
        assert nightly.params.get_param(name).resolve(value) == value


@pytest.mark.parametrize("day", ["1st of June", "2012-06-31", 20120601])
def test_the_trigger_form_refuses_what_is_no_day(nightly, day):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        nightly.params.get_param("partition").resolve(day)


def test_a_reader_of_the_dag_learns_where_it_comes_from(nightly):
    assert "include/models/demand.yaml" in nightly.doc_md
    assert {"titlebout", "demand"} == set(nightly.tags)
