"""How far a partition lies from a reference, and how far it lies without any drift."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_PSEUDO_COUNT = 0.5
_NOISE_LEVEL = 0.999


def relative_entropy(counts: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the relative entropy (Kullback-Leibler divergence) of partitions against a reference.

    It is the surprise of a row for someone who knows only the reference, beyond what the partition's own spread
    explains. Unlike Jensen-Shannon it has no upper bound: values that training never saw stand out however
    different ordinary days are. Unlike PSI (the sum of both directions) it is not ruled by the many bins that
    a small partition leaves empty.

    Source: S. Kullback, R. A. Leibler, On Information and Sufficiency, Annals of Mathematical Statistics 22 (1951).
    Source of the half count that every bin of the reference gets: R. Krichevsky, V. Trofimov, The Performance of
    Universal Encoding, IEEE Transactions on Information Theory 27 (1981).

    Args:
        counts: int64, shape (n_partitions, n_bins).
        reference: int64, shape (n_bins,) or one row for each partition.

    Returns:
        float64, shape (n_partitions,), nats per row, at least 0, smaller is nearer; 0 for a partition without rows.

    >>> relative_entropy(np.array([[5, 5, 0], [0, 0, 10]]), np.array([500, 500, 0])).round(2).tolist()
    [0.0, 7.6]
    """
    rows = counts.sum(axis=-1, keepdims=True)
    share = counts / np.maximum(rows, 1)
    smoothed = reference + _PSEUDO_COUNT
    expected = smoothed / smoothed.sum(axis=-1, keepdims=True)
    surprise = np.where(counts > 0, share * np.log(np.where(counts > 0, share, 1) / expected), 0)
    distances: NDArray[np.float64] = surprise.sum(axis=-1)
    return distances


def leave_one_out(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distance of each partition from all the others: what distances are like without drift.

    Args:
        counts: int64, shape (n_partitions, n_bins).

    Returns:
        float64, shape (n_partitions,), nats per row.
    """
    return relative_entropy(counts, counts.sum(axis=0) - counts)


def sampling_noise(rows: int, reference: NDArray[np.int64]) -> float:
    """Return the distance that independent rows of the reference itself exceed once in a thousand times.

    Twice the rows times the distance follows a chi-squared distribution. It is a floor under the empirical null:
    a column that was constant in training must not drift for one row, and one row is never evidence.

    Source: S. S. Wilks, The Large-Sample Distribution of the Likelihood Ratio, Annals of Mathematical Statistics 9
    (1938); quantile by E. B. Wilson, M. M. Hilferty, The Distribution of Chi-Square, PNAS 17 (1931).

    Args:
        rows: Rows of the partition, at least 1.
        reference: int64, shape (n_bins,); the bins in use and one for all the rest give the degrees of freedom.

    >>> round(sampling_noise(24, np.array([700, 740, 0])), 2)  # 13.8 is the 99.9 % quantile for 2 degrees
    0.29
    """
    degrees = max(1, int(np.count_nonzero(reference)))
    spread = 2 / (9 * degrees)
    quantile = degrees * (1 - spread + NormalDist().inv_cdf(_NOISE_LEVEL) * math.sqrt(spread)) ** 3
    return quantile / (2 * rows)
