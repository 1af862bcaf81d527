"""The loss to expect of a regression's rows without labels, predicted by a model of past losses (DLE)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.machine.lean_xgboost import load_xgboost

if TYPE_CHECKING:
    import xgboost

    from titlebout.core.features import FeaturePlan

Floats = NDArray[np.float64]

# Few and shallow: it has to find where losses are large, from a few hundred rows at times.
_ROUNDS = 60
_PARAMS = {
    # A mean is wanted, also of days: on bike rentals Tweedie's likelihood came out 9 to 13 % too low.
    "objective": "reg:squarederror",
    "max_depth": 3,
    "eta": 0.1,
    "min_child_weight": 20,
    "tree_method": "hist",
    "nthread": 1,
    "verbosity": 0,
}


class LossModel:
    """Direct loss estimation: a small model of the champion's loss on a row, from its features and its score.

    It sees a loss that grows because more rows are of a kind that was always difficult. It does not see that a kind
    of rows became difficult: nobody can, without labels.

    Source: NannyML, How it works: Performance Estimation, Direct Loss Estimation (version 0.8.5, 2023).
    """

    method = "direct loss estimation"

    def __init__(self, plan: "FeaturePlan", features: NDArray[np.float32], scores: Floats, losses: Floats) -> None:
        """Learn from rows with labels that the version was not trained on, at least one.

        The same rows give the same model.

        Args:
            plan: Of the version: which features are categories.
            features: float32, shape (n_rows, n_features), as the plan encodes them.
            scores: float64, shape (n_rows,).
            losses: float64, shape (n_rows,): what the metric says of each row, all finite.
        """
        load_xgboost()
        import xgboost

        self._plan = plan
        self._mean = float(losses.mean())
        # Losses of any unit are learned alike: squared errors may be of the size of 1e9, or of 1e-6.
        self._scale = self._mean if self._mean > 0 else 1.0
        data = self._matrix(features, scores)
        data.set_label(losses / self._scale)
        self._booster = xgboost.train({**_PARAMS, "base_score": self._mean / self._scale}, data, _ROUNDS)

    def expected(self, features: NDArray[np.float32], scores: Floats) -> Floats:
        """Return the loss to expect of each row: float64, shape (n_rows,), at least 0."""
        found = np.asarray(self._booster.predict(self._matrix(features, scores)), dtype=np.float64)
        return np.maximum(found * self._scale, 0.0)

    def _matrix(self, features: NDArray[np.float32], scores: Floats) -> "xgboost.DMatrix":
        import xgboost

        return xgboost.DMatrix(
            np.column_stack([features, scores.astype(np.float32)]),
            missing=np.nan,
            feature_types=[*self._plan.feature_types, "q"],
            enable_categorical=True,
            nthread=1,
        )
