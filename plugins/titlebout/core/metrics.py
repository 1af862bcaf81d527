"""Errors of a model as sums of losses, so that a sum over partitions is the error over all of them."""

import math

import numpy as np
from numpy.typing import NDArray

from titlebout.core.spec import Metric

# Probabilities come as float32: nearer to 0 or 1 than this they are rounding, not confidence.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def row_losses(metric: Metric, labels: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each row adds to the error.

    Args:
        metric: `rmse`: squared error, `mae`: absolute error, `log_loss`: minus the logarithm of the
            probability that the model gave to what happened.
        labels: float64, shape (n_rows,), in the target's unit; 0 or 1 for `log_loss`.
        scores: float64, shape (n_rows,), in the target's unit; probabilities in [0, 1] for `log_loss`.

    Returns:
        float64, shape (n_rows,), at least 0, smaller is better; NaN where a label or a score is none.

    >>> row_losses(Metric.LOG_LOSS, np.array([1.0, 0.0]), np.array([0.8, 0.8])).round(3).tolist()
    [0.223, 1.609]
    """
    match metric:
        case Metric.RMSE:
            return (scores - labels) ** 2
        case Metric.MAE:
            return np.abs(scores - labels)
        case _:
            return _surprises(labels, scores)


def error_of(metric: Metric, loss: float, rows: int) -> float:
    """Turn a sum of losses into the error.

    Args:
        metric: Which error.
        loss: Sum of row losses.
        rows: How many rows it sums.

    Returns:
        In the target's unit (`rmse`, `mae`) or nats per row (`log_loss`), smaller is better; NaN without rows.

    >>> error_of(Metric.RMSE, 3.0**2 + 4.0**2, 2)
    3.5355339059327378
    """
    if not rows:
        return math.nan
    return math.sqrt(loss / rows) if metric is Metric.RMSE else loss / rows


def loss_exponent(metric: Metric) -> float:
    """Return the power to which a ratio of loss sums has to be raised to become a ratio of errors."""
    return 0.5 if metric is Metric.RMSE else 1.0


def _surprises(labels: NDArray[np.float64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    is_probability = (probabilities >= 0) & (probabilities <= 1)
    known = np.where(is_probability, probabilities, np.nan)
    clipped = np.clip(known, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    losses: NDArray[np.float64] = -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))
    return losses
