"""Operator of the step `ingest_partition`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.arrival import waits_for
from titlebout.core.errors import PartitionEmptyError, PartitionMissingError
from titlebout.core.results import RunContext, Snapshot
from titlebout.core.specs.dataset_spec import WhenEmpty
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import source_query
from titlebout.step_operator import StepOperator
from titlebout.task_links import DataReportLink, report_address
from titlebout.wiring import build_source


class IngestPartitionOperator(StepOperator):
    """Takes the partition's raw rows into the lake as an immutable snapshot.

    A live run waits for a partition that is not there yet until `dataset.arrival.deadline_hours`, deferred:
    it holds no worker slot, and between two looks nothing but a moment is kept.

    Args:
        source_conn_id: Connection of the source; default: `dataset.source.conn_id` of the spec (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "source_conn_id")
    operator_extra_links = (DataReportLink(),)

    def __init__(self, *, source_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_conn_id = source_conn_id

    def execute_again(self, context: Context, event: Any = None) -> dict[str, JsonValue]:
        """Look again; what the trigger says is only that the time has come."""
        del event
        return self.execute(context)

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> Snapshot:
        """Bring the partition in, and leave the address of its report for the link."""
        snapshot = self._ingest(spec, run)
        address = report_address(spec.name, snapshot.partition, snapshot.revision)
        context["ti"].xcom_push(key=DataReportLink.address_key, value=address)
        return snapshot

    def _ingest(self, spec: ModelSpec, run: RunContext) -> Snapshot:
        """Read the source, publish the snapshot; or wait, or skip the day."""
        from titlebout.steps.ingest_partition import ingest_partition

        ledger = self.ledger()
        try:
            return ingest_partition(
                spec,
                run,
                source=build_source(spec, airflow_connection, conn_id=self.source_conn_id, query=source_query(spec)),
                lake=self.lake(),
                ledger=ledger,
            )
        except PartitionEmptyError as empty:
            if spec.dataset.arrival.when_empty is not WhenEmpty.SKIP:
                raise
            message = f"the day stays a gap (dataset.arrival.when_empty is skip): {empty}"
            raise AirflowSkipException(message) from empty
        except PartitionMissingError as missing:
            if not waits_for(spec, run):
                raise
            from titlebout.steps.await_partition import await_partition

            look = await_partition(spec, run, missing, ledger=ledger, now=datetime.now(UTC))
        return self._defer_until(look)

    def _defer_until(self, moment: datetime) -> NoReturn:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="execute_again")
