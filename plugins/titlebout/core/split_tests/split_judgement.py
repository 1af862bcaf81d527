"""Judges a trial of strategy ab from its answers and their outcomes; nothing wins that is not proven better."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from titlebout.core.live_trials.betting import Counted, bounds, is_above, is_below
from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.sequential_interval import GainPath, gain_path
from titlebout.core.split_tests.split_answers import SplitAnswers
from titlebout.core.split_tests.split_outcomes import CountedOutcomes
from titlebout.core.split_tests.split_report import Group, PathPoint, Share, SplitDecision

SPLIT_ALPHA = 0.001
"""Probability with which a split that works is ever called broken."""
_DRAWN = 100
_FIRST_DRAWN_SHARE = 2


@dataclass(frozen=True)
class SplitFindings:
    """What answers and outcomes add up to, before anything is decided."""

    groups: dict[str, Group]
    share: Share
    is_split_broken: bool
    not_numbers: int
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    path: tuple[PathPoint, ...] = ()

    @property
    def outcomes(self) -> int:
        """Counted outcomes of both."""
        return sum(group.outcomes for group in self.groups.values())


def findings(
    answers: SplitAnswers | None, counted: CountedOutcomes | None, rules: SplitRules, percent: int
) -> SplitFindings:
    """Add up one look.

    `answers` is None where the candidate has answered nobody; `percent` is its share.
    """
    asked = percent / 100
    if answers is None or counted is None:
        share = Share(asked=asked, found=None, low=0, high=1)
        return SplitFindings({"champion": Group(), "candidate": Group()}, share, False, 0)
    dealt = _dealt(answers)
    each_side = SPLIT_ALPHA / 2
    low, high = bounds(dealt, each_side)
    share = Share(asked=asked, found=dealt.mean, low=low, high=high)
    groups = {
        "champion": _group(answers.rows_of_champion, answers.champion_units, counted, is_candidate=False),
        "candidate": _group(answers.rows_of_candidate, answers.candidate_units, counted, is_candidate=True),
    }
    is_broken = is_above(dealt, asked, each_side) or is_below(dealt, asked, each_side)
    found = SplitFindings(groups, share, is_broken, counted.not_numbers)
    if min(group.outcomes for group in groups.values()) < 2:
        return found
    turned = counted.values if rules.larger_is_better else -counted.values
    path = gain_path(counted.is_candidate, turned, alpha=rules.alpha, narrowest_at=rules.narrowest_at)
    if not np.isfinite(path.reach[-1]):
        return found
    return replace(
        found,
        gain=float(path.gain[-1]),
        low=float(path.low[-1]),
        high=float(path.high[-1]),
        path=tuple(_drawn(path, counted.partitions, rules)),
    )


def decide(found: SplitFindings, rules: SplitRules, *, is_over: bool) -> tuple[SplitDecision, tuple[str, ...]]:
    """Decide a look, as often as anybody likes.

    Once the time of the split is over, the champion stays unless the candidate is proven better.
    """
    if found.is_split_broken:
        return SplitDecision.INCONCLUSIVE, (_mismatch(found.share),)
    missing = [*_missing(found, rules)]
    if not missing and found.low is not None and found.high is not None and found.gain is not None:
        said = f"gain {found.gain:+.4g}, between {found.low:+.4g} and {found.high:+.4g}"
        if found.low > 0:
            return SplitDecision.PROMOTE, (f"better in {rules.unit_of_outcome}: {said}",)
        if found.high < 0:
            return SplitDecision.KEEP, (f"worse in {rules.unit_of_outcome}: {said}",)
        missing = [f"not proven better in {rules.unit_of_outcome}: {said}"]
    if rules.max_outcomes is not None and found.outcomes >= rules.max_outcomes:
        return SplitDecision.KEEP, (f"{found.outcomes} of {rules.max_outcomes} outcomes are counted", *missing)
    if is_over:
        return SplitDecision.KEEP, ("the time of the split is over", *missing)
    return SplitDecision.CONTINUE, tuple(missing)


def _missing(found: SplitFindings, rules: SplitRules) -> Iterator[str]:
    for name, group in found.groups.items():
        if not group.answered_rows:
            yield f"the {name} has answered nobody whom an outcome could belong to"
        elif group.outcomes < rules.min_outcomes:
            yield f"{group.outcomes} of {rules.min_outcomes} outcomes of the {name} are known"
    if found.not_numbers:
        yield f"{found.not_numbers} outcomes are no finite number, and nobody wins by what cannot be added up"
    elif found.gain is None:
        yield "all outcomes of both are alike"


def _mismatch(share: Share) -> str:
    found = 0.0 if share.found is None else share.found
    return (
        f"the split is broken: the candidate answered {found:.1%} of all that were asked (in truth {share.low:.1%} to "
        f"{share.high:.1%}) instead of {share.asked:.0%}, so the two groups are not alike"
    )


def _dealt(answers: SplitAnswers) -> Counted:
    values = np.array([0.0, 1.0])
    counts = np.array([answers.champion_units, answers.candidate_units], dtype=np.float64)
    return Counted(values, values, counts, 0.0, 1.0)


def _group(rows: int, units: int, counted: CountedOutcomes, *, is_candidate: bool) -> Group:
    values = counted.values[counted.is_candidate == is_candidate]
    return Group(
        answered_rows=rows,
        answered_units=units,
        outcomes=len(values),
        mean=float(values.mean()) if len(values) else None,
        variance=float(values.var(ddof=1)) if len(values) > 1 else None,
    )


def _drawn(path: GainPath, partitions: Sequence[str], rules: SplitRules) -> Iterator[PathPoint]:
    """Yield some of the path: the first outcomes of all would make the rest of a picture flat."""
    enough = np.minimum(path.champion_count, path.candidate_count) >= rules.min_outcomes / _FIRST_DRAWN_SHARE
    known = np.flatnonzero(np.isfinite(path.reach) & enough)
    if not len(known):
        return
    for at in np.unique(np.linspace(known[0], known[-1], _DRAWN).round().astype(int)):
        if np.isfinite(path.reach[at]):
            yield PathPoint(
                outcomes=int(at) + 1,
                partition=partitions[at],
                gain=float(path.gain[at]),
                low=float(path.low[at]),
                high=float(path.high[at]),
            )
