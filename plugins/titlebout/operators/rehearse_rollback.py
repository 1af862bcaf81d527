"""Operator of the step `rehearse_rollback`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.emergency import StandingModel
from titlebout.step_operator import ModelOperator, step_in_a_task

FORM: Mapping[str, str] = {
    "to": "{{ params.version or '' }}",
    "reason": "{{ params.reason }}",
    "by": "{{ params.by }}",
}


class RehearseRollbackOperator(ModelOperator):
    """Finds the version to go back to and tries it on today's rows; returns the plan. Changes nothing.

    Who rolls back is the user whom Airflow knows to have started the run; a name in `request` counts only where it
    knows none, as with a run that another program started.

    Args:
        request: What is asked for: `to`, the version (empty: what served before the champion), `reason`, and `by`,
            who asks where Airflow does not know. Default: what the trigger form says (templated).
        is_dry_run: Whether to stop here, as text (templated).
        **kwargs: See `ModelOperator`.
    """

    template_fields: Sequence[str] = (*ModelOperator.template_fields, "request", "is_dry_run")

    def __init__(
        self,
        *,
        request: Mapping[str, str] = FORM,
        is_dry_run: str = "{{ params.dry_run }}",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.request = request
        self.is_dry_run = is_dry_run

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Rehearse, and return the plan as JSON.

        Raises:
            AirflowSkipException: Only a rehearsal was asked for; what follows is skipped.
        """
        with step_in_a_task():
            from titlebout.core.rollback_plan import RollbackRequest
            from titlebout.steps.rehearse_rollback import rehearse_rollback

            request = RollbackRequest.of(
                by=getattr(context["dag_run"], "triggering_user_name", None) or self.request.get("by", ""),
                reason=self.request.get("reason", ""),
                to=self.request.get("to", "").strip() or None,
            )
            lake, ledger = self.lake(), self.ledger()
            standing = StandingModel.of(self.model, lake=lake, ledger=ledger)
            if standing.note:
                self.log.warning("%s: %s", self.model, standing.note)
            plan = rehearse_rollback(standing.spec, request, lake=lake, ledger=ledger)
        for name, value in plan.as_json().items():
            self.log.info("%s: %s", name, value)
        if self.is_dry_run.strip().lower() == "true":
            message = f"only a rehearsal was asked for: {plan.away or 'nothing'} would give way to {plan.to}"
            raise AirflowSkipException(message)
        return plan.as_json()
