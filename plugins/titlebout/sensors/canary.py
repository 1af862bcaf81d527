"""Sensor that watches a trial until it has passed or failed."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import Context, XComArg
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.live_trials.trial_results import TrialLook, TrialTicket
from titlebout.core.results import RunContext
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator, read_input
from titlebout.task_links import TrialLink, trial_address
from titlebout.wiring import build_client, build_host, build_server_log


class CanarySensor(StepOperator):
    """Looks at a trial until it is decided; between two looks it waits in the triggerer, without a worker slot.

    It remembers nothing: what was counted stays on the server, how far the trial is stands in the ledger. A look that
    is lost, or made twice, changes nothing. A trial that fails, also for want of traffic, fails the task with the
    reasons in one line; by then the candidate takes part in no answer.

    Args:
        ticket: Result of `start_trial`, usually `start.output` (templated).
        server_conn_id: Connection that says where model servers live; default: by `deployment.target` (templated).
        poke_interval: Time between two looks. `execution_timeout` is that of one look: a trial has an end of its own.
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    operator_extra_links = (TrialLink(),)
    template_fields: Sequence[str] = (*StepOperator.template_fields, "ticket", "server_conn_id")

    def __init__(
        self,
        *,
        ticket: XComArg | Mapping[str, JsonValue],
        server_conn_id: str | None = None,
        poke_interval: timedelta = timedelta(seconds=60),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ticket = ticket
        self.server_conn_id = server_conn_id
        self.poke_interval = poke_interval

    def look_again(self, context: Context, event: object = None) -> dict[str, JsonValue]:
        """Look once more.

        Args:
            context: Airflow's context of the task.
            event: What the trigger said when it woke the task: the time, which nobody needs.
        """
        return self.execute(context)

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> TrialLook:
        """Look once; where the trial is not decided, the process ends here and `look_again` goes on."""
        from titlebout.steps.trial_desk import TrialDesk
        from titlebout.steps.watch_trial import watch_trial

        desk = TrialDesk(
            spec,
            run.actor,
            self.lake(),
            self.ledger(),
            build_host(spec, airflow_connection, conn_id=self.server_conn_id),
            build_client(),
        )
        ticket = read_input(TrialTicket, self.ticket, "ticket")
        if ticket.token is not None and spec.release.strategy is ReleaseStrategy.AB:
            context["ti"].xcom_push(TrialLink.address_key, trial_address(spec.name, ticket.token))
        look = watch_trial(desk, ticket, build_server_log())
        if not look.is_over:
            self.defer(trigger=TimeDeltaTrigger(self.poke_interval), method_name="look_again")
        return look
