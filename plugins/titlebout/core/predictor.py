"""A trained model that scores tables and rows: booster and feature plan belong together."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, ValidationError

from titlebout.core.dense_scores import DenseScores
from titlebout.core.errors import CorruptObjectError
from titlebout.core.features import FeaturePlan
from titlebout.core.machine.lean_xgboost import load_xgboost
from titlebout.core.quick_trees import QuickTrees
from titlebout.core.shapley import matrix_of, shap_values

if TYPE_CHECKING:
    import pyarrow as pa
    import xgboost


class Predictor:
    """Score rows with one model version. Safe to use from several threads at once."""

    def __init__(self, booster: "xgboost.Booster", plan: FeaturePlan) -> None:
        """Take a booster and the plan that it was trained with."""
        self._booster = booster
        self._quick: QuickTrees | None = None
        self._dense: DenseScores | None = None
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
        load_xgboost()
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
        found, wanted = _classes_of(loaded), len(fitted.classes)
        if found != wanted:
            message = f"the booster has {found} classes and its plan {wanted}; they belong to different versions"
            raise CorruptObjectError(message)
        return cls(loaded, fitted)

    def answer_quickly(self, proof: Sequence[Mapping[str, JsonValue]]) -> None:
        """From now on score as a model server is mostly asked: a few rows by walking the trees, a batch by XGBoost's C.

        Args:
            proof: Rows that both have to score alike; others are made of the trees' own thresholds.

        Raises:
            ValueError: These trees are not understood, or score differently than XGBoost. XGBoost scores on.
            FieldError: A row of the proof has a field that is unknown, missing, or not of its type.
        """
        quick, dense = QuickTrees(bytes(self._booster.save_raw("ubj"))), DenseScores(self._booster)
        encoded = self.plan.encode_rows(proof)
        if difference := quick.difference(self.plan, encoded, self._by_xgboost, self.calibrated):
            raise ValueError(difference)
        if not np.array_equal(dense(encoded), self._by_xgboost(encoded), equal_nan=True):
            message = "XGBoost scores otherwise by its C interface"
            raise ValueError(message)
        self._quick, self._dense = quick, dense

    @property
    def is_quick(self) -> bool:
        """Whether a few rows are scored by walking the trees and batches by C; else XGBoost's package scores all."""
        return self._quick is not None

    def predict_table(self, table: "pa.Table") -> NDArray[np.float64]:
        """Score the rows of a table.

        Returns:
            float64, shape (n_rows,): the expected target, or the probability of class 1 in [0, 1]; of several classes
            (n_rows, n_classes): the probability of each of the plan's classes.

        Raises:
            FieldError: The table lacks a field or holds what cannot be scored.
        """
        return self.predict_encoded(self.plan.encode(table))

    def predict_rows(self, rows: Sequence[Mapping[str, JsonValue]]) -> NDArray[np.float64]:
        """Score rows of raw, named fields.

        Returns:
            float64, shape (n_rows,): the expected target, or the probability of class 1 in [0, 1]; of several classes
            (n_rows, n_classes): the probability of each of the plan's classes.

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        if self._quick is not None and len(rows) == 1:
            return self.calibrated(self._quick.scores_of_row(self.plan.encode_row(rows[0])))
        return self.predict_encoded(self.plan.encode_rows(rows))

    def predict_encoded(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows that this version's own plan has encoded.

        Args:
            matrix: float32, shape (n_rows, n_features); NaN is missing.

        Returns:
            float64, as `predict_table`.
        """
        if not len(matrix):
            return np.empty((0, len(self.plan.classes)) if self.plan.classes else 0)
        if self._quick is not None and self._quick.suits(len(matrix)):
            return self.calibrated(self._quick.scores(matrix))
        return self.calibrated(self._by_xgboost(matrix))

    def contributions(
        self, rows: Sequence[Mapping[str, JsonValue]], of: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Return the exact share of each feature in each row's score: Shapley values of the trees.

        Args:
            rows: Rows of raw, named fields.
            of: Of several classes: whose score is explained, one place for each row; None: the first one's.

        Returns:
            float64, shape (n_rows, n_features + 1), in the unit in which trees add up: the target's, its logarithm for
            counts, log-odds for a probability, the logarithm of a probability, but for what is common to all classes.
            The last column is what all rows share; a row's sum is its margin.

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        shares = shap_values(self._booster, matrix_of(self.plan.encode_rows(rows), self.plan))
        return shares[:, 0] if of is None else shares[np.arange(len(shares)), of]

    def calibrated(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the booster's own scores mean: themselves, or probabilities by the version's calibration.

        Args:
            scores: float64, shape (n_rows,) or (n_rows, n_classes), as the booster gives them.
        """
        return scores if self.plan.calibration is None else self.plan.calibration.probabilities(scores)

    def _by_xgboost(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        scores: NDArray[np.float32]
        scores = self._dense(matrix) if self._dense else self._booster.inplace_predict(matrix, missing=np.nan)
        return scores.astype(np.float64)


def _classes_of(booster: "xgboost.Booster") -> int:
    """Return how many classes a booster tells apart; 0 where it gives one number."""
    return int(json.loads(booster.save_config())["learner"]["learner_model_param"]["num_class"])


def _whole_object(ubj: bytes) -> bytes:
    """Refuse what is no object from brace to brace: XGBoost's parser may abort the process on it."""
    if ubj[:1] != b"{" or ubj[-1:] != b"}":
        message = "no UBJ object"
        raise ValueError(message)
    return ubj
