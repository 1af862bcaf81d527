"""A confidence sequence for the difference of two group means: it holds at every moment at which somebody looks.

Requests were dealt at random: a share p to the candidate, the others to the champion. Of n outcomes in all, the
difference of the two means varies by s1^2 / p1 + s0^2 / (1 - p1), divided by n, with each group's own variance and its
share of the outcomes. The interval around it is

    sqrt(s1^2 / p1 + s0^2 / p0) * sqrt(2 (n r + 1) / (n^2 r) * log(sqrt(n r + 1) / alpha))

which holds for all n at once with probability 1 - alpha at least, in the limit of many outcomes before the first look;
hence `min_outcomes`. It is wider than the usual interval of one look, and in exchange one may look as often as one
likes and stop when it suits. `r` says at which n it is narrowest for its n; being wrong about that costs little.

Nothing is assumed of the distribution but that it has a variance. Outcomes are independent between units (a request, or
a key of `sticky_by`), since each unit counts once.

Sources: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, Time-uniform central limit theory and
asymptotic confidence sequences, Ann. Statist. 52(6), 2024 (the interval, its use for randomised groups, the choice of
r); A. V. Maharaj et al., Anytime-valid confidence sequences in an enterprise A/B testing platform, WWW 2023 Companion.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class GainPath:
    """The gain after each outcome; NaN where a group has less than two, or all are alike.

    Attributes:
        champion_count: Outcomes of the champion's group: float64, shape (n_outcomes,).
        candidate_count: Outcomes of the candidate's group.
        gain: Mean of the candidate's outcomes less that of the champion's.
        reach: Half the width of the interval.
    """

    champion_count: Floats
    candidate_count: Floats
    gain: Floats
    reach: Floats

    @property
    def low(self) -> Floats:
        """Lower bound of the gain."""
        return self.gain - self.reach

    @property
    def high(self) -> Floats:
        """Upper bound of the gain."""
        return self.gain + self.reach


def gain_path(is_candidate: Flags, values: Floats, *, alpha: float, narrowest_at: int) -> GainPath:
    """Follow the gain from the first outcome to the last.

    Where both groups are alike, the lower bound is ever above zero with probability alpha / 2, the upper one ever
    below it with the same.

    Args:
        is_candidate: Whose outcome: bool, shape (n_outcomes,), in the order in which they became known.
        values: The outcomes, larger is better: float64, shape (n_outcomes,), all finite.
        alpha: Probability with which the interval may ever miss the true gain.
        narrowest_at: Outcomes of both groups at which it shall be narrowest.
    """
    candidate = _Running.of(values, is_candidate)
    champion = _Running.of(values, ~is_candidate)
    total = candidate.count + champion.count
    spread = _spread(candidate, champion)
    reach = np.sqrt(spread) * _boundary(total, alpha, narrowest_at)
    return GainPath(
        champion_count=champion.count,
        candidate_count=candidate.count,
        gain=candidate.mean - champion.mean,
        # Outcomes that are all alike tell nothing of how far others may lie.
        reach=np.where(spread > 0, reach, np.nan),
    )


def _spread(one: "_Running", other: "_Running") -> Floats:
    """Return how much the difference of the means varies, times the outcomes of both groups.

    Where outcomes are skewed, a small group that has not met a rare large one looks both better and surer than it is:
    so the variance of both together counts where it says more. It is the right one where both groups are alike.
    """
    total = one.count + other.count
    with np.errstate(divide="ignore", invalid="ignore"):
        own = one.variance * total / one.count + other.variance * total / other.count
        pooled = ((one.count - 1) * one.variance + (other.count - 1) * other.variance) / (total - 2)
        shared = pooled * (total / one.count + total / other.count)
    found: Floats = np.maximum(own, shared)
    return found


def _boundary(total: Floats, alpha: float, narrowest_at: int) -> Floats:
    """Return the half width for a variance of 1, after so many outcomes."""
    twice = -2 * math.log(alpha)
    rate = (twice + math.log(twice) + 1) / narrowest_at
    grown = total * rate + 1
    found: Floats = np.sqrt(2 * grown / (total**2 * rate) * np.log(np.sqrt(grown) / alpha))
    return found


@dataclass(frozen=True)
class _Running:
    """Count, mean and variance of one group after each outcome of either."""

    count: Floats
    mean: Floats
    variance: Floats

    @classmethod
    def of(cls, values: Floats, is_in: Flags) -> "_Running":
        count = np.cumsum(is_in, dtype=np.float64)
        # Far from zero, squares of what is left are larger than the variance they are to tell.
        middle = float(values[is_in].mean()) if is_in.any() else 0.0
        away = np.where(is_in, values - middle, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.cumsum(away) / count
            squares = np.cumsum(away**2) - count * mean**2
            variance = np.where(count > 1, np.maximum(squares, 0.0) / (count - 1), np.nan)
        return cls(count, middle + mean, variance)
