"""Operator of the step `deploy_model`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context, XComArg
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.results import Release, ReleaseStatus, RunContext, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator, read_input
from titlebout.task_links import ModelServerLink
from titlebout.wiring import (
    build_client,
    build_host,
    build_lake,
    build_ledger,
    build_registry,
    build_trial_client,
)


class DeployModelOperator(StepOperator):
    """Releases a challenger that won its bout. Skips, with the reason, when there is nothing to release.

    Args:
        verdict: Result of `compare_with_champion`, usually `compare.output` (templated).
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        server_conn_id: Connection that says where model servers live; default: `titlebout_server` or
            `titlebout_docker`, by `deployment.target` of the spec (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "verdict", "mlflow_conn_id", "server_conn_id")
    operator_extra_links = (ModelServerLink(),)

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

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> Release:
        """Release, and leave the server's address for the link.

        Raises:
            AirflowSkipException: Nothing was released; the run stays green.
        """
        from titlebout.steps.deploy_model import deploy_model

        release = deploy_model(
            spec,
            run,
            verdict=read_input(Verdict, self.verdict, "verdict"),
            lake=build_lake(airflow_connection(self.lake_conn_id)),
            ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
            registry=build_registry(airflow_connection(self.mlflow_conn_id)),
            host=build_host(spec, airflow_connection, conn_id=self.server_conn_id),
            client=build_client(),
            trials=build_trial_client() if spec.release.has_trial else None,
        )
        if release.status is ReleaseStatus.SKIPPED:
            raise AirflowSkipException(release.reason)
        context["ti"].xcom_push(key=ModelServerLink.address_key, value=release.url or "")
        return release
