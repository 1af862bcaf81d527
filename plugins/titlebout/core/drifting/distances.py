"""Distances between two profiles of a column, each with its source; worked examples are in docs/drift.md."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.number_sketch import NumberSketch

_HALF = 0.5

Counts = NDArray[np.int64]


def population_stability(counts: Counts, reference: Counts) -> float:
    """Return the population stability index: relative entropy of both directions added up, in nats.

    Every bin gets half a row more, so that an empty one does not make it infinite. Without any drift it is
    distributed as chi-squared(bins - 1) times (1 / rows + 1 / reference rows): with few rows it is large by itself.

    Source: B. Yurdakul, Statistical Properties of Population Stability Index, dissertation (2018); half counts by
    R. Krichevsky, V. Trofimov, IEEE Transactions on Information Theory 27 (1981).

    Args:
        counts: int64, shape (n_bins,).
        reference: int64, shape (n_bins,).

    Returns:
        At least 0, smaller is nearer.

    >>> round(population_stability(np.array([30, 70]), np.array([500, 500])), 3)
    0.166
    """
    share, expected = ((each + _HALF) / (each + _HALF).sum() for each in (counts, reference))
    return float(((share - expected) * np.log(share / expected)).sum())


def jensen_shannon(counts: Counts, reference: Counts) -> float:
    """Return the Jensen-Shannon distance: the root of the divergence from the mixture of both, in bits.

    Source: D. Endres, J. Schindelin, A New Metric for Probability Distributions, IEEE Transactions on Information
    Theory 49 (2003).

    Returns:
        0 to 1, smaller is nearer; NaN where either has no rows.

    >>> round(jensen_shannon(np.array([30, 70]), np.array([500, 500])), 3)
    0.174
    """
    if not counts.sum() or not reference.sum():
        return math.nan
    share, expected = counts / counts.sum(), reference / reference.sum()
    mixture = (share + expected) / 2
    divergence = (_entropy(mixture) - (_entropy(share) + _entropy(expected)) / 2) / math.log(2)
    return math.sqrt(max(divergence, 0.0))


def chi_square(counts: Counts, reference: Counts) -> float:
    """Return Pearson's statistic of the table of two rows; bins that both leave empty are left out.

    Source: K. Pearson, Philosophical Magazine 50 (1900).

    >>> round(chi_square(np.array([30, 70]), np.array([500, 500])), 2)
    14.56
    """
    table = np.stack([counts, reference])[:, (counts + reference) > 0].astype(np.float64)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(table.sum(), 1)
    return float((np.square(table - expected) / np.where(expected > 0, expected, 1)).sum())


def kolmogorov_smirnov(sketch: NumberSketch, reference: NumberSketch) -> float:
    """Return the largest difference of the two distribution functions, looked at where buckets end.

    Source: N. Smirnov, Annals of Mathematical Statistics 19 (1948).

    Returns:
        0 to 1, smaller is nearer; NaN where either is empty.
    """
    _, mine, theirs = _functions(sketch, reference)
    return float(np.abs(mine - theirs).max()) if len(mine) else math.nan


def wasserstein(sketch: NumberSketch, reference: NumberSketch) -> float:
    """Return how far numbers have to be moved on average to turn one distribution into the other (order 1).

    Source: S. Vallender, Theory of Probability and its Applications 18 (1974): the area between the two
    distribution functions.

    Returns:
        At least 0, in the unit of the numbers; NaN where either is empty.
    """
    values, mine, theirs = _functions(sketch, reference)
    return float((np.abs(mine - theirs)[:-1] * np.diff(values)).sum()) if len(mine) else math.nan


class ShareTest(NamedTuple):
    """Whether a share has changed: of missing values, of new categories, of one category.

    Attributes:
        change: Cohen's h, -pi to pi: the difference on a scale on which its variance does not depend on the share.
        p_value: How rarely independent rows differ so much by chance.
    """

    change: float
    p_value: float


def share_test(hits: int, rows: int, reference_hits: int, reference_rows: int) -> ShareTest:
    """Compare two shares.

    Source: J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd edition (1988), chapter 6.

    >>> test = share_test(12, 100, 50, 1000)
    >>> round(test.change, 3), round(test.p_value, 3)
    (0.256, 0.014)
    """
    if not rows or not reference_rows:
        return ShareTest(0.0, 1.0)
    share, expected = (2 * math.asin(math.sqrt(part)) for part in (hits / rows, reference_hits / reference_rows))
    z = abs(share - expected) / math.sqrt(1 / rows + 1 / reference_rows)
    return ShareTest(share - expected, math.erfc(z / math.sqrt(2)))


def _functions(
    sketch: NumberSketch, reference: NumberSketch
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of all buckets in use, and both distribution functions there."""
    if not sketch.rows or not reference.rows:
        nothing = np.empty(0)
        return nothing, nothing, nothing
    bits = min(sketch.bits, reference.bits)
    both = [each.rounded(bits) for each in (sketch, reference)]
    # Not `np.union1d`, which hashes: two ascending rows are merged many times faster.
    codes = np.sort(np.concatenate([each.codes for each in both]), kind="stable")
    codes = codes[np.diff(codes, prepend=codes[0] - 1) > 0]
    functions = []
    for each in both:
        reached = np.concatenate([[0], np.cumsum(each.counts)]) / each.rows
        functions.append(reached[np.searchsorted(each.codes, codes, side="right")])
    return NumberSketch(bits, codes, np.ones(len(codes), np.int64)).values, functions[0], functions[1]


def _entropy(shares: NDArray[np.float64]) -> float:
    used = shares[shares > 0]
    return -float((used * np.log(used)).sum())
