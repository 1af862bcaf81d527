"""Fitting a calibration on the newest rows of the training window, which no tree has learned."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from titlebout.core.calibration import IsotonicCurve, PlattCurve, logits, sigmoid
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.features import FeaturePlan
from titlebout.core.specs.training_spec import CalibrationMethod, CalibrationSection

Floats = NDArray[np.float64]

MIN_ROWS_OF_A_CLASS: Mapping[CalibrationMethod, int] = {CalibrationMethod.PLATT: 10, CalibrationMethod.ISOTONIC: 50}
"""A curve from fewer rows of the rarer class would be noise: two numbers ask for fewer than a free curve."""

_MAX_STEPS = 100
_NOTHING_TO_GAIN = 1e-10
_MIN_SIZE = 1e-10
_RIDGE = 1e-12
_ENOUGH_DECREASE = 1e-4


def with_calibration(
    plan: FeaturePlan, section: CalibrationSection | None, labels: Floats, scores: Floats
) -> FeaturePlan:
    """Return the plan, calibrated where the spec asks for it; see `fit_calibration`."""
    if section is None:
        return plan
    return plan.model_copy(update={"calibration": fit_calibration(section, labels, scores)})


def fit_calibration(section: CalibrationSection, labels: Floats, scores: Floats) -> PlattCurve | IsotonicCurve:
    """Fit what the spec asks for. Every row counts once, whatever it counted in training.

    A model that ranks the rows the wrong way round gets a flat curve, never a falling one: the bout sees that it is
    no better than a constant.

    Args:
        section: The section `training.calibration`.
        labels: float64, shape (n_rows,), 0 or 1: of rows that no tree has learned.
        scores: float64, shape (n_rows,), in [0, 1]: what the booster says of them.

    Raises:
        NotEnoughPartitionsError: One class has too few rows to say what the scores mean.
    """
    hits = int(labels.sum())
    fewest, needed = min(hits, len(labels) - hits), MIN_ROWS_OF_A_CLASS[section.method]
    if fewest < needed:
        message = (
            f"training.calibration: the newest {section.validation_days} days of the training window hold "
            f"{len(labels)} rows, {hits} of them of class 1; {section.method} needs {needed} of each class; raise "
            "validation_days and window_days, or choose another method"
        )
        raise NotEnoughPartitionsError(message)
    if section.method is CalibrationMethod.PLATT:
        slope, intercept = fit_sigmoid(labels, logits(scores))
        return PlattCurve(rows=len(labels), hits=hits, slope=slope, intercept=intercept)
    points, values = isotonic_points(labels, scores)
    # Rows that all went one way do not prove that the next one will: as if one more of each class had been seen.
    surest = 1 / (len(labels) + 2)
    bounded = np.clip(values, surest, 1 - surest)
    return IsotonicCurve(rows=len(labels), hits=hits, scores=tuple(points.tolist()), values=tuple(bounded.tolist()))


def isotonic_points(labels: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Fit the curve that never falls and has the smallest squared error, by pooling adjacent violators.

    Source: M. Ayer, H. D. Brunk, G. M. Ewing, W. T. Reid, E. Silverman, An Empirical Distribution Function for
    Sampling with Incomplete Information, Annals of Mathematical Statistics 26 (1955) 641-647.

    Args:
        labels: float64, shape (n_rows,).
        scores: float64, shape (n_rows,), at least one. Equal ones are one point: the mean of their labels.

    Returns:
        Scores, strictly growing, and values, never falling: the first and the last score of each flat piece.

    >>> [part.tolist() for part in isotonic_points(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.3, 0.4]))]
    [[0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0.5, 1.0]]
    """
    points, group = np.unique(scores, return_inverse=True)
    rows = np.bincount(group).astype(np.float64)
    sums = np.bincount(group, weights=labels)
    # Pools, oldest first: rows and sum of labels of each, and the number of its last point.
    pool_rows, pool_sums, last = list[float](), list[float](), list[int]()
    for number, (count, total) in enumerate(zip(rows.tolist(), sums.tolist(), strict=True)):
        # Compared as products, not as means: sums of flags are exact.
        while pool_rows and pool_sums[-1] * count >= total * pool_rows[-1]:
            count += pool_rows.pop()  # noqa: PLW2901  # the point swallows the pool before it
            total += pool_sums.pop()  # noqa: PLW2901  # the same
            last.pop()
        pool_rows.append(count)
        pool_sums.append(total)
        last.append(number)
    stops = np.array(last)
    starts = np.concatenate([[0], stops[:-1] + 1])
    values = np.array(pool_sums) / np.array(pool_rows)
    kept, where = np.unique(np.concatenate([starts, stops]), return_index=True)
    return points[kept], np.concatenate([values, values])[where]


def fit_sigmoid(labels: Floats, margins: Floats) -> tuple[float, float]:
    """Fit the sigmoid of a margin that gives the labels the smallest log loss, with Platt's smoothed targets.

    Source: J. C. Platt, Probabilistic Outputs for Support Vector Machines, Advances in Large Margin Classifiers (1999)
    61-74; minimised by Newton's method as in H.-T. Lin, C.-J. Lin, R. C. Weng, A Note on Platt's Probabilistic Outputs
    for Support Vector Machines, Machine Learning 68 (2007) 267-276.

    Args:
        labels: float64, shape (n_rows,), 0 or 1.
        margins: float64, shape (n_rows,), finite.

    Returns:
        Slope, at least 0, and intercept.

    >>> slope, intercept = fit_sigmoid(np.array([0.0, 0.0, 1.0, 1.0]), np.array([-1.0, 1.0, -1.0, 1.0]))
    >>> slope, intercept
    (0.0, 0.0)
    """
    hits = labels.sum()
    misses = len(labels) - hits
    targets = np.where(labels == 1, (hits + 1) / (hits + 2), 1 / (misses + 2))
    slope, intercept = _minimum(targets, margins)
    if slope <= 0:
        mean = float(targets.mean())
        return 0.0, float(np.log(mean) - np.log1p(-mean))
    return slope, intercept


def _minimum(targets: Floats, margins: Floats) -> tuple[float, float]:
    """Return slope and intercept with the smallest log loss: a convex problem in two numbers."""
    mean = float(targets.mean())
    found = np.array([0.0, np.log(mean) - np.log1p(-mean)])
    inputs = np.column_stack([margins, np.ones(len(margins))])
    loss = _log_loss(targets, inputs @ found)
    for _ in range(_MAX_STEPS):
        chances = sigmoid(inputs @ found)
        gradient = inputs.T @ (chances - targets)
        curvature = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + _RIDGE * np.eye(2)
        step = -np.linalg.solve(curvature, gradient)
        promised = float(gradient @ step)
        if -promised <= _NOTHING_TO_GAIN * loss:
            found = found + step  # So near the minimum the whole step is right to the last digits.
            break
        size = 1.0
        while size > _MIN_SIZE and _log_loss(targets, inputs @ (found + size * step)) > (
            loss + _ENOUGH_DECREASE * size * promised
        ):
            size /= 2
        found = found + size * step
        loss = _log_loss(targets, inputs @ found)
    return float(found[0]), float(found[1])


def _log_loss(targets: Floats, margins: Floats) -> float:
    return float((np.logaddexp(0, margins) - targets * margins).sum())
