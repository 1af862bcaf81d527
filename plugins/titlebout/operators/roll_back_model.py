"""Operator of the step `roll_back_model`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context, XComArg
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.machine.openmp import let_threads_sleep
from titlebout.project import load_model_spec
from titlebout.step_operator import failures_in_one_line, over_retry_defaults, quiet_libraries, read_input
from titlebout.task_links import ModelServerLink
from titlebout.wiring import build_client, build_host, build_lake, build_ledger, build_registry


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
            release = roll_back_model(
                spec,
                read_input(RollbackPlan, self.plan, "plan"),
                lake=build_lake(airflow_connection(self.lake_conn_id)),
                ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
                registry=build_registry(airflow_connection(self.mlflow_conn_id)),
                host=build_host(spec, airflow_connection, conn_id=self.server_conn_id),
                client=build_client(),
            )
        context["ti"].xcom_push(key=ModelServerLink.address_key, value=release.url or "")
        return release.as_json()
