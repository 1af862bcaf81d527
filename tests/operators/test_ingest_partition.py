"""Operator of the step `ingest_partition`: late, empty and failed are three different things."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from fakes.specs import demand_document

pytestmark = pytest.mark.airflow


def test_it_reads_the_source_of_the_spec_for_the_runs_partition(step, context):
    from fakes.chains import snapshot
    from titlebout.operators.ingest_partition import IngestPartitionOperator

    called = step("ingest_partition", snapshot("2024-05-01", model="demand"))
    returned = IngestPartitionOperator(task_id="ingest_partition", model="demand").execute(context)
    assert returned == snapshot("2024-05-01", model="demand").model_dump(mode="json")
    assert (called["spec"].name, called["run"].partition) == ("demand", "2024-05-01")
    assert called["kinds"] == {"source": "FilesSourceReader", "lake": "LocalLake", "ledger": "SqlLedger"}


def test_an_unknown_connection_fails_with_its_name(context):
    from titlebout.operators.ingest_partition import IngestPartitionOperator
    from titlebout.step_operator import StepFailed

    task = IngestPartitionOperator(task_id="ingest_partition", model="demand", source_conn_id="elsewhere")
    with pytest.raises(StepFailed, match="ConnectionSettingsError: connection 'elsewhere' is not defined"):
        task.execute(context)


PROJECT = Path(__file__).resolve().parents[2]
HEADER = "day,hour,temperature,weather,rentals\n"
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


@pytest.fixture
def operator(project):
    """Return a function that writes the spec's section `arrival` and makes the operator."""
    from titlebout.operators.ingest_partition import IngestPartitionOperator

    def make(**arrival):
        document = demand_document(dataset__arrival=arrival, dataset__first_partition="2023-01-01")
        (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        (project / "demand").mkdir(exist_ok=True)
        return IngestPartitionOperator(task_id="ingest_partition", model="demand")

    return make


def late_entries(project):
    from titlebout.adapters.sql_ledger import SqlLedger

    entries = SqlLedger(f"sqlite:///{project}/ledger.sqlite").entries("demand")
    return [entry.payload for entry in entries if entry.kind == "partition_late"]


def test_a_live_run_waits_deferred_and_looks_again_when_the_trigger_fires(operator, project, context):
    """The deadline is far away: the day is yesterday. The trigger is the real one, run as the triggerer runs it."""
    from airflow.sdk.exceptions import TaskDeferred

    context["dag_run"].partition_key = YESTERDAY
    task = operator(deadline_hours=168, poll_minutes=0.05)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    look = deferred.value.trigger.moment - datetime.now(UTC)
    assert timedelta(seconds=1) < look <= timedelta(seconds=3)
    (project / "demand" / f"{YESTERDAY}.csv").write_text(f"{HEADER}{YESTERDAY},0,1.5,rain,7\n")
    event = asyncio.run(first_event(deferred.value.trigger))
    result = task.resume_execution(deferred.value.method_name, {"event": event.payload}, context)
    assert (result["partition"], result["rows"]) == (YESTERDAY, 1)
    assert late_entries(project) == []


async def first_event(trigger):
    return await anext(aiter(trigger.run()))


def test_what_waits_is_a_moment_so_a_restarted_triggerer_goes_on(operator, context):
    from airflow.sdk.exceptions import TaskDeferred
    from airflow.sdk.serde import deserialize, serialize

    context["dag_run"].partition_key = YESTERDAY
    with pytest.raises(TaskDeferred) as deferred:
        operator(deadline_hours=168).execute(context)
    path, arguments = deferred.value.trigger.serialize()
    assert path == "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    assert deserialize(serialize(arguments)) == arguments
    assert deferred.value.kwargs is None
    assert deferred.value.timeout is None


def test_at_the_deadline_it_is_late_for_good_and_the_ledger_says_so_once(operator, project, context):
    from airflow.sdk import RetryAction

    from titlebout.step_retries import STEP_RETRY_POLICY, StepFailed

    task = operator(deadline_hours=6)
    for look in (task.execute, task.execute_again):
        with pytest.raises(
            StepFailed, match="PartitionLateError: 2024-05-01 was not there at 2024-05-02 06:00"
        ) as caught:
            look(context)
    assert STEP_RETRY_POLICY.evaluate(caught.value, 1, 3).action is RetryAction.FAIL
    assert late_entries(project) == [{"partition": "2024-05-01", "deadline": "2024-05-02T06:00:00+00:00"}]


@pytest.mark.parametrize(("run_type", "hours"), [("backfill", 168), ("scheduled", 0), ("manual", 0)])
def test_a_backfill_never_waits_and_nobody_does_without_a_deadline(operator, project, context, run_type, hours):
    from titlebout.step_operator import StepFailed

    context["dag_run"].partition_key, context["dag_run"].run_type = YESTERDAY, run_type
    with pytest.raises(StepFailed, match="PartitionMissingError"):
        operator(deadline_hours=hours).execute(context)
    assert late_entries(project) == []


def test_an_empty_day_fails_and_is_not_waited_for(operator, project, context):
    from titlebout.step_operator import StepFailed

    context["dag_run"].partition_key = YESTERDAY
    task = operator(deadline_hours=168)
    (project / "demand" / f"{YESTERDAY}.csv").write_text(HEADER)
    with pytest.raises(StepFailed, match="PartitionEmptyError"):
        task.execute(context)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_an_empty_day_is_skipped_where_the_spec_says_so(operator, project, context, run_type):
    from airflow.sdk.exceptions import AirflowSkipException

    from titlebout.adapters.sql_ledger import SqlLedger

    context["dag_run"].run_type = run_type
    task = operator(when_empty="skip")
    (project / "demand" / "2024-05-01.csv").write_text(HEADER)
    with pytest.raises(AirflowSkipException, match=r"stays a gap .*2024-05-01.csv: "):
        task.execute(context)
    assert SqlLedger(f"sqlite:///{project}/ledger.sqlite").entries("demand") == ()


def test_a_source_that_does_not_answer_is_retried_and_not_waited_for(operator, context, step, monkeypatch):
    import importlib

    from airflow.sdk import RetryAction

    from titlebout.core.errors import UnavailableError
    from titlebout.step_retries import STEP_RETRY_POLICY, StepUnavailable

    def fails(*_, **__):
        message = "2024-05-01.csv: is still being written"
        raise UnavailableError(message)

    module = importlib.import_module("titlebout.steps.ingest_partition")
    monkeypatch.setattr(module, "ingest_partition", fails)
    context["dag_run"].partition_key = YESTERDAY
    with pytest.raises(StepUnavailable, match="still being written") as caught:
        operator(deadline_hours=168).execute(context)
    assert STEP_RETRY_POLICY.evaluate(caught.value, 1, 3).action is RetryAction.RETRY


def test_a_query_is_read_from_the_project(project, context):
    import sqlite3

    from titlebout.operators.ingest_partition import IngestPartitionOperator

    document = demand_document(dataset__source={"kind": "sql", "query": "rides", "conn_id": "titlebout_ledger"})
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (project / "include" / "sql").mkdir()
    (project / "include" / "sql" / "rides.sql").write_text("SELECT * FROM rides WHERE day = :day")
    with sqlite3.connect(project / "ledger.sqlite") as database:
        database.execute("CREATE TABLE rides (day, hour, temperature, weather, rentals)")
        database.execute("INSERT INTO rides VALUES ('2024-05-01', 0, 1.5, 'rain', 7)")
    database.close()
    result = IngestPartitionOperator(task_id="ingest_partition", model="demand").execute(context)
    assert result["rows"] == 1
    assert result["source_uri"].endswith("ledger.sqlite#rides/2024-05-01")


def test_generated_rows_need_no_connection(project, context):
    from titlebout.operators.ingest_partition import IngestPartitionOperator

    demand = yaml.safe_load((PROJECT / "include" / "models" / "demand_demo.yaml").read_text(encoding="utf-8"))
    demand["dataset"]["source"] = {"kind": "demo"}
    (project / "include" / "models" / "demand_demo.yaml").write_text(yaml.safe_dump(demand), encoding="utf-8")
    task = IngestPartitionOperator(task_id="ingest_partition", model="demand_demo")
    assert task.execute(context)["rows"] == 96
