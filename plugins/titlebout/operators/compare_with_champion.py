"""Operator of the step `compare_with_champion`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context, XComArg
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Ledger
from titlebout.core.results import Outcome, RunContext, TrainedChallenger, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator, read_input
from titlebout.task_links import VerdictLink, verdict_address
from titlebout.wiring import build_registry


class CompareWithChampionOperator(StepOperator):
    """Scores challenger and champion on the same holdout. A worse challenger is a verdict, not a failure.

    An outlet is told of a bout that is the night's last word: what a winner comes to is for its release to tell, and
    runs over the past decide nothing.

    Args:
        challenger: Result of `train_challenger`, usually `train.output` (templated).
        mlflow_conn_id: Connection of the MLflow tracking server or database (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "challenger", "mlflow_conn_id")
    operator_extra_links = (VerdictLink(),)

    def __init__(
        self,
        *,
        challenger: XComArg | Mapping[str, JsonValue],
        mlflow_conn_id: str = "titlebout_mlflow",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.challenger = challenger
        self.mlflow_conn_id = mlflow_conn_id

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> Verdict:
        """Reach the verdict of this partition's bout, and leave the address of its page for the link."""
        from titlebout.steps.compare_with_champion import compare_with_champion

        ledger = self.ledger()
        verdict = compare_with_champion(
            spec,
            run,
            challenger=read_input(TrainedChallenger, self.challenger, "challenger"),
            lake=self.lake(),
            ledger=ledger,
            registry=build_registry(airflow_connection(self.mlflow_conn_id)),
        )
        context["ti"].xcom_push(key=VerdictLink.address_key, value=_address(ledger, verdict))
        self.log.info("%s: %s", verdict.outcome, "; ".join(verdict.reasons))
        if verdict.outcome is Outcome.PROMOTE or not run.is_live:
            self.outlets = []
        return verdict


def _address(ledger: Ledger, verdict: Verdict) -> str:
    document = verdict.as_json()
    entries = ledger.entries(verdict.model, kinds={EntryKind.VERDICT_REACHED})
    found = [entry.sequence for entry in entries if entry.payload.get("verdict") == document]
    return verdict_address(verdict.model, verdict.partition, found[-1] if found else None)
