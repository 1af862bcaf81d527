"""Bounds on a mean that hold at every moment at which somebody looks, from counts alone.

Whoever looks at a test again and again, and stops when it suits, is wrong far more often than the test says. Bets do
not have this weakness. Somebody who does not believe that the mean of a quantity in [low, high] is at most m puts a
fixed share of their capital on it, over and over: the capital K = prod(1 + b (x_i - m)) is, as long as the claim holds
and b <= 1 / (m - low), a nonnegative supermartingale that starts at 1. By Ville's inequality it ever reaches 1 / alpha
with probability alpha at most, whoever looks and whenever; then the claim is refuted. So is a mean of several such
capitals. The values are counted in few bins, and the product is one power for each bin: nothing has to be remembered
of the single requests, and counts of two servers add up.

Nothing is assumed of the distribution, nor that requests are independent: only that the mean, given what came before,
keeps to the claim.

Sources: I. Waudby-Smith, A. Ramdas, Estimating means of bounded random variables by betting, J. R. Stat. Soc. B 86(1),
2024, section 4 (capital process, its mixtures); S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform,
nonparametric, nonasymptotic confidence sequences, Ann. Statist. 49(2), 2021; J. Ville, 1939.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Shares of the largest bet that cannot ruin. Small ones win on rare events, large ones where nothing happens at all.
_SHARES = np.array([1, 0.9, 0.75, *(0.5**power for power in range(1, 11))])
_EVENLY = np.full(len(_SHARES), 1 / len(_SHARES))
# Against "the mean is too large" half of the capital goes on "it never happens": the usual case with errors.
_MOSTLY_ALL = np.array([0.5, *np.full(len(_SHARES) - 1, 0.5 / (len(_SHARES) - 1))])
_HALVINGS = 24


@dataclass(frozen=True)
class Counted:
    """A quantity of known range, counted in bins.

    Attributes:
        floors: Smallest value of each bin: float64, shape (n_bins,).
        ceilings: Largest value of each bin: float64, shape (n_bins,).
        counts: How many fell into it: float64, shape (n_bins,).
        low: No value is below.
        high: No value is above.
    """

    floors: Floats
    ceilings: Floats
    counts: Floats
    low: float
    high: float

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """Mean of the bins' middles."""
        return float((self.floors + self.ceilings) @ self.counts / 2 / self.counts.sum()) if self.total else None


def is_above(counted: Counted, limit: float, alpha: float) -> bool:
    """Whether a mean above the limit is proven; where it is not above, this is ever True with probability alpha."""
    return _log_capital_above(counted, limit) >= -math.log(alpha)


def is_below(counted: Counted, limit: float, alpha: float) -> bool:
    """Whether a mean below the limit is proven; where it is not below, this is ever True with probability alpha."""
    return _log_capital_below(counted, limit) >= -math.log(alpha)


def bounds(counted: Counted, alpha: float) -> tuple[float, float]:
    """Return between which values the mean lies, each bound wrong with probability alpha at most, at any moment."""
    return _edge(counted, alpha, upper=False), _edge(counted, alpha, upper=True)


def _edge(counted: Counted, alpha: float, *, upper: bool) -> float:
    """Find the limit at which a bet is won; the capital falls (or, against the upper side, rises) with the limit."""
    open_end, shut_end = (counted.high, counted.low) if upper else (counted.low, counted.high)
    is_refuted = is_below if upper else is_above
    for _ in range(_HALVINGS):
        middle = (open_end + shut_end) / 2
        if is_refuted(counted, middle, alpha):
            open_end = middle
        else:
            shut_end = middle
    return open_end


def _log_capital_above(counted: Counted, limit: float) -> float:
    """Return the logarithm of the capital of who bets that the mean is above; bins count by their floors."""
    if limit <= counted.low:
        return np.inf if (counted.counts[counted.floors > limit]).any() else 0.0
    steps = (counted.floors - limit) / (limit - counted.low)
    return _log_mixture(steps, counted.counts, _EVENLY)


def _log_capital_below(counted: Counted, limit: float) -> float:
    """Return the logarithm of the capital of who bets that the mean is below; bins count by their ceilings."""
    if limit >= counted.high:
        return np.inf if (counted.counts[counted.ceilings < limit]).any() else 0.0
    steps = (limit - counted.ceilings) / (counted.high - limit)
    return _log_mixture(steps, counted.counts, _MOSTLY_ALL)


def _log_mixture(steps: Floats, counts: Floats, weights: Floats) -> float:
    """Return log(sum(weights * prod((1 + share * step) ** count))), over the shares.

    Args:
        steps: What the largest bet wins in a bin, at least -1: float64, shape (n_bins,).
        counts: How often it was placed there: float64, shape (n_bins,).
        weights: Of the shares, in sum 1.
    """
    hit = counts > 0
    with np.errstate(divide="ignore"):
        factors = np.log(np.maximum(0, 1 + np.outer(_SHARES, steps[hit])))
    capitals = factors @ counts[hit] + np.log(weights)
    largest = capitals.max()
    return float(largest) if np.isinf(largest) else float(largest + np.log(np.exp(capitals - largest).sum()))
