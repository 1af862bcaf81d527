"""The section `comparison` of a model spec: when a challenger is proven better."""

from enum import StrEnum

from pydantic import Field

from titlebout.core.specs.dataset_spec import ColumnName, SpecSection


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


REGRESSION_METRICS = frozenset({Metric.RMSE, Metric.MAE, Metric.MAPE, Metric.PINBALL})
BINARY_METRICS = frozenset({Metric.LOG_LOSS, Metric.BRIER, Metric.AUC, Metric.AVERAGE_PRECISION})
RANKING_METRICS = frozenset({Metric.AUC, Metric.AVERAGE_PRECISION})


class SlicesSection(SpecSection):
    """Groups of rows on which the challenger must not fall behind, however good it is on the whole."""

    columns: tuple[ColumnName, ...] = Field(
        min_length=1, description="Text, flag or integer columns; each of their values is a slice."
    )
    min_rows: int = Field(default=100, ge=1, description="A slice with fewer holdout rows is shown and not judged.")
    max_loss: float = Field(
        default=0.05, ge=0, lt=10, description="Share of the champion's error that a slice may lose, as estimated."
    )
    max_error: float | None = Field(default=None, gt=0, description="No judged slice may have more error.")


class RefreshSection(SpecSection):
    """A champion past its age gives way to a challenger that is not worse."""

    after_days: int = Field(ge=1, le=3650, description="Days between the champion's partition and the night's.")
    max_loss: float = Field(
        default=0.01, ge=0, lt=1, description="Share of the champion's error that may be lost, at the lower bound."
    )


class ComparisonSection(SpecSection):
    """When a challenger is proven better."""

    metric: Metric = Metric.RMSE
    quantile: float = Field(default=0.5, gt=0, lt=1, description="Of the metric pinball.")
    min_gain: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the champion's error that must be gained, at the lower bound."
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="One-sided confidence of the lower bound.")
    resamples: int = Field(default=2000, ge=200, le=100_000)
    min_rows: int = Field(default=50, ge=1, description="Holdout rows needed for a verdict.")
    min_blocks: int = Field(default=3, ge=2, description="Holdout partitions needed for a verdict.")
    max_error: float | None = Field(default=None, gt=0, description="Floor: no model with more error is promoted.")
    guards: dict[Metric, float] = Field(
        default_factory=dict,
        description="Other metrics that must not get worse: each with the share of the champion's error that it may "
        "lose at the lower bound.",
    )
    slices: SlicesSection | None = None
    max_calibration_error: float | None = Field(
        default=None, gt=0, lt=1, description="Objective binary: expected calibration error that is still fine."
    )
    max_model_megabytes: float | None = Field(default=None, gt=0, description="Size of the booster's file.")
    refresh: RefreshSection | None = None
