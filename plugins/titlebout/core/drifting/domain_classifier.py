"""Classifier two-sample test: can a model tell newer rows from reference rows? It finds joint drift of columns."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_FOLDS = 4
_ROUNDS = 30
_CONFIDENCE = 0.99
_PARAMS = {"max_depth": 3, "eta": 0.2, "objective": "binary:logistic", "tree_method": "hist", "min_child_weight": 5}


class DomainShift(NamedTuple):
    """How well the classifier separates newer rows from the reference.

    Attributes:
        auc: Probability that a newer row scores higher than a reference row; 0.5: no difference.
        low: Lower bound of the 99 % interval.
        gains: Each feature's share of the gain; sums to 1, or to 0 where no tree was split.
    """

    auc: float
    low: float
    high: float
    gains: tuple[float, ...]


def domain_classifier(
    reference: NDArray[np.float32], newer: NDArray[np.float32], *, threads: int = 1
) -> DomainShift | None:
    """Train a small model to tell two samples apart; every row is scored by a model that has not seen it.

    Source: D. Lopez-Paz, M. Oquab, Revisiting Classifier Two-Sample Tests, ICLR (2017); the interval by
    E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988).

    Args:
        reference: float32, shape (n_rows, n_features); NaN is missing. A sample of some thousand rows will do.
        newer: float32, shape (m_rows, n_features).
        threads: For training.

    Returns:
        None where either sample has fewer rows than there are folds.
    """
    if min(len(reference), len(newer)) < _FOLDS:
        return None
    rows = np.concatenate([reference, newer])
    is_newer = np.repeat([0.0, 1.0], [len(reference), len(newer)])
    # Each sample is dealt out by itself, so that every fold has its share of both; the same for the same sizes.
    order = np.random.default_rng(0)
    folds = np.concatenate([order.permutation(len(each)) % _FOLDS for each in (reference, newer)])
    # Scores of different models are not on one scale: folds are ranked one by one.
    parts = [_fold(rows, is_newer, folds == fold, threads) for fold in range(_FOLDS)]
    auc = float(np.mean([part[0] for part in parts]))
    error = math.sqrt(sum(part[1] for part in parts)) / _FOLDS
    reach = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2) * error
    gains = np.sum([part[2] for part in parts], axis=0)
    shares = gains / (gains.sum() or 1)
    return DomainShift(auc, max(auc - reach, 0.0), min(auc + reach, 1.0), tuple(shares.tolist()))


def _fold(
    rows: NDArray[np.float32], is_newer: NDArray[np.float64], held: NDArray[np.bool_], threads: int
) -> tuple[float, float, NDArray[np.float64]]:
    """Train on all rows but the held ones; return the AUC of these, its variance, and what each feature gained."""
    import xgboost

    params = {**_PARAMS, "nthread": threads}
    booster = xgboost.train(params, xgboost.DMatrix(rows[~held], is_newer[~held]), num_boost_round=_ROUNDS)
    scores = booster.predict(xgboost.DMatrix(rows[held])).astype(np.float64)
    gained = booster.get_score(importance_type="total_gain")
    gains = np.array([float(gained.get(f"f{at}", 0.0)) for at in range(rows.shape[1])])  # type: ignore[arg-type]  # lists only for linear boosters
    return (*_auc(scores[is_newer[held] == 1], scores[is_newer[held] == 0]), gains)


def _auc(newer: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[float, float]:
    """Return the AUC and its variance by DeLong, from how many of the other sample each score is above."""
    above = _share_below(newer, np.sort(reference))
    below = 1 - _share_below(reference, np.sort(newer))
    spread = sum(float(part.var(ddof=1)) / len(part) if len(part) > 1 else 0.25 for part in (above, below))
    return float(above.mean()), spread


def _share_below(scores: NDArray[np.float64], ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each score the share of others below it; equal ones count by half."""
    sides = [np.searchsorted(ordered, scores, side=side) for side in ("left", "right")]
    share: NDArray[np.float64] = (sides[0] + sides[1]) / (2 * len(ordered))
    return share
