"""Errors of a model on rows: as losses of single rows where a metric is their sum, and as one number for all."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.class_errors import class_losses
from titlebout.core.specs.comparison_spec import POOLED_METRICS, Metric

Floats = NDArray[np.float64]

CALIBRATION_BINS = 10
TOP_SHARE = 0.1
"""Of the rows, those with the highest scores: there the metric `lift` looks for class 1."""

# Probabilities come as float32: nearer to 0 or 1 than this they are rounding, not confidence.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def row_losses(metric: Metric, labels: Floats, scores: Floats, *, quantile: float = 0.5) -> Floats:
    """Return what each row adds to the error.

    Args:
        metric: `rmse`: squared error, `mae`: absolute error, `mape`: absolute error as a share of the label,
            `pinball`: the quantile loss, `brier`: squared error of the probability, `log_loss`: minus the logarithm of
            the probability that the model gave to what happened. A ranking metric is no sum over rows.
        labels: float64, shape (n_rows,), in the target's unit; 0 or 1 for probabilities, places of several classes.
        scores: float64, shape (n_rows,), in the target's unit; probabilities in [0, 1] for `log_loss` and `brier`; of
            several classes (n_rows, n_classes), see `class_losses`.
        quantile: Which quantile `pinball` judges, in (0, 1).

    Returns:
        float64, shape (n_rows,), at least 0, smaller is better; NaN where a label or a score is none, where a
        probability is outside [0, 1], and for `mape` where the label is zero.

    Source of the pinball loss: R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46 (1978) 33-50.

    >>> row_losses(Metric.LOG_LOSS, np.array([1.0, 0.0]), np.array([0.8, 0.8])).round(3).tolist()
    [0.223, 1.609]
    >>> row_losses(Metric.PINBALL, np.array([10.0, 10.0]), np.array([8.0, 12.0]), quantile=0.9).round(3).tolist()
    [1.8, 0.2]
    """
    if scores.ndim > 1:
        return class_losses(metric, labels, scores)
    return _losses(metric, labels, scores, quantile)


def _losses(metric: Metric, labels: Floats, scores: Floats, quantile: float) -> Floats:
    match metric:
        case Metric.RMSE:
            return (scores - labels) ** 2
        case Metric.MAE:
            return np.abs(scores - labels)
        case Metric.MAPE:
            known = np.where(labels == 0, np.nan, labels)
            with np.errstate(over="ignore"):  # a label next to zero: infinity is what the bout must see
                return np.abs((scores - labels) / known)
        case Metric.PINBALL:
            missed = labels - scores
            return np.maximum(quantile * missed, (quantile - 1) * missed)
        case Metric.BRIER:
            return (_probabilities(scores) - labels) ** 2
        case Metric.LOG_LOSS:
            return _surprises(labels, scores)
        case _:
            message = f"{metric} looks at all rows together: it has no loss of a single row"
            raise ValueError(message)


def error_of(metric: Metric, loss: float, rows: int) -> float:
    """Turn a sum of losses into the error.

    Args:
        metric: Which error.
        loss: Sum of row losses.
        rows: How many rows it sums.

    Returns:
        In the metric's unit (see `unit_of`), smaller is better; NaN without rows.

    >>> error_of(Metric.RMSE, 3.0**2 + 4.0**2, 2)
    3.5355339059327378
    """
    if not rows:
        return math.nan
    return math.sqrt(loss / rows) if metric is Metric.RMSE else loss / rows


def loss_exponent(metric: Metric) -> float:
    """Return the power to which a mean loss has to be raised to become the error."""
    return 0.5 if metric is Metric.RMSE else 1.0


def unit_of(metric: Metric, target: str) -> str:
    """Return the unit of an error.

    >>> unit_of(Metric.MAE, "demand_kwh"), unit_of(Metric.AUC, "is_fraud")
    ('demand_kwh', 'share of pairs ranked wrongly')
    """
    units = {
        Metric.MAPE: "share of the label",
        Metric.LOG_LOSS: "nats per row",
        Metric.BRIER: "squared probability",
        Metric.AUC: "share of pairs ranked wrongly",
        Metric.AVERAGE_PRECISION: "1 - average precision",
        Metric.LIFT: "share of class 1 outside the top tenth",
        Metric.ECE: "probability",
        Metric.ERROR_RATE: "share of rows",
        Metric.MACRO_F1: "1 - macro F1",
    }
    return units.get(metric, target)


def row_metric(metric: Metric) -> Metric:
    """Return the metric itself, or log loss for one that looks at all rows: where single days have to be added up.

    >>> row_metric(Metric.MAE).value, row_metric(Metric.AUC).value
    ('mae', 'log_loss')
    """
    return Metric.LOG_LOSS if metric in POOLED_METRICS else metric


def calibration_error(labels: Floats, probabilities: Floats, *, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error over bins of about equally many rows.

    Source: M. P. Naeini, G. F. Cooper, M. Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning,
    AAAI (2015), with bins of equal mass as in K. Nguyen, B. O'Connor, EMNLP (2015) 1587-1598.

    Args:
        labels: float64, shape (n_rows,), 0 or 1.
        probabilities: float64, shape (n_rows,), in [0, 1]. Equal ones always share a bin.
        bins: How many, at most.

    Returns:
        In [0, 1], smaller is better; NaN without rows.

    >>> round(calibration_error(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.9, 0.9]), bins=2), 3)
    0.05
    """
    if not len(labels):
        return math.nan
    bin_of, count = equal_mass_bins(probabilities, bins)
    gaps = np.bincount(bin_of, weights=labels - probabilities, minlength=count)
    return float(np.abs(gaps).sum() / len(labels))


def equal_mass_bins(probabilities: Floats, bins: int) -> tuple[NDArray[np.intp], int]:
    """Divide rows into at most `bins` bins of about equally many; equal probabilities share one.

    Returns:
        Each row's bin, from 0 on, and the number of bins; the last one may be empty.
    """
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))
    return np.searchsorted(edges, probabilities, side="left"), len(edges) + 1


def constant_scores(baseline: float | Sequence[float], rows: int) -> Floats:
    """Return the same prediction for every row: float64, shape (n_rows,), or (n_rows, n_classes) of several classes."""
    return np.full((rows, *np.shape(baseline)), baseline, dtype=np.float64)


def _probabilities(scores: Floats) -> Floats:
    return np.where((scores >= 0) & (scores <= 1), scores, np.nan)


def _surprises(labels: Floats, scores: Floats) -> Floats:
    clipped = np.clip(_probabilities(scores), _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    losses: Floats = -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))
    return losses
