"""How far a partition lies from a reference, and how far it lies without any drift."""

import numpy as np
from numpy.typing import NDArray

_PSEUDO_COUNT = 0.5


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
