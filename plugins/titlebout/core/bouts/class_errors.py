"""Errors of probabilities of several classes: of single rows, and of all rows together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.specs.comparison_spec import Metric

Floats = NDArray[np.float64]

# Probabilities come as float32: nearer to 0 than this they are rounding, not certainty.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
_SUM_TOLERANCE = 1e-3


def class_losses(metric: Metric, labels: Floats, probabilities: Floats) -> Floats:
    """Return what each row adds to the error.

    Args:
        metric: `log_loss`: minus the logarithm of the probability of the class that came, `brier`: squared differences
            from 1 for that class and from 0 for all others, added up, `error_rate`: 1 where another class was the
            most likely one, the first of equals.
        labels: float64, shape (n_rows,): places of classes.
        probabilities: float64, shape (n_rows, n_classes).

    Returns:
        float64, shape (n_rows,), at least 0, smaller is better; at most 2 for `brier`. NaN where the label is missing,
        or the row's probabilities are none: outside [0, 1], or with another sum than 1.

    Source of the Brier score: G. W. Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly
    Weather Review 78 (1950) 1-3. With two classes it is twice what `brier` is for the objective `binary`.

    >>> surest = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]])
    >>> class_losses(Metric.LOG_LOSS, np.array([0.0, 2.0]), surest).round(3).tolist()
    [0.357, 1.204]
    >>> class_losses(Metric.BRIER, np.array([0.0, 2.0]), surest).round(3).tolist()
    [0.14, 0.78]
    >>> class_losses(Metric.ERROR_RATE, np.array([0.0, 2.0]), surest).tolist()
    [0.0, 1.0]
    """
    known = judged_rows(labels, probabilities)
    came = np.where(known, labels, 0).astype(np.int64)
    probabilities = np.where(known[:, np.newaxis], probabilities, 0)
    of_class = np.take_along_axis(probabilities, came[:, np.newaxis], axis=1)[:, 0]
    match metric:
        case Metric.LOG_LOSS:
            losses = -np.log(np.maximum(of_class, _SMALLEST_PROBABILITY))
        case Metric.BRIER:
            losses = np.maximum((probabilities**2).sum(axis=1) - 2 * of_class + 1, 0)
        case Metric.ERROR_RATE:
            losses = (probabilities.argmax(axis=1) != came).astype(np.float64)
        case _:
            message = f"{metric} has no loss of a single row with several classes"
            raise ValueError(message)
    return np.where(known, losses, np.nan)


def judged_rows(labels: Floats, probabilities: Floats) -> NDArray[np.bool_]:
    """Return which rows have a label and probabilities of it; shape (n_rows,)."""
    # Not `any(p < 0)`: NaN must fail every comparison.
    within = ((probabilities >= 0) & (probabilities <= 1)).all(axis=1)
    known = (labels >= 0) & (labels < probabilities.shape[1])
    judged: NDArray[np.bool_] = known & within & (np.abs(probabilities.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    return judged


def surest_class(labels: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """Return whether the most likely class came, and how likely the model called it: a question of yes or no.

    Calibration of several classes is judged by it. Scores of one class, shape (n_rows,), are such an answer already.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural Networks, ICML (2017), section 2.

    Args:
        labels: float64, shape (n_rows,): places of classes.
        probabilities: float64, shape (n_rows, n_classes).

    Returns:
        float64, shape (n_rows,), 0 or 1, and float64, shape (n_rows,); both NaN where a row cannot be judged.

    >>> [part.tolist() for part in surest_class(np.array([0.0, 2.0]), np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]))]
    [[1.0, 0.0], [0.7, 0.5]]
    """
    if probabilities.ndim == 1:
        return labels, probabilities
    known = judged_rows(labels, probabilities)
    came = np.where(known, probabilities.argmax(axis=1) == labels, np.nan).astype(np.float64)
    return came, np.where(known, probabilities.max(axis=1), np.nan)


@dataclass(frozen=True)
class ClassErrors:
    """1 minus the mean of the F1 of all classes: the rare ones count as much as the frequent.

    A class that neither came nor was predicted under some weights is left out of their mean, as scikit-learn does it.

    Attributes:
        hits: float64, shape (n_blocks, n_classes): rows of a class that were predicted as such.
        mentions: The same: rows of the class, and rows predicted as it.
    """

    hits: Floats
    mentions: Floats

    @classmethod
    def of(cls, blocks: Sequence[tuple[Floats, Floats]]) -> Self:
        """Count. A row that cannot be judged makes every error NaN."""
        classes = max(scores.shape[1] for _, scores in blocks)
        if not all(judged_rows(labels, scores).all() for labels, scores in blocks):
            nothing = np.full((len(blocks), classes), np.nan)
            return cls(nothing, nothing)
        hits, mentions = np.zeros((len(blocks), classes)), np.zeros((len(blocks), classes))
        for number, (labels, scores) in enumerate(blocks):
            came, said = labels.astype(np.int64), scores.argmax(axis=1)
            hits[number] = np.bincount(came[came == said], minlength=classes)
            mentions[number] = np.bincount(came, minlength=classes) + np.bincount(said, minlength=classes)
        return cls(hits, mentions)

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks; NaN where no row is left. See `BlockErrors`."""
        hits, mentions = weights @ self.hits, weights @ self.mentions
        with np.errstate(invalid="ignore", divide="ignore"):
            # NaN stays: only what was counted as nothing counts for nothing.
            scores = np.where(mentions == 0, 0, 2 * hits / mentions)
            errors: Floats = 1 - scores.sum(axis=1) / (mentions != 0).sum(axis=1)
        return errors
