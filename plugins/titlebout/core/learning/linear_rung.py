"""A linear model on the features of the trees: ridge regression, or logistic regression for classes."""

import numpy as np
from numpy.typing import NDArray

from titlebout.core.calibration import sigmoid
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.core.specs.training_spec import NOT_NEGATIVE, Objective

Floats = NDArray[np.float64]

MOST_LINEAR_CLASSES = 20
_PENALTY = 1.0
_NEWTON_STEPS = 25
_SETTLED = 1e-8
_SMALLEST_CURVATURE = 1e-9


def linear_scores(trials: TailTrials) -> Floats | str:
    """Fit the model and score the tail.

    Returns:
        float64, shape (n_tail_rows,) or (n_tail_rows, n_classes); or why there is no such model.
    """
    if len(trials.spec.training.classes) > MOST_LINEAR_CLASSES:
        return f"one linear model for each of more than {MOST_LINEAR_CLASSES} classes takes too long"
    inputs, tail = design(trials.plan, trials.matrix, trials.tail_matrix)
    weights = np.ones(len(inputs)) if trials.weights is None else trials.weights.astype(np.float64)
    objective = trials.spec.training.objective
    if objective is Objective.BINARY:
        return sigmoid(tail @ logistic_weights(inputs, trials.labels, weights))
    if objective is Objective.MULTICLASS:
        return _one_against_all(inputs, trials.labels, weights, tail, len(trials.spec.training.classes))
    scores: Floats = tail @ ridge_weights(inputs, trials.labels, weights)
    return np.maximum(scores, 0) if objective in NOT_NEGATIVE else scores


def _one_against_all(inputs: Floats, labels: Floats, weights: Floats, tail: Floats, classes: int) -> Floats:
    """Fit one logistic regression for each class that was there, and let their chances add up to 1."""
    chances = np.zeros((len(tail), classes))
    for place in np.unique(labels).astype(int):
        is_class = (labels == place).astype(np.float64)
        chances[:, place] = sigmoid(tail @ logistic_weights(inputs, is_class, weights))
    shares: Floats = chances / chances.sum(axis=1, keepdims=True)
    return shares


def design(plan: FeaturePlan, learned: NDArray[np.float32], tail: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return what a linear model can take: an intercept, scaled numbers without gaps, one flag per category.

    Args:
        plan: Says which columns are codes of categories.
        learned: float32, shape (n_rows, n_features): gives means, scales and categories.
        tail: float32, shape (n_tail_rows, n_features).

    Returns:
        Both as float64, with the same columns; the intercept is the first one.
    """
    sides = [learned.astype(np.float64), tail.astype(np.float64)]
    columns: list[list[Floats]] = [[np.ones(len(side))] for side in sides]
    for position, kind in enumerate(plan.feature_types):
        values = [side[:, position] for side in sides]
        known = values[0][~np.isnan(values[0])]
        if kind == "c":
            for code in np.unique(known):
                for side, value in zip(columns, values, strict=True):
                    side.append((value == code).astype(np.float64))
        elif len(known):
            center, scale = known.mean(), known.std() or 1.0
            for side, value in zip(columns, values, strict=True):
                side.append(np.where(np.isnan(value), 0.0, (value - center) / scale))
    return np.column_stack(columns[0]), np.column_stack(columns[1])


def ridge_weights(inputs: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return the coefficients with the smallest squared error plus penalty; the intercept is not penalised.

    >>> ridge_weights(np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([2.0, 6.0]), np.ones(2)).round(3).tolist()
    [4.0, 1.333]
    """
    weighted = inputs * weights[:, None]
    found: Floats = np.linalg.solve(inputs.T @ weighted + _penalty(inputs), weighted.T @ labels).astype(np.float64)
    return found


def logistic_weights(inputs: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return the coefficients with the smallest log loss plus penalty, by Newton's method.

    Source: T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning (2009), section 4.4.1.
    """
    found: Floats = np.zeros(inputs.shape[1])
    penalty = _penalty(inputs)
    for _ in range(_NEWTON_STEPS):
        chances = sigmoid(inputs @ found)
        gradient = inputs.T @ (weights * (chances - labels)) + penalty @ found
        curvature = np.maximum(weights * chances * (1 - chances), _SMALLEST_CURVATURE)
        step: Floats = np.linalg.solve((inputs * curvature[:, None]).T @ inputs + penalty, gradient).astype(np.float64)
        found -= step
        if np.abs(step).max() < _SETTLED:
            break
    return found


def _penalty(inputs: Floats) -> Floats:
    sizes = np.full(inputs.shape[1], _PENALTY)
    sizes[0] = 0.0
    return np.diag(sizes)
