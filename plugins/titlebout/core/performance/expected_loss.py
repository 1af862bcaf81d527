"""The loss to expect of a classifier's rows without labels, from its calibrated probabilities (CBPE)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.metrics import row_losses
from titlebout.core.learning.calibration_fit import MIN_ROWS_OF_A_CLASS, fit_calibration
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.training_spec import CalibrationMethod, CalibrationSection

Floats = NDArray[np.float64]
Calibrator = Callable[[Floats], Floats]


class ConfidenceEstimator:
    """Confidence-based performance estimation.

    A probability that is calibrated says how often its row is of class 1, hence what each of its losses costs on
    average. It holds while the chance of a label for given features stays what it was; where that changes, which is
    what makes a model wrong most of all, it sees nothing.

    Source: J. Białek, W. Kuberski, N. Perrakis, Estimating Model Performance Under Covariate Shift Without Labels,
    arXiv 2401.08348 (2024), and the documentation of NannyML, where the method is from; that calibrated confidence is
    expected accuracy: S. Garg et al., Leveraging Unlabeled Data to Predict Out-of-Distribution Performance,
    ICLR (2022).
    """

    method = "CBPE"

    def __init__(self, metric: Metric, labels: Floats, scores: Floats) -> None:
        """Learn what scores mean from rows with labels that the version was not trained on.

        Args:
            metric: A sum over rows.
            labels: float64, shape (n_rows,): 0 or 1, or places of several classes.
            scores: float64, shape (n_rows,) or (n_rows, n_classes).
        """
        self._metric = metric
        if scores.ndim == 1:
            self._calibrators = [calibrator_of(labels, scores)]
        else:
            self._calibrators = [
                calibrator_of((labels == at).astype(float), scores[:, at]) for at in range(scores.shape[1])
            ]

    def expected(self, scores: Floats) -> Floats:
        """Return the loss to expect of each row: float64, shape (n_rows,)."""
        chances = self.chances(scores)
        places = np.arange(chances.shape[1], dtype=np.float64)
        losses = np.stack([row_losses(self._metric, np.full(len(scores), place), scores) for place in places], axis=1)
        expected: Floats = (chances * losses).sum(axis=1)
        return expected

    def chances(self, scores: Floats) -> Floats:
        """Return how likely each class is: float64, shape (n_rows, n_classes), summing to 1."""
        if scores.ndim == 1:
            of_one = self._calibrators[0](scores)
            return np.stack([1 - of_one, of_one], axis=1)
        found = np.stack([calibrator(scores[:, at]) for at, calibrator in enumerate(self._calibrators)], axis=1)
        sums = found.sum(axis=1, keepdims=True)
        return np.where(sums > 0, found / np.where(sums > 0, sums, 1), scores)


def calibrator_of(labels: Floats, scores: Floats) -> Calibrator:
    """Return a calibrator: isotonic where rows suffice, else Platt's, else one that changes nothing."""
    hits = int(labels.sum())
    rarer = min(hits, len(labels) - hits)
    for method in (CalibrationMethod.ISOTONIC, CalibrationMethod.PLATT):
        if rarer >= MIN_ROWS_OF_A_CLASS[method]:
            return fit_calibration(CalibrationSection(method=method, validation_days=1), labels, scores).probabilities
    return lambda given: given


def expected_area_error(chances: Floats, scores: Floats) -> float | None:
    """Return 1 minus the area under the ROC curve to expect: every row is a positive and a negative, in parts.

    Args:
        chances: float64, shape (n_rows,): calibrated probability of class 1.
        scores: float64, shape (n_rows,): by which rows are ranked; ties count half.

    >>> expected_area_error(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.9, 0.5]))
    0.5
    """
    _, group = np.unique(scores, return_inverse=True)
    ups = np.bincount(group, weights=chances)
    downs = np.bincount(group, weights=1 - chances)
    above = downs.sum() - np.cumsum(downs)
    wrong = float((ups * (above + downs / 2)).sum())
    pairs = float(ups.sum() * downs.sum())
    # A row is no pair with itself.
    of_one = float((chances * (1 - chances)).sum())
    wrong, pairs = wrong - of_one / 2, pairs - of_one
    return wrong / pairs if pairs > 0 else None
