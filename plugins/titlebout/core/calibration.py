"""Calibration: from the score of a booster to a probability that means what it says. Stored as JSON in the plan."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from titlebout.core.specs.training_spec import CalibrationMethod

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

# Scores come as float32: nearer to 0 or 1 than this they are rounding, and their logits would be infinite.
_SMALLEST_SCORE = float(np.finfo(np.float32).eps)


class FittedCurve(BaseModel):
    """What every curve says of the rows that it was fitted on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(ge=1, description="Rows that no tree has learned.")
    hits: int = Field(ge=0, description="Those of class 1.")


class PlattCurve(FittedCurve):
    """A sigmoid of the score's logit. Rows keep their order, so that ranking metrics stay what they are."""

    method: Literal[CalibrationMethod.PLATT] = CalibrationMethod.PLATT
    slope: FiniteFloat = Field(ge=0)
    intercept: FiniteFloat

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of class 1 for each score in [0, 1]; NaN stays NaN."""
        return sigmoid(self.slope * logits(scores) + self.intercept)


class IsotonicCurve(FittedCurve):
    """Straight lines between points that never fall; left and right of them the nearest point counts."""

    method: Literal[CalibrationMethod.ISOTONIC] = CalibrationMethod.ISOTONIC
    scores: tuple[Probability, ...] = Field(min_length=1)
    values: tuple[Probability, ...]

    @model_validator(mode="after")
    def _is_a_rising_curve(self) -> Self:
        if len(self.scores) != len(self.values):
            message = f"{len(self.scores)} scores but {len(self.values)} values"
            raise ValueError(message)
        if not (np.diff(self.scores) > 0).all() or not (np.diff(self.values) >= 0).all():
            message = "the points of a calibration must not fall, and their scores must grow"
            raise ValueError(message)
        return self

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of class 1 for each score in [0, 1]; NaN stays NaN."""
        return np.where(np.isnan(scores), np.nan, np.interp(scores, self.scores, self.values))


Calibration = Annotated[PlattCurve | IsotonicCurve, Field(discriminator="method")]


def logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the odds of scores in [0, 1]; it is finite, however sure a score is.

    >>> logits(np.array([0.5, 0.75])).round(4).tolist()
    [0.0, 1.0986]
    """
    clipped = np.clip(scores, _SMALLEST_SCORE, 1 - _SMALLEST_SCORE)
    found: NDArray[np.float64] = np.log(clipped) - np.log1p(-clipped)
    return found


def sigmoid(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-margin)), however large a margin is.

    >>> sigmoid(np.array([0.0, -1000.0])).tolist()
    [0.5, 0.0]
    """
    with np.errstate(invalid="ignore"):  # NaN stays NaN
        found: NDArray[np.float64] = np.exp(-np.logaddexp(0, -margins))
    return found
