"""Operator of the step `validate_partition`."""

from airflow.sdk import Context

from titlebout.core.ports import Ledger
from titlebout.core.results import RunContext, ValidationReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_suite
from titlebout.step_operator import StepOperator
from titlebout.task_links import DataReportLink, report_address
from titlebout.wiring import build_validator


class ValidatePartitionOperator(StepOperator):
    """Judges the partition by its Great Expectations suite; a rejected one waits in quarantine."""

    operator_extra_links = (DataReportLink(),)

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> ValidationReport:
        """Leave the address of the report for the link, then evaluate the suite on the snapshot."""
        from titlebout.steps.validate_partition import validate_partition

        ledger = self.ledger()
        # Before the step, which raises on a rejected partition: its report is the one that is wanted most.
        context["ti"].xcom_push(key=DataReportLink.address_key, value=_address(ledger, spec, run))
        return validate_partition(
            spec,
            run,
            suite=load_suite(spec.validation.suite),
            lake=self.lake(),
            ledger=ledger,
            validator=build_validator(),
        )


def _address(ledger: Ledger, spec: ModelSpec, run: RunContext) -> str:
    record = ledger.state(spec.name).partitions.get(run.partition)
    return report_address(spec.name, run.partition, record.snapshot.revision if record else None)
