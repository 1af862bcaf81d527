"""A trained model that scores tables and rows: booster and feature plan belong together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, ValidationError

from titlebout.core.errors import CorruptObjectError
from titlebout.core.features import FeaturePlan
from titlebout.core.machine.openmp import let_threads_sleep
from titlebout.core.shapley import matrix_of, shap_values

if TYPE_CHECKING:
    import pyarrow as pa
    import xgboost


class Predictor:
    """Score rows with one model version. Safe to use from several threads at once."""

    def __init__(self, booster: "xgboost.Booster", plan: FeaturePlan) -> None:
        """Take a booster and the plan that it was trained with."""
        self._booster = booster
        self.plan = plan

    @classmethod
    def load(cls, booster: bytes, plan: bytes, *, threads: int = 1) -> Self:
        """Load a model version.

        Args:
            booster: UBJ bytes of an XGBoost model. Check their SHA-256 first: a truncated file can crash the process.
            plan: JSON bytes of its feature plan.
            threads: Threads that score one batch.

        Raises:
            CorruptObjectError: The bytes are no model, no plan, or do not belong together.
        """
        let_threads_sleep()
        import xgboost

        try:
            fitted = FeaturePlan.model_validate_json(plan)
        except ValidationError as error:
            message = "the feature plan is not readable; train the version again"
            raise CorruptObjectError(message) from error
        loaded = xgboost.Booster({"nthread": threads})
        try:
            # A bytearray is parsed as a model; nothing is ever unpickled.
            loaded.load_model(bytearray(_whole_object(booster)))
        except (xgboost.core.XGBoostError, ValueError) as error:
            message = "the booster is not readable as an XGBoost model in UBJ; train the version again"
            raise CorruptObjectError(message) from error
        found, wanted = loaded.num_features(), len(fitted.feature_names)
        if found != wanted:
            message = f"the booster has {found} features and its plan {wanted}; they belong to different versions"
            raise CorruptObjectError(message)
        return cls(loaded, fitted)

    def predict_table(self, table: "pa.Table") -> NDArray[np.float64]:
        """Score the rows of a table.

        Returns:
            float64, shape (n_rows,): the expected target, or the probability of class 1 in [0, 1].

        Raises:
            FieldError: The table lacks a field or holds what cannot be scored.
        """
        return self._predict(self.plan.encode(table))

    def predict_rows(self, rows: Sequence[Mapping[str, JsonValue]]) -> NDArray[np.float64]:
        """Score rows of raw, named fields.

        Returns:
            float64, shape (n_rows,): the expected target, or the probability of class 1 in [0, 1].

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        return self._predict(self.plan.encode_rows(rows))

    def predict_encoded(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows that this version's own plan has encoded.

        Args:
            matrix: float32, shape (n_rows, n_features); NaN is missing.

        Returns:
            float64, shape (n_rows,): as `predict_table`.
        """
        return self._predict(matrix)

    def contributions(self, rows: Sequence[Mapping[str, JsonValue]]) -> NDArray[np.float64]:
        """Return the exact share of each feature in each row's score: Shapley values of the trees.

        Returns:
            float64, shape (n_rows, n_features + 1), in the unit in which trees add up: the target's, its logarithm for
            counts, log-odds for a probability. The last column is what all rows share; a row's sum is its margin.

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        return shap_values(self._booster, matrix_of(self.plan.encode_rows(rows), self.plan))[:, 0]

    def calibrated(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the booster's own scores mean: themselves, or probabilities by the version's calibration.

        Args:
            scores: float64, shape (n_rows,), as the booster gives them.
        """
        return scores if self.plan.calibration is None else self.plan.calibration.probabilities(scores)

    def _predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        if not len(matrix):
            return np.empty(0)
        scores: NDArray[np.float32] = self._booster.inplace_predict(matrix, missing=np.nan)
        return self.calibrated(scores.astype(np.float64))


def _whole_object(ubj: bytes) -> bytes:
    """Refuse what is no object from brace to brace: XGBoost's parser may abort the process on it."""
    if ubj[:1] != b"{" or ubj[-1:] != b"}":
        message = "no UBJ object"
        raise ValueError(message)
    return ubj
