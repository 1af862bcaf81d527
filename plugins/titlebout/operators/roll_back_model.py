"""Operator of the step `roll_back_model`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context, XComArg
from pydantic import JsonValue

from titlebout.connections import release_ports
from titlebout.core.machine.openmp import let_threads_sleep
from titlebout.project import load_model_spec
from titlebout.step_operator import failures_in_one_line, over_retry_defaults, quiet_libraries, read_input
from titlebout.task_links import ModelServerLink


class RollBackModelOperator(BaseOperator):
    """Carries a rehearsed rollback out. Cleared, it finishes the same rollback and begins no other.

    Args:
        model: Name of the model spec (templated).
        plan: Result of `rehearse_rollback`, usually `rehearse.output` (templated).
        lake_conn_id: Connection of the lake (templated).
        ledger_conn_id: Connection of the ledger (templated).
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        server_conn_id: As in `DeployModelOperator` (templated).
        **kwargs: See Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (
        "model",
        "plan",
        "lake_conn_id",
        "ledger_conn_id",
        "mlflow_conn_id",
        "server_conn_id",
    )
    operator_extra_links = (ModelServerLink(),)

    def __init__(
        self,
        *,
        model: str,
        plan: XComArg | Mapping[str, JsonValue],
        lake_conn_id: str = "titlebout_lake",
        ledger_conn_id: str = "titlebout_ledger",
        mlflow_conn_id: str = "titlebout_mlflow",
        server_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**over_retry_defaults(kwargs))
        self.model = model
        self.plan = plan
        self.lake_conn_id = lake_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.mlflow_conn_id = mlflow_conn_id
        self.server_conn_id = server_conn_id

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Roll back, and leave the server's address for the link."""
        quiet_libraries()
        let_threads_sleep()
        with failures_in_one_line():
            from titlebout.core.rollback_plan import RollbackPlan
            from titlebout.steps.roll_back_model import roll_back_model

            spec = load_model_spec(self.model)
            ports = release_ports(
                spec,
                lake_conn_id=self.lake_conn_id,
                ledger_conn_id=self.ledger_conn_id,
                mlflow_conn_id=self.mlflow_conn_id,
                server_conn_id=self.server_conn_id,
            )
            release = roll_back_model(spec, read_input(RollbackPlan, self.plan, "plan"), **ports)
        context["ti"].xcom_push(key=ModelServerLink.address_key, value=release.url or "")
        return release.as_json()
