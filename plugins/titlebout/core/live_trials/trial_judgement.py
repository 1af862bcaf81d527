"""Judges one step of a trial from its counts: go on, next step, or end it; nothing passes that is not proven."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import numpy as np
from pydantic import Field

from titlebout.core.live_trials.betting import Counted, bounds, is_above, is_below
from titlebout.core.live_trials.trial_counts import BINS, TrialCounts
from titlebout.core.results import Result
from titlebout.core.specs.release_spec import ReleaseSection, ReleaseStrategy

SLOW_SHARE = 0.1
"""Share of the requests that may take longer than `max_latency_ratio` times the champion: a collector or a neighbour
may interrupt either of the two."""

ERRORS, FAILED_ANSWERS, SLOWER = "errors", "failed answers", "slower than"


class Decision(StrEnum):
    """What follows from a look at a step."""

    CONTINUE = "continue"
    ADVANCE = "advance"
    FAIL = "fail"


class Measure(Result):
    """One quantity that must stay below its limit, and between which values it lies as far as is known."""

    name: str
    count: int
    mean: float | None
    low: float
    high: float
    limit: float
    is_harmful: bool = Field(description="Proven to be above the limit.")
    is_harmless: bool = Field(description="Proven to be below the limit.")

    @property
    def is_at_work(self) -> bool:
        """Whether it is about answering at all, and not about what the answers are."""
        return self.name in {ERRORS, FAILED_ANSWERS} or self.name.startswith(SLOWER)

    def __str__(self) -> str:
        """Say it in one line."""
        known = f"between {self.low:.3g} and {self.high:.3g} in {self.count} requests"
        return f"{self.name} {known}, allowed {self.limit:g}"


class StepVerdict(Result):
    """What one look at a step of a trial said."""

    decision: Decision
    reasons: tuple[str, ...] = Field(min_length=1)
    measures: tuple[Measure, ...] = ()


def judge_step(counts: TrialCounts, release: ReleaseSection, *, is_over: bool) -> StepVerdict:
    """Judge a step, as often as anybody likes.

    A candidate that keeps every limit is turned away in any look at any step with probability `alpha` at most: each
    limit in each step has its share of alpha. One that breaks a limit passes with probability `alpha` at most: it
    would have to be proven harmless in what it is not. What is not proven when the step is over has failed.
    """
    if problem := _contradiction(counts):
        return StepVerdict(decision=Decision.FAIL, reasons=(f"the counts contradict each other: {problem}",))
    measures = tuple(_measures(counts, release))
    if harms := [str(measure) for measure in measures if measure.is_harmful]:
        return StepVerdict(decision=Decision.FAIL, reasons=tuple(harms), measures=measures)
    missing = [*_too_few(counts, release), *(str(each) for each in measures if not each.is_harmless)]
    if not missing:
        proven = tuple(str(measure) for measure in measures)
        return StepVerdict(decision=Decision.ADVANCE, reasons=proven, measures=measures)
    if is_over:
        late = f"not proven harmless within {release.step_timeout_hours:g} h"
        return StepVerdict(decision=Decision.FAIL, reasons=(late, *missing), measures=measures)
    return StepVerdict(decision=Decision.CONTINUE, reasons=tuple(missing), measures=measures)


def proven_harms(counts: TrialCounts, release: ReleaseSection) -> tuple[str, ...]:
    """Say what is proven to be broken about a candidate, whatever it scores: errors, failed answers, slowness.

    For a trial that its outcomes decide. That its scores are others is what it is tried for.
    """
    if problem := _contradiction(counts):
        return (f"the counts contradict each other: {problem}",)
    return tuple(str(each) for each in _measures(counts, release) if each.is_harmful and each.is_at_work)


def _too_few(counts: TrialCounts, release: ReleaseSection) -> Iterator[str]:
    wanted = release.min_requests
    if counts.pairs - counts.champion_errors < wanted:
        yield f"{counts.pairs - counts.champion_errors} of {wanted} requests were scored by both"
    if release.strategy is ReleaseStrategy.CANARY and counts.asked_candidate < wanted:
        yield f"{counts.asked_candidate} of {wanted} requests went to the candidate"


def _measures(counts: TrialCounts, release: ReleaseSection) -> Iterator[Measure]:
    """Yield what is measured, each with its share of alpha."""
    asked = list(_quantities(counts, release))
    share = release.alpha / (len(asked) * len(release.shares))
    for name, limit, counted in asked:
        low, _ = bounds(counted, share)
        _, high = bounds(counted, release.alpha)
        yield Measure(
            name=name,
            count=counted.total,
            mean=counted.mean,
            low=low,
            high=high,
            limit=limit,
            is_harmful=is_above(counted, limit, share),
            is_harmless=is_below(counted, limit, release.alpha),
        )


def _quantities(counts: TrialCounts, release: ReleaseSection) -> Iterator[tuple[str, float, Counted]]:
    judged = counts.pairs - counts.champion_errors
    compared = judged - counts.candidate_errors
    yield ERRORS, release.max_error_rate, _events(counts.candidate_errors, judged)
    if release.strategy is not ReleaseStrategy.SHADOW:
        yield FAILED_ANSWERS, release.max_error_rate, _events(counts.fallbacks, counts.asked_candidate)
    yield f"{SLOWER} {release.max_latency_ratio:g} times", SLOW_SHARE, _events(counts.slow, compared)
    yield "score distance", release.max_score_distance, _binned(counts.distance, low=0)
    if counts.shift:
        yield "score shift up", release.max_score_shift, _binned(counts.shift, low=-1)
        turned = {2 * BINS - 1 - place: count for place, count in counts.shift.items()}
        yield "score shift down", release.max_score_shift, _binned(turned, low=-1)
    if release.threshold is not None:
        yield "disagreement", release.max_disagreement, _binned(counts.disagreement, low=0)


def _events(happened: int, total: int) -> Counted:
    values = np.array([0.0, 1.0])
    return Counted(values, values, np.array([total - happened, happened], dtype=np.float64), 0.0, 1.0)


def _binned(bins: Mapping[int, int], *, low: int) -> Counted:
    places = np.array(sorted(bins), dtype=np.float64)
    counts = np.array([bins[place] for place in sorted(bins)], dtype=np.float64)
    floors = low + places / BINS
    return Counted(floors, floors + 1 / BINS, counts, float(low), 1.0)


def _contradiction(counts: TrialCounts) -> str | None:
    """Say why counts cannot be true; numbers that do not add up are no evidence."""
    compared = counts.pairs - counts.champion_errors - counts.candidate_errors
    if compared < 0:
        return f"{counts.pairs} pairs, of which {counts.candidate_errors + counts.champion_errors} failed"
    if counts.slow > compared:
        return f"{counts.slow} of {compared} compared requests were slow"
    if counts.fallbacks > counts.asked_candidate:
        return f"{counts.fallbacks} of {counts.asked_candidate} answers failed"
    for name, bins, most in (
        ("distance", counts.distance, BINS),
        ("shift", counts.shift, 2 * BINS),
        ("disagreement", counts.disagreement, BINS),
    ):
        if any(place >= most for place in bins):
            return f"{name} lies outside of its range"
        if bins and sum(bins.values()) != compared:
            return f"{name} was counted {sum(bins.values())} times in {compared} compared requests"
    return None
