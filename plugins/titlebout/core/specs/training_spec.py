"""The section `training` of a model spec: what a model looks at and how it learns."""

from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from titlebout.core.specs.dataset_spec import ColumnName, SpecSection


class DatePart(StrEnum):
    """Features that are computed from a date or timestamp column."""

    HOUR = "hour"
    WEEKDAY = "weekday"
    MONTH = "month"
    DAY_OF_YEAR = "day_of_year"


class FeaturesSection(SpecSection):
    """What the model may look at. What it must not look at is written down with the reason."""

    numeric: tuple[ColumnName, ...] = ()
    categorical: tuple[ColumnName, ...] = ()
    date_parts: dict[ColumnName, tuple[DatePart, ...]] = Field(default_factory=dict)
    excluded: dict[ColumnName, str] = Field(
        default_factory=dict, description="Columns that leak or are unknown when scoring, each with its reason."
    )

    @model_validator(mode="after")
    def _each_column_has_one_role(self) -> Self:
        used = [*self.numeric, *self.categorical]
        if not used and not self.date_parts:
            message = "name at least one feature under numeric, categorical or date_parts"
            raise ValueError(message)
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            message = f"{', '.join(twice)} named more than once"
            raise ValueError(message)
        leaking = sorted(set(self.excluded) & (set(used) | set(self.date_parts)))
        if leaking:
            message = f"{', '.join(leaking)} is excluded and used as a feature"
            raise ValueError(message)
        return self


class Objective(StrEnum):
    """What the model predicts: a mean (squared, Poisson, Tweedie), a median, a quantile, or a probability."""

    REGRESSION = "regression"
    ABSOLUTE = "absolute"
    QUANTILE = "quantile"
    POISSON = "poisson"
    TWEEDIE = "tweedie"
    BINARY = "binary"


NOT_NEGATIVE = frozenset({Objective.POISSON, Objective.TWEEDIE})


class Direction(StrEnum):
    """How a prediction may change where one feature grows and all others stay."""

    INCREASING = "increasing"
    DECREASING = "decreasing"


class ClassWeights(StrEnum):
    """What the rows of the two classes of the objective `binary` count."""

    EQUAL = "equal"
    BALANCED = "balanced"


class Device(StrEnum):
    """What computes the trees."""

    CPU = "cpu"
    CUDA = "cuda"


class EarlyStoppingSection(SpecSection):
    """Stop adding trees once the newest days of the training window are not predicted better any more."""

    validation_days: int = Field(ge=1, le=366, description="Newest days of the training window; no tree learns them.")
    patience_rounds: int = Field(default=20, ge=1, le=1000, description="Rounds without a better error.")


_OUR_PARAMS = frozenset(
    {
        *("objective", "seed", "random_state", "nthread", "n_jobs", "device", "num_class", "verbosity"),
        *("quantile_alpha", "tweedie_variance_power", "monotone_constraints", "interaction_constraints"),
        *("eval_metric", "early_stopping_rounds", "disable_default_eval_metric"),
    }
)
_FIXED_PARAMS = frozenset({"tree_method", "booster", "updater", "process_type"})


class TrainingSection(SpecSection):
    """How a challenger is trained."""

    objective: Objective = Objective.REGRESSION
    quantile: float = Field(default=0.5, gt=0, lt=1, description="Of the objective quantile.")
    tweedie_power: float = Field(default=1.5, gt=1, lt=2, description="Of the objective tweedie.")
    class_weights: ClassWeights = Field(
        default=ClassWeights.EQUAL,
        description="Objective binary; `balanced` lets both classes count the same, and moves the probabilities.",
    )
    features: FeaturesSection
    window_days: int = Field(default=365, ge=1, le=3650, description="Days the challenger learns from.")
    holdout_days: int = Field(default=7, ge=1, le=366, description="Newest days, kept for the bout.")
    min_partitions: int = Field(default=7, ge=1, description="Accepted partitions needed in the training window.")
    half_life_days: float | None = Field(
        default=None, gt=0, description="A row this much older weighs half; empty: all rows weigh the same."
    )
    rounds: int = Field(default=200, ge=1, le=10_000)
    # Plain XGBoost parameters; a few that would break reproducibility are refused below.
    params: dict[str, float | int | str] = Field(
        default_factory=lambda: dict[str, float | int | str](max_depth=6, eta=0.1)
    )
    monotone: dict[ColumnName, Direction] = Field(
        default_factory=dict, description="Numeric features whose effect goes one way only."
    )
    interactions: tuple[tuple[ColumnName, ...], ...] = Field(
        default=(), description="Groups of features that may meet in one tree; empty: any may."
    )
    early_stopping: EarlyStoppingSection | None = None
    seed: int = Field(default=0, ge=0)
    threads: int = Field(default=0, ge=0, description="0: as many as the machine or its cgroup grants.")
    in_memory_megabytes: int | None = Field(
        default=None,
        ge=0,
        description="Feature values, 4 bytes each, beyond this are trained on from disk; the model is the same. In "
        "memory, training takes about twice as much. Empty: an eighth of what the machine or its cgroup grants.",
    )
    device: Device = Field(
        default=Device.CPU,
        description="`cuda`: one graphics card; two trainings are then alike, not equal byte for byte.",
    )

    @field_validator("params")
    @classmethod
    def _params_leave_our_own_alone(cls, params: dict[str, float | int | str]) -> dict[str, float | int | str]:
        ours = sorted(set(params) & _OUR_PARAMS)
        if ours:
            message = f"{', '.join(ours)} is set by its own key of the spec, not under params"
            raise ValueError(message)
        fixed = sorted(set(params) & _FIXED_PARAMS)
        if fixed:
            message = f"{', '.join(fixed)} is fixed: only trees grown by `hist` give the same bytes every time"
            raise ValueError(message)
        return params

    @model_validator(mode="after")
    def _constraints_are_on_features(self) -> Self:
        features = self.features
        foreign = sorted(set(self.monotone) - set(features.numeric))
        if foreign:
            message = f"monotone: {', '.join(foreign)} is no numeric feature"
            raise ValueError(message)
        known = {*features.numeric, *features.categorical, *features.date_parts}
        foreign = sorted({name for group in self.interactions for name in group} - known)
        if foreign:
            message = f"interactions: {', '.join(foreign)} is no feature"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _settings_fit_the_objective(self) -> Self:
        if self.class_weights is not ClassWeights.EQUAL and self.objective is not Objective.BINARY:
            message = f"class_weights needs the objective binary, found {self.objective}"
            raise ValueError(message)
        if self.early_stopping and self.early_stopping.validation_days >= self.window_days:
            message = "early_stopping.validation_days must be fewer than window_days"
            raise ValueError(message)
        return self
