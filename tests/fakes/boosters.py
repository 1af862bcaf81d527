"""Boosters of every objective, trained on a few made rows."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xgboost

FEATURES, CATEGORIES = 6, 9
ROWS = 400
OBJECTIVES = {
    "reg:squarederror": {},
    "reg:absoluteerror": {},
    "reg:quantileerror": {"quantile_alpha": 0.8},
    "count:poisson": {},
    "reg:tweedie": {"tweedie_variance_power": 1.3},
    "binary:logistic": {},
    "multi:softprob": {"num_class": 3},
}


def training_rows(seed: int) -> np.ndarray:
    """Return rows with two categorical features, ties and missing values."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(scale=50, size=(ROWS, FEATURES)).round(1).astype(np.float32)
    matrix[:, 0] = generator.integers(0, CATEGORIES, ROWS)
    matrix[:, 1] = generator.integers(0, 3, ROWS)
    matrix[generator.random(matrix.shape) < 0.1] = np.nan
    return matrix


def target(matrix: np.ndarray, objective: str, scale: float) -> np.ndarray:
    known = np.nan_to_num(matrix)
    signal = np.sin(known[:, 0]) * 30 + known[:, 2] + 10 * (known[:, 1] == 1) + known[:, 3] * (known[:, 0] % 2)
    if objective == "binary:logistic":
        return (signal > np.median(signal)).astype(float)
    if objective == "multi:softprob":
        return np.digitize(signal, np.quantile(signal, [0.3, 0.7]))
    if objective in {"count:poisson", "reg:tweedie"}:
        return np.floor(np.abs(signal))
    return signal * scale


def boosted(objective: str, *, seed: int = 0, rounds: int = 20, scale: float = 1.0, **parameters) -> "xgboost.Booster":
    import xgboost

    matrix = training_rows(seed)
    data = xgboost.DMatrix(
        matrix,
        label=target(matrix, objective, scale),
        feature_types=["c", "c", *"q" * (FEATURES - 2)],
        enable_categorical=True,
    )
    settings_ = {"objective": objective, "nthread": 1, "tree_method": "hist", "max_depth": 5, **OBJECTIVES[objective]}
    return xgboost.train(settings_ | parameters, data, rounds)
