"""A trial that runs on a server: the step, the two releases, and whom the candidate answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from titlebout.core.live_trials.share import is_in_share, sticky_keys
from titlebout.core.live_trials.trial_counts import TrialCounts
from titlebout.core.live_trials.trial_wire import TrialOffer
from titlebout.serving.questions import Row
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.trial_tally import TrialTally

KEEP_SECONDS = 1.0
"""What was counted is on the disk about so long afterwards, and in any case before somebody sees it."""


class RunningTrial:
    """Where a server looks whether a trial runs.

    Attributes:
        running: The trial, or None.
    """

    running: "TrialRun | None" = None

    def keep_counts(self) -> None:
        """Have what was counted survive a restart, if it is time for that. Called off the path of answers."""


@dataclass(frozen=True)
class TrialRun:
    """One step of a trial, ready to score. It is over as soon as another release than its champion answers.

    Attributes:
        offer: The step.
        champion: The very release that it is tried against.
        candidate: What is tried.
        tally: What was counted in this step.
        counted_since: When the counts began; UTC.
    """

    offer: TrialOffer
    champion: LoadedRelease
    candidate: LoadedRelease
    tally: TrialTally
    counted_since: datetime

    @classmethod
    def of(cls, offer: TrialOffer, champion: LoadedRelease, candidate: LoadedRelease) -> "TrialRun":
        """Begin a step, with counts at nothing."""
        tally = TrialTally(offer, champion.score_bounds)
        return cls(offer, champion, candidate, tally, datetime.now(tz=UTC))

    def going_on(self, counts: TrialCounts, since: datetime) -> "TrialRun":
        """Return the run with what was counted of its step before a restart.

        Raises:
            DeploymentError: That was counted in another way.
        """
        return replace(self, tally=TrialTally(self.offer, self.champion.score_bounds, counts), counted_since=since)

    def with_offer(self, offer: TrialOffer) -> "TrialRun":
        """Return the run with another offer of the same trial.

        The counts begin anew, unless only the end differs: those of one step say nothing about another.
        """
        if offer.is_same_step(self.offer):
            return replace(self, offer=offer)
        return TrialRun.of(offer, self.champion, self.candidate)

    def is_on(self, current: LoadedRelease | None) -> bool:
        """Whether the candidate takes part in a request that this release would answer."""
        # Identity, not equality: the swap to another release ends the trial in the very same moment.
        return self.champion is current and time.time() < self._ends_at

    @property
    def _ends_at(self) -> float:
        return self.offer.ends_at.timestamp()

    def is_candidates(self, request_id: str, rows: Sequence[Row]) -> bool:
        """Whether the candidate answers this request: all its rows are in the share, so nobody else's ever are."""
        offer = self.offer
        if not offer.percent:
            return False
        keys = {request_id} if offer.sticky_by is None else sticky_keys(rows, offer.sticky_by)
        return all(is_in_share(key, offer.salt, offer.percent) for key in keys)
