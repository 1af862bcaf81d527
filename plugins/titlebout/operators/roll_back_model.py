"""Operator of the step `roll_back_model`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context, XComArg
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.emergency import StandingModel
from titlebout.step_operator import ModelOperator, read_input, step_in_a_task
from titlebout.task_links import ModelServerLink
from titlebout.wiring import build_client, build_registry


class RollBackModelOperator(ModelOperator):
    """Carries a rehearsed rollback out. Cleared, it finishes the same rollback and begins no other.

    Args:
        plan: Result of `rehearse_rollback`, usually `rehearse.output` (templated).
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        server_conn_id: As in `DeployModelOperator` (templated).
        **kwargs: See `ModelOperator`.
    """

    template_fields: Sequence[str] = (*ModelOperator.template_fields, "plan", "mlflow_conn_id", "server_conn_id")
    operator_extra_links = (ModelServerLink(),)

    def __init__(
        self,
        *,
        plan: XComArg | Mapping[str, JsonValue],
        mlflow_conn_id: str = "titlebout_mlflow",
        server_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.mlflow_conn_id = mlflow_conn_id
        self.server_conn_id = server_conn_id

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Roll back, and leave the server's address for the link."""
        with step_in_a_task():
            from titlebout.core.rollback_plan import RollbackPlan
            from titlebout.steps.roll_back_model import roll_back_model

            lake, ledger = self.lake(), self.ledger()
            standing = StandingModel.of(self.model, lake=lake, ledger=ledger)
            spec, host = standing.placed(airflow_connection, conn_id=self.server_conn_id)
            release = roll_back_model(
                spec,
                read_input(RollbackPlan, self.plan, "plan"),
                lake=lake,
                ledger=ledger,
                registry=build_registry(airflow_connection(self.mlflow_conn_id)),
                host=host,
                client=build_client(),
            )
        context["ti"].xcom_push(key=ModelServerLink.address_key, value=release.url or "")
        return release.as_json()
