"""The learning curve of a model: its error after ever more trees, on sampled rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.metrics import Floats
from titlebout.core.results import Result
from titlebout.core.specs.comparison_spec import ComparisonSection

if TYPE_CHECKING:
    import xgboost

MAX_POINTS = 40


class LabelledMatrix(NamedTuple):
    """Rows as XGBoost takes them, and what happened: float64, shape (n_rows,), NaN where it is not known."""

    rows: "xgboost.DMatrix"
    labels: Floats


class LearningCurve(Result):
    """Errors after so many rounds; smaller is better.

    Attributes:
        metric: The one that bouts are decided by.
        errors: Name of the rows to one error per round; NaN where it is not defined.
    """

    metric: str
    rounds: tuple[int, ...]
    errors: dict[str, tuple[float, ...]]


def learning_curve(
    comparison: ComparisonSection, booster: "xgboost.Booster", rows: Mapping[str, LabelledMatrix]
) -> LearningCurve:
    """Score rows with ever more trees of a model.

    Scores are as the booster gives them, without a calibration that may follow. Without any known label there is no
    curve.
    """
    rounds = curve_rounds(booster.num_boosted_rounds())
    errors = {
        name: tuple(_error(comparison, booster, each, count) for count in rounds)
        for name, each in rows.items()
        if np.isfinite(each.labels).any()
    }
    return LearningCurve(metric=comparison.metric.value, rounds=tuple(rounds), errors=errors)


def curve_rounds(total: int) -> list[int]:
    """Return after which rounds to look: dense at the start, where errors fall fastest.

    >>> curve_rounds(5), len(curve_rounds(10_000)), curve_rounds(10_000)[-1]
    ([1, 2, 3, 4, 5], 40, 10000)
    """
    if total <= MAX_POINTS:
        return list(range(1, total + 1))
    # Each point a constant factor further, but at least one round.
    points, at = [1], 1.0
    for left in range(MAX_POINTS - 1, 0, -1):
        at = max(at * (total / at) ** (1 / left), at + 1)
        points.append(round(at))
    return points


def _error(comparison: ComparisonSection, booster: "xgboost.Booster", rows: LabelledMatrix, rounds: int) -> float:
    known = np.isfinite(rows.labels)
    scores = np.asarray(booster.predict(rows.rows, iteration_range=(0, rounds)), dtype=np.float64)
    block = (rows.labels[known], scores[known])
    return whole_error(block_errors(comparison.metric, [block], quantile=comparison.quantile), 1)
