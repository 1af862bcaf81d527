"""DeLong's test of two areas under ROC curves on the same rows: a second opinion on the bootstrap."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AreaComparison:
    """Two areas and how sure their difference is, rows taken as independent.

    Attributes:
        first: Area under the first model's ROC curve, in [0, 1], larger is better.
        second: The same of the second model.
        z: Difference over its standard error; NaN where that is zero.
        p: Two-sided.
    """

    first: float
    second: float
    z: float
    p: float


def compare_areas(labels: Floats, first: Floats, second: Floats) -> AreaComparison:
    """Compare two models that scored the same rows.

    Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845; computed by midranks:
    X. Sun, W. Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393.

    Args:
        labels: float64, shape (n_rows,), 0 or 1, at least two of each.
        first: float64, shape (n_rows,): scores of the first model; only their order matters.
        second: The same of the second model.

    Returns:
        Areas, z and p; all NaN where a class has fewer than two rows or a score is no number.

    >>> labels = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    >>> found = compare_areas(labels, np.array([9.0, 8, 4, 5, 2, 1]), np.array([9.0, 3, 4, 5, 2, 6]))
    >>> round(found.first, 4), round(found.second, 4), round(found.z, 4)
    (0.8889, 0.5556, 1.2247)
    """
    ups, downs = labels == 1, labels == 0
    if min(ups.sum(), downs.sum()) < 2 or np.isnan(first).any() or np.isnan(second).any():
        return AreaComparison(math.nan, math.nan, math.nan, math.nan)
    parts = [_placements(scores[ups], scores[downs]) for scores in (first, second)]
    areas = [float(of_ups.mean()) for of_ups, _ in parts]
    of_ups, of_downs = (np.stack(side) for side in zip(*parts, strict=True))
    covariance = np.cov(of_ups) / ups.sum() + np.cov(of_downs) / downs.sum()
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (areas[0] - areas[1]) / math.sqrt(variance) if variance > 0 else math.nan
    return AreaComparison(areas[0], areas[1], z, 2 * NormalDist().cdf(-abs(z)))


def _placements(ups: Floats, downs: Floats) -> tuple[Floats, Floats]:
    """Return for each positive the share of negatives below it, and for each negative that of positives above it."""
    return _share_below(ups, downs), 1 - _share_below(downs, ups)


def _share_below(scores: Floats, others: Floats) -> Floats:
    """Return the share of others below each score; ties count half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, side="left") + np.searchsorted(ordered, scores, side="right")
    shares: Floats = below / (2 * len(others))
    return shares
