"""Counts one step of a trial on the server; safe to use from several threads."""

import math
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from titlebout.core.errors import DeploymentError
from titlebout.core.live_trials.trial_counts import BINS, Differences, SliceCounts, TrialCounts
from titlebout.core.live_trials.trial_wire import TrialOffer
from titlebout.core.release_roles import ReleaseRole
from titlebout.serving.questions import Row, Scores

SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
"""Upper bounds of the latency histograms of paired scoring."""
MOST_SLICES = 200
_BINNED = ("distance", "shift", "disagreement")
_NUMBERS = tuple(name for name, field in TrialCounts.model_fields.items() if field.annotation is int)


class TrialTally:
    """Sums of bounded size; `counts` makes a document of them."""

    def __init__(self, offer: TrialOffer, score_bounds: Sequence[float], counted: TrialCounts | None = None) -> None:
        """Start at nothing, or where a server stopped that was restarted.

        Args:
            offer: The step.
            score_bounds: Deciles of the champion's golden scores; their spread is the unit of distances.
            counted: What was counted of this step before.

        Raises:
            DeploymentError: That was counted in another way.
        """
        counted = counted or TrialCounts()
        self._offer, self._score_bounds = offer, tuple(score_bounds)
        self._spread = spread_of(score_bounds)
        self._lock = threading.Lock()
        self._numbers = Counter({name: getattr(counted, name) for name in _NUMBERS})
        self._bins: dict[str, Counter[int]] = {name: Counter(getattr(counted, name)) for name in _BINNED}
        self._seconds = _histograms(counted.seconds, len(SECONDS) + 1)
        self._scores = _histograms(counted.scores, len(score_bounds) + 1)
        self._differences = counted.differences
        self._slices = dict(counted.slices)

    def add(self, name: str) -> None:
        """Count one more of a number of `TrialCounts`."""
        with self._lock:
            self._numbers[name] += 1

    def add_failed_pair(self, *, champion_failed: bool) -> None:
        """Count a request that only one of the two could score, or neither."""
        with self._lock:
            self._numbers["pairs"] += 1
            self._numbers["champion_errors" if champion_failed else "candidate_errors"] += 1

    def add_pair(self, rows: Sequence[Row], champion: Scores, candidate: Scores, seconds: tuple[float, float]) -> None:
        """Count a request that both models scored.

        Args:
            rows: Its rows.
            champion: Finite scores, one per row, or one per row and class.
            candidate: The same of the candidate.
            seconds: How long the champion took, and how long the candidate.
        """
        with self._lock:
            self._numbers["pairs"] += 1
            self._numbers["slow"] += seconds[1] > self._offer.max_latency_ratio * seconds[0]
            for name, taken in zip(self._seconds, seconds, strict=True):
                self._seconds[name][bisect_left(SECONDS, taken)] += 1
            if champion.ndim == 1:
                self._add_numbers(rows, champion, candidate)
            else:
                self._add_probabilities(champion, candidate)

    def _add_numbers(self, rows: Sequence[Row], champion: Scores, candidate: Scores) -> None:
        with np.errstate(over="ignore"):
            apart = candidate - champion
            share = np.clip(apart / self._spread, -1, 1)
        self._count("distance", float(np.abs(share).mean()))
        self._bins["shift"][min(2 * BINS - 1, math.floor((float(share.mean()) + 1) * BINS))] += 1
        if (threshold := self._offer.threshold) is not None:
            self._count("disagreement", float(((champion >= threshold) != (candidate >= threshold)).mean()))
        for name, scores in zip(self._scores, (champion, candidate), strict=True):
            for place in np.searchsorted(self._score_bounds, scores):
                self._scores[name][int(place)] += 1
        if np.isfinite(apart).all():
            single = Differences(count=1, mean=float(apart.mean()), largest=float(np.abs(apart).max()))
            self._differences = self._differences.plus(single)
            self._add_slices(rows, apart)

    def _add_probabilities(self, champion: Scores, candidate: Scores) -> None:
        self._count("distance", float(np.abs(candidate - champion).sum(axis=1).mean() / 2))
        self._count("disagreement", float((champion.argmax(axis=1) != candidate.argmax(axis=1)).mean()))

    def _count(self, name: str, value: float) -> None:
        self._bins[name][min(BINS - 1, math.floor(value * BINS))] += 1

    def _add_slices(self, rows: Sequence[Row], apart: Scores) -> None:
        for column in self._offer.slices:
            for row, difference in zip(rows, apart, strict=True):
                name = f"{column}={str(row.get(column))[:40]}"
                if name in self._slices or len(self._slices) < MOST_SLICES:
                    one = SliceCounts(rows=1, difference=float(difference))
                    self._slices[name] = self._slices.get(name, SliceCounts()).plus(one)

    def counts(self) -> TrialCounts:
        """Return what was counted until now."""
        with self._lock:
            return TrialCounts(
                **self._numbers,
                **{name: dict(bins) for name, bins in self._bins.items()},
                differences=self._differences,
                seconds={name: tuple(histogram) for name, histogram in self._seconds.items()},
                scores={name: tuple(histogram) for name, histogram in self._scores.items()},
                slices=dict(self._slices),
            )


def _histograms(counted: Mapping[str, Sequence[int]], bins: int) -> dict[str, list[int]]:
    found = {str(role): list(counted.get(role, [0] * bins)) for role in (ReleaseRole.CHAMPION, ReleaseRole.CANDIDATE)}
    if any(len(histogram) != bins for histogram in found.values()):
        message = "the trial was counted in other bins than this version of the server has; try the winner again"
        raise DeploymentError(message)
    return found


def spread_of(score_bounds: Sequence[float]) -> float:
    """Return the unit of distances: between the outer deciles of the champion's golden scores.

    >>> spread_of((2.0, 5.0, 12.0)), spread_of((-3.0,)), spread_of((0.0,))
    (10.0, 3.0, 1.0)
    """
    return (score_bounds[-1] - score_bounds[0]) or abs(score_bounds[0]) or 1.0
