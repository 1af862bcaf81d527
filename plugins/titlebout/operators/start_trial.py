"""Operator of the step `start_trial`."""

from airflow.sdk import Context

from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.core.results import RunContext
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import VerdictOperator
from titlebout.wiring import build_client


class StartTrialOperator(VerdictOperator):
    """Has a winner tried on live requests, as `release.strategy` of the spec says. Succeeds, too, with nothing to try.

    Its arguments are those of `VerdictOperator`.
    """

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> TrialTicket:
        """Start the trial, or go on with it."""
        from titlebout.steps.release_desk import ReleaseDesk
        from titlebout.steps.start_trial import start_trial

        desk = ReleaseDesk(spec, run.actor, **self.ports(spec))
        ticket = start_trial(run, desk, verdict=self.read_verdict(), trials=build_client())
        self.log.info("%s", ticket.reason)
        return ticket
