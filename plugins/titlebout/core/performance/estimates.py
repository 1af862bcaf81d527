"""Estimates errors before labels come, with a band by how far such estimates were off on days with labels."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.metrics import loss_exponent, row_metric
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS, UsualChange
from titlebout.core.features import FeaturePlan
from titlebout.core.performance.booking import losses_of
from titlebout.core.performance.expected_loss import ConfidenceEstimator
from titlebout.core.performance.loss_model import LossModel
from titlebout.core.performance.loss_sums import LossSums
from titlebout.core.performance.version_scores import ScoredRows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import CLASSIFYING

Floats = NDArray[np.float64]
Estimator: TypeAlias = ConfidenceEstimator | LossModel

MOST_ROWS_A_DAY = 4000
"""An estimator learns from so many rows of a day at most, drawn with the spec's seed."""
_FOLDS = 5
_BAND = 0.1
"""Share of days without change whose error may lie outside the band."""


class LabelledDay(NamedTuple):
    """Rows of one partition whose losses are known.

    Attributes:
        features: float32, shape (n_rows, n_features).
        scores: float64, shape (n_rows,), or (n_rows, n_classes).
        labels: float64, shape (n_rows,).
        losses: float64, shape (n_rows,), all finite.
    """

    features: NDArray[np.float32]
    scores: Floats
    labels: Floats
    losses: Floats


class Band(NamedTuple):
    """An error with a band around it; None where too few past days say how good estimates are."""

    error: float
    low: float | None
    high: float | None


def labelled_day(spec: ModelSpec, scored: ScoredRows, key: str) -> LabelledDay:
    """Keep what an estimator learns of a partition; the same rows each time."""
    losses = losses_of(spec, scored.labels, scored.scores)
    at = np.flatnonzero(np.isfinite(losses))
    if len(at) > MOST_ROWS_A_DAY:
        rng = np.random.default_rng([spec.training.seed, *key.encode()])
        at = np.sort(rng.choice(at, MOST_ROWS_A_DAY, replace=False))
    return LabelledDay(scored.features[at], scored.scores[at], scored.labels[at], losses[at])


class Estimates:
    """An estimator that has learned from past days, and how well such a one did on them."""

    def __init__(self, spec: ModelSpec, plan: FeaturePlan, days: Sequence[LabelledDay]) -> None:
        """Learn from partitions with labels that the version was not trained on, oldest first, none without rows."""
        self._metric = row_metric(spec.comparison.metric)
        self._reference = sum((LossSums.of(day.losses) for day in days), LossSums())
        self._estimator = _learned(spec, plan, days)
        self._usual = self._proven(spec, plan, days)

    @property
    def method(self) -> str:
        """Return how it is estimated."""
        return self._estimator.method

    def sums(self, scored: ScoredRows) -> LossSums:
        """Return what the losses of rows are expected to add up to."""
        return _expected(self._estimator, scored.features, scored.scores)

    def chances(self, scores: Floats) -> Floats | None:
        """Return the calibrated probability of class 1 of each row; None where there are no two classes."""
        if not isinstance(self._estimator, ConfidenceEstimator):
            return None
        found = self._estimator.chances(scores)
        return found[:, 1] if found.shape[1] == 2 else None

    def band(self, sums: LossSums) -> Band:
        """Return an estimated error, and within which limits nine of ten past days' errors would have been."""
        exponent = loss_exponent(self._metric)
        error = sums.mean**exponent
        if self._usual is None:
            return Band(error, None, None)
        reach = self._usual.limit(_BAND, self._noise(sums))
        middle = self._log_mean(sums)
        low, high = (self._mean_of(middle + sign * reach, sums.rows) ** exponent for sign in (-1, 1))
        return Band(error, low, high)

    def _proven(self, spec: ModelSpec, plan: FeaturePlan, days: Sequence[LabelledDay]) -> UsualChange | None:
        """Estimate past days by estimators that learned from the days before them only."""
        first = max(len(days) // (_FOLDS + 1), 2)
        misses, noise = [], []
        for start, stop in _folds(first, len(days)):
            estimator = _learned(spec, plan, days[:start])
            for day in days[start:stop]:
                came, expected = LossSums.of(day.losses), _expected(estimator, day.features, day.scores)
                misses.append(self._log_mean(came) - self._log_mean(expected))
                noise.append(self._noise(came))
        if len(misses) < FEWEST_PARTITIONS:
            return None
        return UsualChange.of(np.array(misses), np.array(noise))

    def _log_mean(self, sums: LossSums) -> float:
        mean = self._reference.mean
        return math.log(max((sums.loss + mean) / (sums.rows + 1), 1e-300))

    def _mean_of(self, log_mean: float, rows: int) -> float:
        """Turn `_log_mean` back into the loss of a row: nearly 0 on a day without the rare row that costs most."""
        return max((math.exp(log_mean) * (rows + 1) - self._reference.mean) / max(rows, 1), 0.0)

    def _noise(self, sums: LossSums) -> float:
        return self._reference.variation / max(sums.rows, 1)


def _expected(estimator: Estimator, features: NDArray[np.float32], scores: Floats) -> LossSums:
    if isinstance(estimator, ConfidenceEstimator):
        return LossSums.of(estimator.expected(scores))
    return LossSums.of(estimator.expected(features, scores))


def _learned(spec: ModelSpec, plan: FeaturePlan, days: Sequence[LabelledDay]) -> Estimator:
    features, scores, labels, losses = (np.concatenate(part) for part in zip(*days, strict=True))
    if spec.training.objective in CLASSIFYING:
        return ConfidenceEstimator(row_metric(spec.comparison.metric), labels, scores)
    return LossModel(plan, features, scores, losses)


def _folds(first: int, count: int) -> list[tuple[int, int]]:
    """Return spans of days, each of which is estimated by the days before it."""
    edges = np.unique(np.linspace(min(first, count), count, _FOLDS + 1).astype(int)).tolist()
    return [*pairwise(edges)]
