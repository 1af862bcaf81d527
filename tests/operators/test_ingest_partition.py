"""Operator of the step `ingest_partition`."""

import pytest

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
