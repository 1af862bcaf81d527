"""Operator of the step `validate_partition`."""

from airflow.sdk import Context

from titlebout.connections import airflow_connection
from titlebout.core.results import RunContext, ValidationReport
from titlebout.core.spec import ModelSpec
from titlebout.project import load_suite
from titlebout.step_operator import StepOperator
from titlebout.wiring import build_lake, build_ledger, build_validator


class ValidatePartitionOperator(StepOperator):
    """Judges the partition by its Great Expectations suite; a rejected one waits in quarantine."""

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> ValidationReport:
        """Evaluate the suite on the snapshot."""
        from titlebout.steps.validate_partition import validate_partition

        return validate_partition(
            spec,
            run,
            suite=load_suite(spec.validation.suite),
            lake=build_lake(airflow_connection(self.lake_conn_id)),
            ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
            validator=build_validator(),
        )
