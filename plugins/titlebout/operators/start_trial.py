"""Operator of the step `start_trial`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context, XComArg
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.core.results import RunContext, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator, read_input
from titlebout.wiring import (
    build_client,
    build_host,
    build_lake,
    build_ledger,
    build_registry,
    build_trial_client,
)


class StartTrialOperator(StepOperator):
    """Has a winner tried on live requests, as `release.strategy` of the spec says. Succeeds, too, with nothing to try.

    Args:
        verdict: Result of `compare_with_champion`, usually `compare.output` (templated).
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        server_conn_id: Connection that says where model servers live; default: by `deployment.target` (templated).
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

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> TrialTicket:
        """Start the trial, or go on with it."""
        from titlebout.steps.release_desk import ReleaseDesk
        from titlebout.steps.start_trial import start_trial

        desk = ReleaseDesk(
            spec,
            run.actor,
            build_lake(airflow_connection(self.lake_conn_id)),
            build_ledger(airflow_connection(self.ledger_conn_id)),
            build_registry(airflow_connection(self.mlflow_conn_id)),
            build_host(spec, airflow_connection, conn_id=self.server_conn_id),
            build_client(),
        )
        verdict = read_input(Verdict, self.verdict, "verdict")
        ticket = start_trial(run, desk, verdict=verdict, trials=build_trial_client())
        self.log.info("%s", ticket.reason)
        return ticket
