"""Operator of the step `train_challenger`."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from titlebout.connections import airflow_connection
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Ledger
from titlebout.core.results import RunContext, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator
from titlebout.task_links import DriftReportLink, MlflowRunLink, drift_address
from titlebout.wiring import build_registry, build_search


class TrainChallengerOperator(StepOperator):
    """Trains a challenger on the training window that belongs to the partition.

    Args:
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "mlflow_conn_id")
    operator_extra_links = (MlflowRunLink(), DriftReportLink())

    def __init__(self, *, mlflow_conn_id: str = "titlebout_mlflow", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mlflow_conn_id = mlflow_conn_id

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> TrainedChallenger:
        """Train, and leave the addresses of the MLflow run and of what the drift DAG saw at this partition."""
        from titlebout.steps.train_challenger import train_challenger

        ledger = self.ledger()
        context["ti"].xcom_push(key=DriftReportLink.address_key, value=drift_address(spec.name, run.partition))
        challenger = train_challenger(
            spec,
            run,
            lake=self.lake(),
            ledger=ledger,
            registry=build_registry(airflow_connection(self.mlflow_conn_id)),
            search=build_search(),
        )
        context["ti"].xcom_push(key=MlflowRunLink.address_key, value=_run_url(ledger, challenger))
        return challenger


def _run_url(ledger: Ledger, challenger: TrainedChallenger) -> str:
    for entry in reversed(ledger.entries(challenger.model, kinds={EntryKind.CHALLENGER_TRAINED})):
        if entry.payload.get("version") == challenger.version:
            return str(entry.payload.get("run_url") or "")
    return ""
