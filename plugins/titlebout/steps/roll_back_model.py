"""Step `roll_back_model`: a version that served before serves again, and what it replaces may not come back."""

import logging

from titlebout.core.errors import DecisionRefusedError, DeploymentError, StaleTokenError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState
from titlebout.core.live_trials.trial import TrialState
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.ports import Lake, Ledger, ModelRegistry, ServerClient, ServerHost
from titlebout.core.results import Release
from titlebout.core.rollback_plan import RollbackPlan
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.release_desk import PATIENCE_SECONDS, ReleaseDesk

logger = logging.getLogger(__name__)

OVERTAKEN_ATTEMPTS = 5


def roll_back_model(
    spec: ModelSpec,
    plan: RollbackPlan,
    *,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
    host: ServerHost,
    client: ServerClient,
) -> Release:
    """Carry a planned rollback out: the same attempt with a fencing token that a deploy makes.

    Run again after a crash it finishes what it began, and changes nothing once that stands. A deploy that starts
    in between takes the token away; as long as the bad version serves, the person's word goes first and the
    rollback tries again with a newer one.

    Raises:
        DecisionRefusedError: Something else serves than when the rollback was planned.
        DeploymentError: The server did not take the version. What served before serves on, and the ledger holds
            a `release_failed`.
        StaleTokenError: The same rollback is being carried out by somebody else, or deploys kept coming.
        UnavailableError: Lake, ledger, registry, host or server does not answer.
    """
    if plan.model != spec.name:
        message = f"a rollback of {plan.model!r} was handed to {spec.name!r}; hand over its own"
        raise DeploymentError(message)
    desk = ReleaseDesk(spec, plan.actor, lake, ledger, registry, host, client)
    for _ in range(OVERTAKEN_ATTEMPTS - 1):
        try:
            return _carry_out(desk, plan)
        except StaleTokenError:
            if _is_in_other_hands(ledger, plan):
                raise
            logger.warning("a deploy of %s started meanwhile, trying again", plan.model)
    return _carry_out(desk, plan)


def _carry_out(desk: ReleaseDesk, plan: RollbackPlan) -> Release:
    """Make one attempt; where it stands already, there is no hurry, and a deploy that is under way may finish."""
    state = desk.ledger.state(plan.model)
    champion = state.champion
    if plan.is_about(state):
        _end_trial_first(desk, plan)
    patience_seconds = PATIENCE_SECONDS if champion and champion.version == plan.to else 0
    return desk.decide(
        lambda state: _rolled_back(desk, plan, state),
        patience_seconds=patience_seconds,
        needs_alias=not desk.has_server,  # where there is none, somebody serves what the alias names
    )


def _rolled_back(desk: ReleaseDesk, plan: RollbackPlan, state: LedgerState) -> Release:
    champion = state.champion
    if champion and champion.version == plan.to:
        return desk.keep_serving(state, champion)
    if not plan.is_about(state):
        serves = f"{champion.version if champion else 'nothing'} serves {plan.model} now"
        is_back = champion is not None and champion.version == plan.away
        changed = (
            "and came to serve anew since the rollback was planned"
            if is_back
            else f"and not {plan.away} as when the rollback was planned"
        )
        message = f"{serves}, {changed}; look again, and plan it anew if it is still wanted"
        raise DecisionRefusedError(message)
    return desk.serve(state, desk.version(plan.to), plan.reason, withdraws=plan.away)


def _end_trial_first(desk: ReleaseDesk, plan: RollbackPlan) -> None:
    """End a trial in the ledger; on the server the release that follows ends it, in the moment of the swap."""
    record = TrialRecord(desk.ledger, plan.model, plan.actor)
    newest = record.newest()
    if newest and newest.state in {TrialState.RUNNING, TrialState.PASSED}:
        record.fail(newest, (f"{plan.away} was rolled back by {plan.by}: {plan.reason}",))


def _is_in_other_hands(ledger: Ledger, plan: RollbackPlan) -> bool:
    """Whether the newest attempt is this very rollback, started by somebody else."""
    newest = ledger.entries(plan.model, kinds={EntryKind.RELEASE_STARTED}, newest=1)
    return any((entry.payload["version"], entry.payload.get("withdraws")) == (plan.to, plan.away) for entry in newest)
