"""Exact SHAP values of a booster: for the insight into a version, and for whoever asks the model server why."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

    from titlebout.core.features import FeaturePlan


def matrix_of(encoded: NDArray[np.float32], plan: "FeaturePlan") -> "xgboost.DMatrix":
    """Return encoded rows as XGBoost takes them."""
    import xgboost

    return xgboost.DMatrix(
        encoded,
        missing=np.nan,
        feature_names=list(plan.feature_names),
        feature_types=list(plan.feature_types),
        enable_categorical=True,
    )


def shap_values(booster: "xgboost.Booster", rows: "xgboost.DMatrix") -> NDArray[np.float64]:
    """Return the exact SHAP values of rows; together with the bias they add up to the margin.

    Source: S. M. Lundberg et al., From Local Explanations to Global Understanding with Explainable AI for Trees,
    Nature Machine Intelligence 2 (2020) 56-67; XGBoost computes them itself.

    Args:
        booster: The model.
        rows: What `matrix_of` returns.

    Returns:
        float64, shape (n_rows, n_outputs, n_features + 1), in units of the margin; the last column is the bias. A model
        has one output, a model of several classes one for each.
    """
    found = np.asarray(booster.predict(rows, pred_contribs=True), dtype=np.float64)
    return found if found.ndim == 3 else found[:, np.newaxis, :]
