"""Step `start_trial`: have a winner tried on live requests before it serves."""

import logging

from titlebout.core.candidates.permits import use_checked_image, why_not_approved
from titlebout.core.candidates.promotion import why_nothing_to_release
from titlebout.core.errors import DeploymentError, LedgerConflictError, bounded
from titlebout.core.ledgers.compare_and_set import decide_again_if_overtaken
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.live_trials.trial import Trial, TrialState
from titlebout.core.live_trials.trial_port import TrialClient
from titlebout.core.live_trials.trial_record import is_too_old
from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.core.results import RunContext, Verdict
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.split_needs import split_rules
from titlebout.core.version_proof import proven_version
from titlebout.steps.release_desk import PATIENCE_SECONDS, ReleaseDesk
from titlebout.steps.trial_desk import TrialDesk

logger = logging.getLogger(__name__)

NO_CHAMPION = "nothing serves yet that it could be tried against: the first winner is released at once"


def start_trial(run: RunContext, desk: ReleaseDesk, *, verdict: Verdict, trials: TrialClient) -> TrialTicket:
    """Start the trial of a verdict's winner, or say why there is none to watch.

    Started again after a crash it goes on with the same trial. While the trial of another winner runs, this winner
    waits for another night: there are never two.

    Raises:
        DeploymentError: The server did not take the candidate, or the verdict is out of date. The champion serves on.
        CorruptObjectError: The candidate is not what the ledger says was trained; nothing was started.
        UnavailableError: Lake, ledger, host or server does not answer.
    """
    spec, ledger = desk.spec, desk.ledger
    if verdict.model != spec.name:
        message = f"verdict on {verdict.model!r} was handed to the trial of {spec.name!r}; hand over its own"
        raise DeploymentError(message)
    trial_desk = TrialDesk(spec, run.actor, desk.lake, ledger, desk.host, trials)

    def find_or_start() -> Trial | str:
        state = ledger.state(spec.name)
        reason = why_nothing_to_release(run, verdict, desk.lake, state) or why_not_approved(spec, ledger, verdict)
        if reason or state.champion is None:
            return reason or NO_CHAMPION
        return _joined_or_started(trial_desk, verdict, _with_a_serving_champion(desk, state))

    found = decide_again_if_overtaken(spec.name, find_or_start)
    if isinstance(found, str):
        logger.info("no trial of %s: %s", verdict.challenger, found)
        return TrialTicket(model=spec.name, token=None, reason=bounded(found))
    if found.state is TrialState.RUNNING:
        trial_desk.status(found)
    logger.info("%s", found)
    return TrialTicket(model=spec.name, token=found.token, reason=str(found))


def _joined_or_started(desk: TrialDesk, verdict: Verdict, state: LedgerState) -> Trial | str:
    """Return the trial of this winner against this champion; or why it has to wait."""
    newest, champion = desk.record.newest(), state.champion
    wanted = (verdict.challenger, champion.version, champion.token) if champion else None
    is_same = newest is not None and (newest.version, newest.champion, newest.champion_token) == wanted
    if newest and is_same and newest.state in {TrialState.RUNNING, TrialState.PASSED, TrialState.KEPT}:
        return newest  # what outcomes have decided is not tried until it turns out well
    if newest and newest.state in {TrialState.RUNNING, TrialState.PASSED}:
        if not is_too_old(newest, desk.now()):
            return f"{verdict.challenger} waits: {newest}, by {newest.actor}"
        desk.end(newest, ("nobody watched it to its end",))
        raise LedgerConflictError(str(newest))
    winner = proven_version(desk.lake, desk.ledger, desk.spec.name, verdict.challenger)
    use_checked_image(desk.spec, desk.ledger, desk.host, winner.version)
    spec = desk.spec
    is_split = spec.release.strategy is ReleaseStrategy.AB
    rules = split_rules(spec.release, spec.dataset, spec.training, spec.comparison) if is_split else None
    return desk.record.start(state, winner, spec.release, rules)


def _with_a_serving_champion(desk: ReleaseDesk, state: LedgerState) -> LedgerState:
    """Return the state after the champion was served again where its server had lost it."""
    champion = state.champion
    if champion is None:
        return state
    release = desk.decide(
        lambda now: desk.keep_serving(now, now.champion or champion), patience_seconds=PATIENCE_SECONDS
    )
    return state if release.token == champion.token else desk.ledger.state(desk.spec.name)
