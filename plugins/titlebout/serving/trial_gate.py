"""Lets a candidate on trial in, step by step, and out; at most one at a time.

What is counted survives the server. Every restart that forgot it would be another chance for the candidate: whoever
may bet anew a dozen times wins once by luck. So counts are on the disk before anybody sees them, and a server that did
not end properly charges the candidate with one failed request: it may be what ended it.
"""

import logging
import threading
import time
from datetime import UTC, datetime

from titlebout.core.errors import CorruptObjectError, DeploymentError, StaleTokenError
from titlebout.core.live_trials.trial_wire import TrialOffer, TrialPush, TrialStatus
from titlebout.core.wire import ReleaseReceipt
from titlebout.serving.proof import prove_apart
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.settings import ServingSettings
from titlebout.serving.trial_run import KEEP_SECONDS, RunningTrial, TrialRun
from titlebout.serving.trial_store import StoredTrial, TrialFence, TrialStore

_logger = logging.getLogger(__name__)


class TrialGate(RunningTrial):
    """The trial that runs, and the only way to change it.

    Attributes:
        running: What is on trial, or None: the one thing that a request looks at. A trial whose champion was
            replaced, or whose time is over, may still stand here and takes part in nothing.
    """

    def __init__(self, settings: ServingSettings, gate: ReleaseGate) -> None:
        """Go on with what ran before the restart, and with what it had counted."""
        self._settings, self._gate = settings, gate
        self._store = TrialStore(settings.state_dir)
        self._fence = self._store.fence()
        self._one_at_a_time, self._keeping = threading.Lock(), threading.Lock()
        self._kept: StoredTrial | None = None
        self._kept_at, self._is_closed = 0.0, False
        self._go_on()

    def admit(self, push: TrialPush) -> None:
        """Start a trial or its next step. Blocks for seconds: call it outside the event loop.

        Raises:
            StaleTokenError: The trial has ended, a newer one was here, or another release serves than it is for.
            DeploymentError: It is for another model, the candidate did not prove itself, or nobody knows any more
                what was counted of it.
            CorruptObjectError: A file is not what was sent; nothing was parsed.
        """
        with self._one_at_a_time:
            offer, champion = push.offer, self._champion(push.offer)
            is_new = self._check_token(offer)
            running = self._of_token(offer.token)
            before = None if running or is_new else self._before_restart(offer.token)
            reached = running.offer if running else before.offer if before else offer
            if offer.step < reached.step:
                message = f"trial {offer.token} is at step {reached.step}, not {offer.step} any more"
                raise StaleTokenError(message)
            if running and offer == running.offer:
                return
            run = running.with_offer(offer) if running else self._begun(push, champion, before)
            self._adopt(run, {name: file.sha256 for name, file in push.files.items()})
            _logger.info("trial %d of %s: step %d, %d %%", offer.token, offer.version, offer.step, offer.percent)

    def end(self, token: int) -> None:
        """End a trial for good; no error where it has ended or never began.

        Raises:
            StaleTokenError: A newer one runs.
            OSError: The disk does not take it. The champion answers alone all the same.
        """
        with self._one_at_a_time:
            if token < self._fence.newest:
                message = f"trial {token} is over, trial {self._fence.newest} was here since"
                raise StaleTokenError(message)
            self.running = None  # first: whatever the disk does, the champion answers
            with self._keeping:
                self._kept = None
                self._fence = TrialFence(newest=token, ended=token)
                self._store.forget()  # before the fence: it makes room on a disk that is full
            self._store.remember(self._fence)
            _logger.info("trial %d ended", token)

    def status(self) -> TrialStatus | None:
        """Return what runs, or ran until another release or its end came, as it is on the disk now.

        Raises:
            OSError: The disk does not take what was counted, so nobody may judge by it.
        """
        if (kept := self._keep()) is None:
            return None
        return TrialStatus(
            offer=kept.offer,
            is_running=kept.is_on,
            instance=self._settings.instance,
            counted_since=kept.counted_since,
            counts=kept.counts,
        )

    def keep_counts(self) -> None:
        """Save what was counted, once in a while; a disk that is full costs no answer."""
        if time.monotonic() - self._kept_at < KEEP_SECONDS:
            return
        try:
            self._keep()
        except OSError as error:
            _logger.warning("what the trial has counted is not on the disk yet: %s", error)

    def close(self) -> None:
        """Save what was counted, and that nothing but an order has ended the server."""
        try:
            self._keep(is_last=True)
        except OSError as error:
            _logger.warning("what the trial has counted last is lost: %s", error)

    def _keep(self, *, is_last: bool = False) -> StoredTrial | None:
        with self._keeping:
            run, kept = self.running, self._kept
            if run is None or kept is None or self._is_closed:
                return None
            self._kept_at, self._is_closed = time.monotonic(), is_last
            is_on = run.is_on(self._gate.current) and not is_last
            now = kept.model_copy(update={"counts": run.tally.counts(), "is_on": is_on})
            if now != kept:
                self._store.keep(now)
                self._kept = now
            return now

    def _adopt(self, run: TrialRun, sha256: dict[str, str]) -> None:
        """Let a run begin, once it is on the disk."""
        with self._keeping:
            kept = StoredTrial(
                offer=run.offer,
                sha256=sha256,
                counted_since=run.counted_since,
                counts=run.tally.counts(),
                is_on=True,
            )
            self._store.keep(kept)
            self._kept, self.running = kept, run

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

    def _check_token(self, offer: TrialOffer) -> bool:
        """Refuse a trial that is over, and return whether this one was never here before."""
        if offer.token < self._fence.newest or offer.token <= self._fence.ended:
            message = f"trial {offer.token} is over: {self._fence.newest} was here, {self._fence.ended} has ended"
            raise StaleTokenError(message)
        is_new = offer.token > self._fence.newest
        if is_new:
            self._remember(TrialFence(newest=offer.token, ended=self._fence.ended))
        return is_new

    def _before_restart(self, token: int) -> StoredTrial | None:
        stored = self._store.stored()
        return stored if stored and stored.offer.token == token else None

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

    def _begun(self, push: TrialPush, champion: LoadedRelease, before: StoredTrial | None) -> TrialRun:
        """Return a run that begins, or goes on although its candidate was lost with a restart."""
        run = TrialRun.of(push.offer, champion, self._proven(push))
        return _going_on(run, before) if before and push.offer.is_same_step(before.offer) else run

    def _go_on(self) -> None:
        """Go on with what is on the disk; where that cannot be, the champion answers alone."""
        try:
            stored = self._store.stored()
            if stored is None or stored.offer.token <= self._fence.ended:
                return
            bundle, champion = self._store.candidate(stored), self._champion(stored.offer)
            if bundle is None:
                return
            candidate = LoadedRelease.of(bundle, _receipt(stored.offer))
            self._adopt(_going_on(TrialRun.of(stored.offer, champion, candidate), stored), stored.sha256)
        except (DeploymentError, CorruptObjectError, OSError) as error:
            _logger.warning("trial %d does not go on after the restart: %s", self._fence.newest, error)


def _going_on(run: TrialRun, before: StoredTrial) -> TrialRun:
    """Return the run with what was counted of it, and charge it with an end that nobody ordered."""
    run = run.going_on(before.counts, before.counted_since)
    if before.is_on:
        _logger.warning("the server did not end properly; trial %d is charged with a request", run.offer.token)
        run.tally.add_failed_pair(champion_failed=False)
    return run


def _receipt(offer: TrialOffer) -> ReleaseReceipt:
    return ReleaseReceipt(model=offer.model, version=offer.version, token=offer.token, since=datetime.now(tz=UTC))
