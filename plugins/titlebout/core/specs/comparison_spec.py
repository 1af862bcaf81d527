"""The section `comparison` of a model spec: when a challenger is proven better."""

import math
from enum import StrEnum
from operator import not_
from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.spec_section import ColumnName, SpecSection


class Metric(StrEnum):
    """What a model's error is. As errors they are all smaller when better, ranking metrics too: 1 minus the area."""

    RMSE = "rmse"
    MAE = "mae"
    MAPE = "mape"
    PINBALL = "pinball"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    AUC = "auc"
    AVERAGE_PRECISION = "average_precision"
    LIFT = "lift"
    ECE = "ece"
    ERROR_RATE = "error_rate"
    MACRO_F1 = "macro_f1"


REGRESSION_METRICS = frozenset({Metric.RMSE, Metric.MAE, Metric.MAPE, Metric.PINBALL})
RANKING_METRICS = frozenset({Metric.AUC, Metric.AVERAGE_PRECISION})
POOLED_METRICS = RANKING_METRICS | {Metric.LIFT, Metric.ECE, Metric.MACRO_F1}
"""Errors of all rows together: they are no sum over rows, so days cannot be added up."""
BINARY_METRICS = RANKING_METRICS | {Metric.LIFT, Metric.ECE, Metric.LOG_LOSS, Metric.BRIER}
MULTICLASS_METRICS = frozenset({Metric.LOG_LOSS, Metric.BRIER, Metric.ERROR_RATE, Metric.MACRO_F1, Metric.ECE})
GUARDS_ONLY = frozenset({Metric.ECE})
"""A constant prediction has hardly any of this error: it says nothing of how much a model knows."""


class SlicesSection(SpecSection):
    """Groups of rows on which the challenger must not fall behind, however good it is on the whole."""

    columns: tuple[ColumnName, ...] = Field(
        min_length=1,
        description="Text, flag or integer columns; each value is a slice, of more than 50 those with the most rows.",
    )
    min_rows: int = Field(default=100, ge=1, description="A slice with fewer holdout rows is shown and not judged.")
    max_loss: float = Field(
        default=0.05, ge=0, lt=10, description="Share of the champion's error that a slice may lose, as estimated."
    )
    max_error: float | None = Field(default=None, gt=0, description="No judged slice may have more error.")


class FairnessMetric(StrEnum):
    """What is compared between groups. The rates are of rows whose probability reaches the threshold."""

    SELECTION_RATE = "selection_rate"
    TRUE_POSITIVE_RATE = "true_positive_rate"
    FALSE_POSITIVE_RATE = "false_positive_rate"
    MEAN_PREDICTION = "mean_prediction"
    ERROR = "error"


RATES = frozenset(
    {FairnessMetric.SELECTION_RATE, FairnessMetric.TRUE_POSITIVE_RATE, FairnessMetric.FALSE_POSITIVE_RATE}
)


class FairnessSection(SpecSection):
    """Groups of rows that the challenger must treat alike."""

    by: tuple[ColumnName, ...] = Field(
        min_length=1, description="Text, flag or integer columns, each looked at by itself; they need be no features."
    )
    metric: FairnessMetric = Field(description="`error` is that of comparison.metric.")
    max_gap: float = Field(gt=0, description="Largest allowed distance between two groups, in the metric's unit.")
    max_growth: float | None = Field(
        default=None, ge=0, description="How much larger than the champion's the gap may be; empty: a tenth of max_gap."
    )
    min_rows: int = Field(
        default=100,
        ge=1,
        description="Groups with fewer rows are named and not judged; with fewer than two groups "
        "left the bout is inconclusive. For a rate of positives or negatives only those count.",
    )
    threshold: float = Field(default=0.5, gt=0, lt=1, description="Probability from which on a row is selected.")

    @property
    def growth(self) -> float:
        """How much larger than the champion's the gap may be."""
        return self.max_gap / 10 if self.max_growth is None else self.max_growth


class RefreshSection(SpecSection):
    """A champion past its age gives way to a challenger that is not worse."""

    after_days: int = Field(ge=1, le=3650, description="Days between the champion's partition and the night's.")
    max_loss: float = Field(
        default=0.01, ge=0, lt=1, description="Share of the champion's error that may be lost, at the lower bound."
    )


class ComparisonSection(SpecSection):
    """When a challenger is proven better."""

    metric: Metric = Field(
        default=Metric.RMSE, description="Of what is compared; with the objective multiclass log_loss, if not given."
    )
    quantile: float = Field(default=0.5, gt=0, lt=1, description="Of the metric pinball.")
    min_gain: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the champion's error that must be gained, at the lower bound."
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="One-sided confidence of the lower bound.")
    resamples: int = Field(default=2000, ge=200, le=100_000, description="Draws of the bootstrap.")
    min_rows: int = Field(default=50, ge=1, description="Holdout rows needed for a verdict.")
    min_blocks: int = Field(default=3, ge=2, description="Holdout partitions needed; days, where they are hours.")
    max_error: float | None = Field(default=None, gt=0, description="Floor: no model with more error is promoted.")
    guards: dict[Metric, float] = Field(
        default_factory=dict,
        description="Other metrics that must not get worse: each with the share of the champion's error that it may "
        "lose at the lower bound.",
    )
    slices: SlicesSection | None = None
    # Left out where it is empty: bouts of older specs keep the name under which the ledger holds their verdict.
    fairness: FairnessSection | None = Field(default=None, exclude_if=not_)
    max_calibration_error: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Objectives binary and multiclass: expected calibration error that is still fine.",
    )
    max_model_megabytes: float | None = Field(default=None, gt=0, description="Size of the booster's file.")
    refresh: RefreshSection | None = None

    @model_validator(mode="after")
    def _enough_resamples_are_asked_for(self) -> Self:
        """A bound that one of a thousand resamples may lie beyond takes a thousand of them."""
        beyond = 1 - self.confidence
        if round(beyond * (self.resamples + 1), 9) < 1:
            needed = math.ceil(round(1 / beyond, 6))
            message = (
                f"resamples {self.resamples} are too few for confidence {self.confidence}; "
                f"give {needed:,} or more, or a lower confidence"
            )
            raise ValueError(message)
        return self

    @property
    def grouped_by(self) -> tuple[ColumnName, ...]:
        """Columns whose values make groups of rows."""
        slices = self.slices.columns if self.slices else ()
        return tuple(dict.fromkeys([*slices, *(self.fairness.by if self.fairness else ())]))
