"""Operator of the step `approve_release`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param, XComArg
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.results import RunContext, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec
from titlebout.step_operator import read_input, run_context, step_in_a_task
from titlebout.step_retries import over_retry_defaults
from titlebout.task_links import verdict_address
from titlebout.wiring import build_lake, build_ledger

APPROVE, REJECT = "Approve", "Reject"
WHY = {"type": "string", "maxLength": 200, "title": "Why"}


class ApproveReleaseOperator(HITLOperator):
    """Asks a person whether the winner of a bout may serve, and waits without a worker slot for the answer.

    The answer goes into the ledger, where `deploy_model` looks for it: a rejection, or no answer within
    `response_timeout`, leaves the champion where it is and the run green. Skips where there is nothing to promote.

    Args:
        model: Name of the model spec (templated).
        verdict: Result of `compare_with_champion`, usually `compare.output` (templated).
        partition: Partition key; default: the run's own (templated).
        lake_conn_id: Connection of the lake (templated).
        ledger_conn_id: Connection of the ledger (templated).
        **kwargs: See Airflow's `HITLOperator`; give a `response_timeout`.
    """

    template_fields: Sequence[str] = ("model", "verdict", "partition", "lake_conn_id", "ledger_conn_id")

    def __init__(
        self,
        *,
        model: str,
        verdict: XComArg | Mapping[str, JsonValue],
        partition: str | None = None,
        lake_conn_id: str = "titlebout_lake",
        ledger_conn_id: str = "titlebout_ledger",
        **kwargs: Any,
    ) -> None:
        question = {"subject": f"May the winner serve as {model}?", "options": [APPROVE, REJECT], "defaults": [REJECT]}
        # Behind the other arguments: among them Airflow has put the DAG's own params by now.
        why = Param("", "It goes into the ledger.", schema=WHY)
        super().__init__(**{**question, **over_retry_defaults(kwargs), "params": {"why": why}})
        self.model = model
        self.verdict = verdict
        self.partition = partition
        self.lake_conn_id = lake_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Put the question, or return the agreement that was given before.

        Raises:
            AirflowSkipException: There is nothing to ask.
        """
        with step_in_a_task():
            from titlebout.core.candidates.approval_question import ApprovalQuestion
            from titlebout.steps.approve_release import approve_release

            spec, run, verdict = self._asked_about(context)
            said = approve_release(
                spec,
                run,
                verdict=verdict,
                page=_page(verdict),
                lake=build_lake(airflow_connection(self.lake_conn_id)),
                ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
            )
        if isinstance(said, str):
            raise AirflowSkipException(said)
        if not isinstance(said, ApprovalQuestion):
            return said.as_json()
        self.subject, self.body = said.subject, said.body
        waiting: dict[str, JsonValue] = super().execute(context)  # ends this process; `execute_complete` goes on
        return waiting

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, JsonValue]:
        """Keep the answer, and return it as JSON."""
        super().execute_complete(context, event)
        person = None if event.get("timedout") else event.get("responded_by_user")
        with step_in_a_task():
            from titlebout.steps.approve_release import record_answer

            _, run, verdict = self._asked_about(context)
            answer = record_answer(
                run,
                verdict,
                build_ledger(airflow_connection(self.ledger_conn_id)),
                is_approved=event["chosen_options"] == [APPROVE],
                by=(person.get("name") or person.get("id")) if person else None,
                why=str((event.get("params_input") or {}).get("why") or ""),
            )
        self.log.info("%s", answer)
        return answer.as_json()

    def _asked_about(self, context: Context) -> tuple[ModelSpec, RunContext, Verdict]:
        spec = load_model_spec(self.model)
        return spec, run_context(context, spec, self.partition), read_input(Verdict, self.verdict, "verdict")


def _page(verdict: Verdict) -> str:
    base = conf.get("api", "base_url", fallback=None) or ""
    return f"{base.rstrip('/')}/{verdict_address(verdict.model, verdict.partition)}"
