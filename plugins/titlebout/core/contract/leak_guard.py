"""Tells whether a feature is the target under another name, or predicts it better than is credible."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Codes = NDArray[np.intp]

MIN_COPY_ROWS = 20
"""Rows without the commonest target that are needed before two columns can count as the same one."""
MIN_DISTINCT = 10
MIN_SCORED_ROWS = 200
_ROWS_APART = 0.01  # a few rows of a copy may have been corrected since
_TOLERANCE = 1e-3  # of the target's standard deviation: kWh against MWh with three digits is the same column
_BINS = 20  # of a perfect copy they explain 1 - 1/20² of the variance of ranks: 0.9975
_FOLDS = 5


@dataclass(frozen=True)
class Copy:
    """The straight line that a feature lies on: feature = slope x target + offset."""

    slope: float
    offset: float
    rows: int

    def __str__(self) -> str:
        """Say it as a formula."""
        return f"{self.slope:.6g} x target {'-' if self.offset < 0 else '+'} {abs(self.offset):.6g}"


class CopyFinder:
    """Finds features that are a target times a number plus a number, in all but a few rows.

    Rows that hold the commonest target are not enough: where most hours sell nothing, any column of zeros
    would agree with them.

    >>> sales = np.arange(40.0)
    >>> str(CopyFinder(sales).find(2 * sales - 1))
    '2 x target - 1'
    """

    def __init__(self, target: Numbers) -> None:
        """Take the target: float64, shape (n_rows,), NaN where missing."""
        self._target, self._known = target, ~np.isnan(target)
        values, counts = np.unique(target[self._known], return_counts=True)
        self._telling = self._known & (target != values[counts.argmax()]) if len(values) else self._known
        self._pairs = _pairs(target, np.flatnonzero(self._known)) if len(values) > 1 else []
        self._tolerance = _TOLERANCE * float(np.std(target[self._known])) if len(values) else 0.0

    def find(self, feature: Numbers) -> Copy | None:
        """Return the line that a feature lies on, or None: float64, shape (n_rows,), NaN where missing."""
        both = self._known & ~np.isnan(feature)
        telling = self._telling & both
        if np.count_nonzero(telling) < MIN_COPY_ROWS:
            return None
        for low, high in self._pairs:
            slope = (feature[high] - feature[low]) / (self._target[high] - self._target[low])
            if not np.isfinite(slope) or slope == 0:
                continue
            offset = float(feature[low] - slope * self._target[low])
            agrees = np.abs(feature - slope * self._target - offset) <= abs(slope) * self._tolerance
            if _nearly_all(agrees[both]) and _nearly_all(agrees[telling]):
                return Copy(float(slope), offset, int(np.count_nonzero(agrees)))
        return None


def _nearly_all(agrees: NDArray[np.bool_]) -> bool:
    return bool(np.count_nonzero(~agrees) <= math.ceil(_ROWS_APART * len(agrees)))


def _pairs(target: Numbers, known: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return pairs of rows whose targets lie apart: several, as any one row may be among the few that differ."""
    order = known[np.argsort(target[known], kind="stable")]
    middle = (target[order[0]] + target[order[-1]]) / 2
    halves = [
        (order[: len(order) // 2], order[len(order) // 2 :]),
        (order[target[order] <= middle], order[target[order] > middle]),
    ]
    pairs = [
        (int(lower[int(part * len(lower))]), int(upper[int(part * len(upper))]))
        for lower, upper in halves
        for part in (0.25, 0.5, 0.75)
    ]
    return [(low, high) for low, high in pairs if target[low] != target[high]]


def bins_of_numbers(feature: Numbers) -> Codes:
    """Put numbers into up to 20 bins of equal size; missing ones have a bin of their own."""
    present = feature[~np.isnan(feature)]
    if not len(present):
        return np.zeros(len(feature), np.intp)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf"))
    # Closed on the right, so that a value that fills several bins alone has one of its own.
    return np.where(np.isnan(feature), len(edges) + 1, np.searchsorted(edges, feature, side="left"))


def bins_of_names(names: Sequence[Any]) -> Codes:
    """Give every category a bin; a missing one has its own."""
    codes: dict[Any, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.intp)


def predictive_power(bins: Codes, target: Numbers, groups: Codes, *, is_binary: bool) -> float | None:
    """Measure how well the mean target of a bin predicts the target in groups of rows that it was not taken from.

    Args:
        bins: int, shape (n_rows,): the feature.
        target: float64, shape (n_rows,), NaN where missing; 0 and 1 where binary.
        groups: int, shape (n_rows,): rows of one group are left out together. Days: a column that merely tells
            the days apart predicts nothing for another day.
        is_binary: AUC instead of the R² of ranks.

    Returns:
        R² of the target's ranks, at most 1, or AUC, in [0, 1]; larger is better. None: too few rows or values.
    """
    known = ~np.isnan(target)
    bins, target, groups = bins[known], target[known], groups[known]
    folds = np.unique(groups, return_inverse=True)[1] % _FOLDS
    values, counts = np.unique(target, return_counts=True)
    varies = len(values) == 2 and counts.min() >= MIN_COPY_ROWS if is_binary else len(values) >= MIN_DISTINCT
    if not varies or len(target) < MIN_SCORED_ROWS or len(np.unique(folds)) < _FOLDS:
        return None
    outcome = (target == values[-1]).astype(np.float64) if is_binary else _ranks(target)
    predicted = _out_of_fold_means(bins, outcome, folds)
    if is_binary:
        return _auc(predicted, outcome)
    return 1 - float(((outcome - predicted) ** 2).sum() / ((outcome - outcome.mean()) ** 2).sum())


def class_power(bins: Codes, target: Numbers, groups: Codes) -> float | None:
    """Measure how well a feature tells several classes apart, each from all others.

    A feature that gives one class away may be a good one: the night is dark. One that gives away all is the target.

    Args:
        bins: int, shape (n_rows,): the feature.
        target: float64, shape (n_rows,): places of classes, NaN where missing.
        groups: int, shape (n_rows,): as in `predictive_power`.

    Returns:
        AUC of each class against all others, in [0, 1], larger is better, weighted by their rows; classes with too few
        rows are left out. None: fewer than two classes, or fewer rows, than can be judged.
    """
    values, counts = np.unique(target[~np.isnan(target)], return_counts=True)
    if len(values) == 2:
        return predictive_power(bins, target, groups, is_binary=True)
    found = []
    for value, rows in zip(values, counts, strict=True):
        is_class = np.where(np.isnan(target), np.nan, target == value)
        power = predictive_power(bins, is_class, groups, is_binary=True)
        found += [(power, float(rows))] if power is not None else []
    if len(found) < 2:
        return None
    powers, weights = zip(*found, strict=True)
    return float(np.average(powers, weights=weights))


def _out_of_fold_means(bins: Codes, outcome: Numbers, folds: Codes) -> Numbers:
    width = int(bins.max()) + 1
    sums = np.zeros((_FOLDS, width))
    rows = np.zeros((_FOLDS, width))
    np.add.at(sums, (folds, bins), outcome)
    np.add.at(rows, (folds, bins), 1.0)
    other_sums, other_rows = sums.sum(axis=0) - sums, rows.sum(axis=0) - rows
    overall = (other_sums.sum(axis=1) / other_rows.sum(axis=1))[:, None]
    # A bin that no other fold has says nothing.
    means = np.where(other_rows > 0, other_sums / np.maximum(other_rows, 1), overall)
    predicted: Numbers = means[folds, bins]
    return predicted


def _ranks(values: Numbers) -> Numbers:
    """Rank values from 0; equal ones share the middle of their ranks."""
    _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles = (ends - counts + ends - 1) / 2
    ranks: Numbers = middles[positions]
    return ranks


def _auc(scores: Numbers, outcome: Numbers) -> float:
    positives = outcome.sum()
    ranks = _ranks(scores) + 1
    above = ranks[outcome == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(outcome) - positives)))
