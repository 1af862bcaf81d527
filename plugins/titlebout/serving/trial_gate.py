"""Lets a candidate on trial in, step by step, and out; at most one at a time."""

import logging
import threading
from datetime import UTC, datetime

from titlebout.core.errors import CorruptObjectError, DeploymentError, StaleTokenError
from titlebout.core.live_trials.trial_wire import TrialOffer, TrialPush, TrialStatus
from titlebout.core.wire import ReleaseReceipt
from titlebout.serving.proof import prove_apart
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.settings import ServingSettings
from titlebout.serving.trial_run import RunningTrial, TrialRun
from titlebout.serving.trial_store import TrialFence, TrialStore

_logger = logging.getLogger(__name__)


class TrialGate(RunningTrial):
    """The trial that runs, and the only way to change it.

    Attributes:
        running: What is on trial, or None: the one thing that a request looks at. A trial whose champion was
            replaced, or whose time is over, may still stand here and takes part in nothing.
    """

    def __init__(self, settings: ServingSettings, gate: ReleaseGate) -> None:
        """Go on with what ran before the restart, with counts at nothing."""
        self._settings, self._gate = settings, gate
        self._store = TrialStore(settings.state_dir)
        self._fence = self._store.fence()
        self._one_at_a_time = threading.Lock()
        self.running = self._stored()

    def admit(self, push: TrialPush) -> TrialStatus:
        """Start a trial or its next step. Blocks for seconds: call it outside the event loop.

        Raises:
            StaleTokenError: The trial has ended, a newer one was here, or another release serves than it is for.
            DeploymentError: It is for another model, or the candidate did not prove itself.
            CorruptObjectError: A file is not what was sent; nothing was parsed.
        """
        with self._one_at_a_time:
            offer, champion = push.offer, self._champion(push.offer)
            self._check_token(offer)
            running = self._of_token(offer.token)
            if running and offer.step < running.offer.step:
                message = f"trial {offer.token} is at step {running.offer.step}, not {offer.step} any more"
                raise StaleTokenError(message)
            if running and offer == running.offer:
                return self._status(running)
            run = running.with_offer(offer) if running else TrialRun.of(offer, champion, self._proven(push))
            self._store.keep(push)
            self.running = run
            _logger.info("trial %d of %s: step %d, %d %%", offer.token, offer.version, offer.step, offer.percent)
            return self._status(run)

    def end(self, token: int) -> None:
        """End a trial for good; no error where it has ended or never began.

        Raises:
            StaleTokenError: A newer one runs.
        """
        with self._one_at_a_time:
            if token < self._fence.newest:
                message = f"trial {token} is over, trial {self._fence.newest} was here since"
                raise StaleTokenError(message)
            self.running = None  # first: whatever the disk does, the champion answers
            self._remember(TrialFence(newest=token, ended=token))
            self._store.forget()
            _logger.info("trial %d ended", token)

    def status(self) -> TrialStatus | None:
        """Return what runs, or ran until another release or its end came."""
        running = self.running
        return None if running is None else self._status(running)

    def _status(self, run: TrialRun) -> TrialStatus:
        return TrialStatus(
            offer=run.offer,
            is_running=run.is_on(self._gate.current),
            instance=self._settings.instance,
            counted_since=run.counted_since,
            counts=run.tally.counts(),
        )

    def _champion(self, offer: TrialOffer) -> LoadedRelease:
        if offer.model != self._settings.model:
            message = f"this server serves {self._settings.model!r}, not {offer.model!r}"
            raise DeploymentError(message)
        current = self._gate.current
        found = (current.receipt.version, current.receipt.token) if current else None
        if current is None or found != (offer.champion, offer.champion_token):
            message = f"trial {offer.token} is for release {offer.champion_token} ({offer.champion}); {found} serves"
            raise StaleTokenError(message)
        return current

    def _check_token(self, offer: TrialOffer) -> None:
        if offer.token < self._fence.newest or offer.token <= self._fence.ended:
            message = f"trial {offer.token} is over: {self._fence.newest} was here, {self._fence.ended} has ended"
            raise StaleTokenError(message)
        if offer.token > self._fence.newest:
            self._remember(TrialFence(newest=offer.token, ended=self._fence.ended))

    def _remember(self, fence: TrialFence) -> None:
        self._store.remember(fence)
        self._fence = fence

    def _of_token(self, token: int) -> TrialRun | None:
        running = self.running
        is_it = running and running.offer.token == token and running.champion is self._gate.current
        return running if is_it else None

    def _proven(self, push: TrialPush) -> LoadedRelease:
        self.running = None  # of an older token
        offer, bundle = push.offer, push.bundle()
        with self._store.incoming(offer, bundle) as folder:
            prove_apart(folder, model=offer.model, version=offer.version)
            return LoadedRelease.of(bundle, _receipt(offer))

    def _stored(self) -> TrialRun | None:
        loaded = self._store.load()
        if loaded is None or loaded[0].token <= self._fence.ended:
            return None
        offer, bundle = loaded
        try:
            champion = self._champion(offer)
            candidate = LoadedRelease.of(bundle, _receipt(offer))
        except (DeploymentError, CorruptObjectError) as error:
            _logger.warning("trial %d does not go on after the restart: %s", offer.token, error)
            return None
        return TrialRun.of(offer, champion, candidate)


def _receipt(offer: TrialOffer) -> ReleaseReceipt:
    return ReleaseReceipt(model=offer.model, version=offer.version, token=offer.token, since=datetime.now(tz=UTC))
