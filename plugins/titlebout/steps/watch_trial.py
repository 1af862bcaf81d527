"""Step `watch_trial`: one look at a trial, and what follows from it."""

import logging

from pydantic import JsonValue

from titlebout.core.errors import DeploymentError
from titlebout.core.inference_log.log_port import ServerLog
from titlebout.core.live_trials.trial import Trial, TrialState
from titlebout.core.live_trials.trial_judgement import Decision, StepVerdict, judge_step, proven_harms
from titlebout.core.live_trials.trial_results import TrialLook, TrialTicket
from titlebout.core.live_trials.trial_wire import TrialStatus
from titlebout.core.specs.release_spec import ReleaseSection, ReleaseStrategy
from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.split_report import SplitDecision
from titlebout.steps.judge_split import judge_split
from titlebout.steps.trial_desk import TrialDesk, failure_of

logger = logging.getLogger(__name__)


def watch_trial(desk: TrialDesk, ticket: TrialTicket, server_log: ServerLog | None = None) -> TrialLook:
    """Look once: judge the present step and go on, advance, or end the trial.

    A look that is lost, repeated or made by two at once changes nothing: what was counted stays on the server, and
    how far the trial is stands in the ledger. Where outcomes decide (strategy ab), the log is collected first.

    Raises:
        DeploymentError: The trial has failed; it takes no part in any answer, and the champion serves on.
        UnavailableError: Lake, ledger, host or server does not answer.
    """
    if ticket.token is None:
        return TrialLook(model=ticket.model, token=None, is_over=True, summary=ticket.reason)
    trial = desk.record.of_token(ticket.token)
    if trial is None:
        message = f"the ledger of {ticket.model!r} knows no trial {ticket.token}; clear start_trial"
        raise DeploymentError(message)
    if trial.state is TrialState.RUNNING:
        rules = trial.split
        trial, summary = _judged(desk, trial) if rules is None else _split(desk, trial, rules, server_log)
        if trial.state is TrialState.RUNNING:
            return TrialLook(model=ticket.model, token=ticket.token, is_over=False, summary=summary)
    return _ended(desk, trial)


def _judged(desk: TrialDesk, trial: Trial) -> tuple[Trial, str]:
    is_over = desk.now() >= trial.step_ends_at
    status = desk.status(trial)
    verdict = judge_step(status.counts, _limits(desk.spec.release, trial), is_over=is_over)
    summary = f"{trial}: {verdict.decision}: {'; '.join(verdict.reasons)}"
    logger.info("%s", summary)
    evidence = _evidence(status, verdict)
    if verdict.decision is Decision.CONTINUE:
        return trial, summary
    if verdict.decision is Decision.FAIL:
        return desk.end(trial, verdict.reasons, evidence), summary
    if trial.is_last_step:
        return desk.record.settle(trial, verdict.reasons, evidence), summary
    advanced = desk.record.advance(trial, evidence)
    if advanced.state is TrialState.RUNNING:
        desk.status(advanced)
    return advanced, str(advanced)


def _split(desk: TrialDesk, trial: Trial, rules: SplitRules, server_log: ServerLog | None) -> tuple[Trial, str]:
    """Look at a split: what is proven to be broken ends it at once, and else its outcomes decide."""
    status = desk.status(trial)
    harms = proven_harms(status.counts, _limits(desk.spec.release, trial))
    if harms:
        return desk.end(trial, harms, {"pairs": status.counts.pairs}), "; ".join(harms)
    look = judge_split(desk, trial, rules, server_log)
    summary = f"{trial}: {look.decision}: {'; '.join(look.reasons)}"
    match look.decision:
        case SplitDecision.PROMOTE:
            return desk.record.settle(trial, look.reasons, look.evidence), summary
        case SplitDecision.KEEP:
            return desk.keep(trial, look.reasons, look.evidence), summary
        case SplitDecision.INCONCLUSIVE:
            return desk.end(trial, ("inconclusive", *look.reasons), look.evidence), summary
    return trial, summary


def _ended(desk: TrialDesk, trial: Trial) -> TrialLook:
    """Return the last look at a trial that has passed, or whose outcomes spoke for the champion.

    Raises:
        DeploymentError: It has not.
    """
    champion = desk.ledger.state(trial.model).champion
    is_released = trial.state is TrialState.OVER and champion is not None and champion.version == trial.version
    if trial.state is TrialState.PASSED or is_released:
        return TrialLook(model=trial.model, token=trial.token, is_over=True, summary=str(trial))
    if trial.state is TrialState.KEPT:
        desk.withdraw(trial)
        kept = f"{trial}: {'; '.join(trial.reasons)}"
        return TrialLook(model=trial.model, token=trial.token, is_over=True, summary=kept)
    desk.withdraw(trial)  # whoever let it fail may not have come that far
    reasons = trial.reasons or (f"{champion.version if champion else 'nothing'} was released meanwhile",)
    raise DeploymentError(failure_of(trial, reasons))


def _limits(release: ReleaseSection, trial: Trial) -> ReleaseSection:
    """Return today's limits for the steps with which the trial began: a spec may change while it runs."""
    steps = trial.shares if trial.strategy is ReleaseStrategy.CANARY else release.steps
    return release.model_copy(update={"strategy": trial.strategy, "steps": steps})


def _evidence(status: TrialStatus, verdict: StepVerdict) -> JsonValue:
    counts = status.counts
    measures: list[JsonValue] = [measure.as_json() for measure in verdict.measures]
    return {
        "requests": counts.answered_champion + counts.asked_candidate,
        "asked_candidate": counts.asked_candidate,
        "pairs": counts.pairs,
        "score_distribution_distance": counts.total_variation,
        "measures": measures,
    }
