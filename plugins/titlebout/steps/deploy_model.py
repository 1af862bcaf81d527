"""Step `deploy_model`: let a challenger serve that won its bout, and see to it that the champion does serve.

How a release comes about, and what a crash leaves, is told in `release_desk`.
"""

import logging

from titlebout.core.candidates.permits import use_checked_image, why_not_approved
from titlebout.core.candidates.promotion import why_champion_stays
from titlebout.core.errors import DeploymentError, StaleTokenError, bounded
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.live_trials.trial import TrialState
from titlebout.core.live_trials.trial_permit import why_not_tried
from titlebout.core.live_trials.trial_port import TrialClient
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.ports import Lake, Ledger, ModelRegistry, ServerClient, ServerHost
from titlebout.core.results import Release, ReleaseStatus, RunContext, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import proven_version
from titlebout.steps.release_desk import PATIENCE_SECONDS, ReleaseDesk
from titlebout.steps.trial_desk import TrialDesk

logger = logging.getLogger(__name__)


def deploy_model(
    spec: ModelSpec,
    run: RunContext,
    *,
    verdict: Verdict,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
    host: ServerHost,
    client: ServerClient,
    trials: TrialClient | None = None,
) -> Release:
    """Release the challenger of a verdict, or say why there is nothing to release.

    While another run or a person is changing what serves, it waits: only then it is clear who the champion is.
    Where there is nothing to release, the champion's server is looked after: one that is down or has lost its
    release, after a reboot for example, serves it again. With `deployment.target: none` ledger and alias change and no
    server is asked. `trials` is needed where the spec asks for a trial.

    Raises:
        DeploymentError: The release did not prove itself, or the verdict is out of date. What served before
            serves on, and the ledger holds a `release_failed` if an attempt was made.
        CorruptObjectError: The challenger is not what the ledger says was trained; no attempt was made.
        StaleTokenError: A newer attempt has taken over; the rest is its business.
        UnavailableError: Lake, ledger, registry, host or server does not answer. No `release_failed` is recorded:
            the retry is a new attempt and finishes what this one began.
    """
    if verdict.model != spec.name:
        message = f"verdict on {verdict.model!r} was handed to the release of {spec.name!r}; hand over its own"
        raise DeploymentError(message)
    if not run.is_live:
        return _skipped(verdict, f"a {run.kind} run never changes what serves")
    desk = ReleaseDesk(spec, run.actor, lake, ledger, registry, host, client)
    try:
        release = desk.decide(lambda state: _released_or_kept(desk, verdict, state), patience_seconds=PATIENCE_SECONDS)
    except StaleTokenError:
        raise  # a newer attempt releases the winner of this trial
    except DeploymentError as error:
        _end_trial(desk, verdict, trials, str(error))
        raise
    _end_trial(desk, verdict, trials, release.reason)
    return release


def _released_or_kept(desk: ReleaseDesk, verdict: Verdict, state: LedgerState) -> Release:
    champion = state.champion
    if champion and champion.version == verdict.challenger:  # a run of this step got as far as the ledger
        return desk.keep_serving(state, champion)
    reason = (
        why_champion_stays(verdict, desk.lake, state)
        or why_not_approved(desk.spec, desk.ledger, verdict)
        or why_not_tried(desk.spec, desk.ledger, state, verdict.challenger)
    )
    if reason:
        if champion:
            desk.keep_serving(state, champion)
            desk.look_after_alias(champion.version)
        return _skipped(verdict, reason)
    # Nights may lie between the bout and this: what won is held against the ledger once more.
    winner = proven_version(desk.lake, desk.ledger, desk.spec.name, verdict.challenger)
    use_checked_image(desk.spec, desk.ledger, desk.host, winner.version)
    return desk.serve(state, winner, "; ".join(verdict.reasons))


def _end_trial(desk: ReleaseDesk, verdict: Verdict, trials: TrialClient | None, reason: str) -> None:
    """End the trial of this winner: it is released by now, or must not go on answering without."""
    newest = TrialRecord(desk.ledger, desk.spec.name).newest() if trials and desk.spec.release.has_trial else None
    if trials is None or newest is None or newest.version != verdict.challenger:
        return
    trial_desk = TrialDesk(desk.spec, desk.actor, desk.lake, desk.ledger, desk.host, trials)
    if newest.state is TrialState.PASSED:
        trial_desk.end(newest, (reason,))
    elif newest.state is TrialState.OVER:
        trial_desk.withdraw(newest)  # the release has ended it; this frees its memory


def _skipped(verdict: Verdict, reason: str) -> Release:
    logger.info("%s is not released: %s", verdict.challenger, reason)
    skipped = ReleaseStatus.SKIPPED
    return Release(model=verdict.model, version=verdict.challenger, status=skipped, reason=bounded(reason))
