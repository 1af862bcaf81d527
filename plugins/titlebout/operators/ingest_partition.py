"""Operator of the step `ingest_partition`."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from titlebout.connections import airflow_connection
from titlebout.core.results import RunContext, Snapshot
from titlebout.core.spec import ModelSpec
from titlebout.step_operator import StepOperator
from titlebout.wiring import build_lake, build_ledger, build_source


class IngestPartitionOperator(StepOperator):
    """Takes the partition's raw rows into the lake as an immutable snapshot.

    Args:
        source_conn_id: Connection of the source; default: `dataset.source.conn_id` of the spec (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "source_conn_id")

    def __init__(self, *, source_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_conn_id = source_conn_id

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> Snapshot:
        """Read the source, publish the snapshot."""
        from titlebout.steps.ingest_partition import ingest_partition

        return ingest_partition(
            spec,
            run,
            source=build_source(spec, airflow_connection, conn_id=self.source_conn_id),
            lake=build_lake(airflow_connection(self.lake_conn_id)),
            ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
        )
