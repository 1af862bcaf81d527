"""What all operators share: the run's context, one line per failure, a JSON result."""

import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from airflow.sdk import BaseOperator, Context, XComArg
from pydantic import JsonValue, ValidationError

from titlebout.connections import ReleasePorts, airflow_connection, release_ports
from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.first_mistake import first_mistake
from titlebout.core.machine.openmp import let_threads_sleep
from titlebout.core.partitions import resolve_key, to_timetable
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import Result, RunContext, RunKind, Verdict
from titlebout.core.retraining.retrain_settings import for_reason
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec
from titlebout.step_retries import StepFailed, StepUnavailable, over_retry_defaults
from titlebout.wiring import build_lake, build_ledger

ResultT = TypeVar("ResultT", bound=Result)


# What they say about their own start, up to hundreds of lines, would bury what the step says.
TALKATIVE_LIBRARIES = ("alembic", "great_expectations")


def quiet_libraries() -> None:
    """Let talkative libraries write only their warnings into the task log."""
    for name in TALKATIVE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def step_in_a_task() -> Iterator[None]:
    """Let a step run as all do: libraries and waiting threads keep quiet, and what it raises on purpose is one line.

    Titlebout's own errors become a `StepFailed`; a bug keeps its traceback.
    """
    quiet_libraries()
    let_threads_sleep()
    try:
        yield
    except TitleboutError as error:
        failure = StepUnavailable if isinstance(error, UnavailableError) else StepFailed
        message = f"{type(error).__name__}: {error}"
        raise failure(message) from error


def run_context(context: Context, spec: ModelSpec, partition: str | None = None) -> RunContext:
    """Say what a step has to know about the Airflow run it works for.

    Args:
        context: Airflow's context of the task.
        spec: The model's spec; its calendar decides when a partition is over.
        partition: A key that overrides both the run's configuration and its own partition key.

    Raises:
        PartitionKeyError: The run has no usable partition key.
    """
    dag_run = context["dag_run"]
    conf: Mapping[str, Any] = dag_run.conf or {}
    # An enumeration whose `str()` is its Python name: "DagRunType.BACKFILL".
    kind = _KINDS.get(getattr(dag_run.run_type, "value", dag_run.run_type), RunKind.MANUAL)
    key = resolve_key(
        {"partition": partition or conf.get("partition")},
        dag_run.partition_key,
        now=datetime.now(UTC),
        calendar=spec.calendar,
    )
    return RunContext(
        partition=key,
        run_id=dag_run.run_id,
        kind=kind,
        reason=str(conf.get("reason") or _REASONS[kind]),
    )


_KINDS = {"scheduled": RunKind.SCHEDULED, "backfill": RunKind.BACKFILL}
_REASONS = {RunKind.SCHEDULED: "schedule", RunKind.BACKFILL: "backfill", RunKind.MANUAL: "triggered by hand"}


def read_input(kind: type[ResultT], value: object, argument: str) -> ResultT:
    """Check what another task left in an XCom.

    Raises:
        TitleboutError: It is not what the argument stands for.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        message = (
            f"argument {argument!r} holds no {kind.__name__}: {first_mistake(error, 'the whole value')}; "
            "clear the task that it comes from, so that this version of Titlebout makes it anew"
        )
        raise TitleboutError(message) from None


class ModelOperator(BaseOperator):
    """Base of the operators that work for one model.

    Args:
        model: Name of the model spec (templated).
        lake_conn_id: Connection of the lake (templated).
        ledger_conn_id: Connection of the ledger (templated).
        **kwargs: See Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = ("model", "lake_conn_id", "ledger_conn_id")

    def __init__(
        self,
        *,
        model: str,
        lake_conn_id: str = "titlebout_lake",
        ledger_conn_id: str = "titlebout_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**over_retry_defaults(kwargs))
        self.model = model
        self.lake_conn_id = lake_conn_id
        self.ledger_conn_id = ledger_conn_id

    def lake(self) -> Lake:
        """Open the lake."""
        return build_lake(airflow_connection(self.lake_conn_id))

    def ledger(self) -> Ledger:
        """Open the ledger."""
        return build_ledger(airflow_connection(self.ledger_conn_id))


class StepOperator(ModelOperator):
    """Base of the operators that run one step for one partition of one model.

    Args:
        partition: Partition key; default: the run's own (templated).
        **kwargs: See `ModelOperator`.
    """

    template_fields: Sequence[str] = (*ModelOperator.template_fields, "partition")

    def __init__(self, *, partition: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partition = partition

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Run the step and return its result as JSON."""
        with step_in_a_task():
            spec = load_model_spec(self.model)
            run = run_context(context, spec, self.partition)
            self.log.info("%s of %s for partition %s (%s)", self.task_id, spec.name, run.partition, run.reason)
            result = self.run_step(for_reason(spec, run.reason), run, context)
        for asset in self.outlets:
            # A run triggered by drift carries its key in `conf`, so the event must be told.
            context["outlet_events"][asset].add_partitions(to_timetable(run.partition))
        return result.as_json()

    @abstractmethod
    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> Result:
        """Wire the step's adapters, run it, and return its result."""


class VerdictOperator(StepOperator):
    """Base of the operators that let a verdict's winner near the model's server.

    Args:
        verdict: Result of `compare_with_champion`, usually `compare.output` (templated).
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        server_conn_id: Connection that says where model servers live; default: `titlebout_server` or
            `titlebout_docker`, by `deployment.target` of the spec (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "verdict", "mlflow_conn_id", "server_conn_id")

    def __init__(
        self,
        *,
        verdict: XComArg | Mapping[str, JsonValue],
        mlflow_conn_id: str = "titlebout_mlflow",
        server_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verdict = verdict
        self.mlflow_conn_id = mlflow_conn_id
        self.server_conn_id = server_conn_id

    def read_verdict(self) -> Verdict:
        """Check what `compare_with_champion` left."""
        return read_input(Verdict, self.verdict, "verdict")

    def ports(self, spec: ModelSpec) -> ReleasePorts:
        """Wire what the step needs that changes what serves."""
        return release_ports(
            spec,
            lake_conn_id=self.lake_conn_id,
            ledger_conn_id=self.ledger_conn_id,
            mlflow_conn_id=self.mlflow_conn_id,
            server_conn_id=self.server_conn_id,
        )
