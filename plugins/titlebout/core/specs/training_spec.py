"""The section `training` of a model spec: what a model looks at and how it learns."""

from enum import StrEnum
from operator import not_
from typing import Self

from pydantic import Field, field_validator, model_validator

from titlebout.core.specs.class_list import MOST_CLASSES, ClassName, refuse_bad_classes
from titlebout.core.specs.features_spec import FeaturesSection
from titlebout.core.specs.search_spec import ROUNDS, SearchSection
from titlebout.core.specs.spec_section import ColumnName, SpecSection


class Objective(StrEnum):
    """What the model predicts: a mean (squared, Poisson, Tweedie), a median, a quantile, or probabilities."""

    REGRESSION = "regression"
    ABSOLUTE = "absolute"
    QUANTILE = "quantile"
    POISSON = "poisson"
    TWEEDIE = "tweedie"
    BINARY = "binary"
    MULTICLASS = "multiclass"


CLASSIFYING = frozenset({Objective.BINARY, Objective.MULTICLASS})
NOT_NEGATIVE = frozenset({Objective.POISSON, Objective.TWEEDIE})


class Direction(StrEnum):
    """How a prediction may change where one feature grows and all others stay."""

    INCREASING = "increasing"
    DECREASING = "decreasing"


class ClassWeights(StrEnum):
    """What the rows of different classes count."""

    EQUAL = "equal"
    BALANCED = "balanced"


class CalibrationMethod(StrEnum):
    """How scores become probabilities: a sigmoid of two numbers, or any curve that never falls."""

    PLATT = "platt"
    ISOTONIC = "isotonic"


class Device(StrEnum):
    """What computes the trees."""

    CPU = "cpu"
    CUDA = "cuda"


class EarlyStoppingSection(SpecSection):
    """Stop adding trees once the newest days of the training window are not predicted better any more."""

    validation_days: int = Field(ge=1, le=366, description="Newest days of the training window; no tree learns them.")
    patience_rounds: int = Field(default=20, ge=1, le=1000, description="Rounds without a better error.")


class CalibrationSection(SpecSection):
    """Turn scores into probabilities that mean what they say, by rows that no tree has learned."""

    method: CalibrationMethod = Field(
        description="`platt`: a sigmoid, for few rows, and keeps the order of rows; `isotonic`: any rising curve."
    )
    validation_days: int = Field(
        ge=1,
        le=366,
        description="Newest days of the training window; no tree learns them. With early_stopping the same days.",
    )


_OUR_PARAMS = frozenset(
    {
        *("objective", "seed", "random_state", "nthread", "n_jobs", "device", "num_class", "verbosity"),
        *("quantile_alpha", "tweedie_variance_power", "monotone_constraints", "interaction_constraints"),
        *("eval_metric", "early_stopping_rounds", "disable_default_eval_metric"),
    }
)
_SAME = {"eta": "learning_rate", "gamma": "min_split_loss", "lambda": "reg_lambda", "alpha": "reg_alpha"}
_FIXED_PARAMS = frozenset({"tree_method", "booster", "updater", "process_type"})


class TrainingSection(SpecSection):
    """How a challenger is trained."""

    objective: Objective = Objective.REGRESSION
    # Left out where there are none: the recipes of other objectives keep their bytes, and versions their names.
    classes: tuple[ClassName, ...] = Field(
        default=(),
        max_length=MOST_CLASSES,
        exclude_if=not_,
        description="Objective multiclass: every value that the target may have, in the order of the probabilities.",
    )
    quantile: float = Field(default=0.5, gt=0, lt=1, description="Of the objective quantile.")
    tweedie_power: float = Field(default=1.5, gt=1, lt=2, description="Of the objective tweedie.")
    class_weights: ClassWeights = Field(
        default=ClassWeights.EQUAL,
        description="Objectives binary and multiclass; `balanced` lets all classes count the same, and moves the "
        "probabilities: for binary, `calibration` brings them back.",
    )
    features: FeaturesSection
    window_days: int = Field(default=365, ge=1, le=3650, description="Days the challenger learns from.")
    holdout_days: int = Field(default=7, ge=1, le=366, description="Newest days, kept for the bout.")
    min_partitions: int = Field(default=7, ge=1, description="Accepted partitions needed in the training window.")
    half_life_days: float | None = Field(
        default=None, gt=0, description="A row this much older weighs half; empty: all rows weigh the same."
    )
    rounds: int = Field(default=200, ge=1, le=10_000, description="Trees; of each class, where there are several.")
    params: dict[str, float | int | str] = Field(
        default_factory=lambda: dict[str, float | int | str](max_depth=6, eta=0.1),
        description="XGBoost's own parameters, but for those that have a key here or would make training differ from "
        "run to run; without any: max_depth 6, eta 0.1.",
    )
    monotone: dict[ColumnName, Direction] = Field(
        default_factory=dict,
        description="Numeric features, ratios, differences or history features whose effect goes one way only.",
    )
    interactions: tuple[tuple[ColumnName, ...], ...] = Field(
        default=(),
        description="Groups of features that may meet in one tree; a column stands for its parts. Empty: any may.",
    )
    early_stopping: EarlyStoppingSection | None = None
    # Left out where it is not asked for: the recipes of older specs keep their bytes, and versions their names.
    calibration: CalibrationSection | None = Field(
        default=None, exclude_if=not_, description="Objective binary: probabilities instead of mere scores."
    )
    search: SearchSection | None = Field(
        default=None, exclude_if=not_, description="Try other parameters before a challenger is trained."
    )
    ladder: bool = Field(
        default=False, exclude_if=not_, description="Train simpler models too, and warn where one is as good."
    )
    seed: int = Field(default=0, ge=0, description="Of everything random in training.")
    threads: int = Field(
        default=0,
        ge=0,
        description="0: one, and one more for every two million feature values, up to what the machine or its cgroup "
        "grants: a small window trains faster on one thread than on several, which wait for each other.",
    )
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
    def _search_has_rows_and_names_of_its_own(self) -> Self:
        if self.search is None:
            return self
        if self.search.validation_days >= self.window_days:
            message = "search.validation_days must be fewer than window_days"
            raise ValueError(message)
        self._params_leave_our_own_alone({name: 0 for name in self.search.space if name != ROUNDS})
        for name, other in _SAME.items():
            twice = sorted({name, other} & set(self.search.space) | {name, other} & set(self.params))
            if len(twice) > 1:
                message = f"{' and '.join(twice)} are one parameter; use one name in params and search.space"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _constraints_are_on_features(self) -> Self:
        features = self.features
        foreign = sorted(set(self.monotone) - {*features.numeric, *features.combinations, *features.history})
        if foreign:
            message = f"monotone: {', '.join(foreign)} is no numeric feature, ratio, difference or history feature"
            raise ValueError(message)
        known = {*features.numeric, *features.categorical, *features.date_parts}
        known |= {*features.cyclical, *features.combinations, *features.history}
        foreign = sorted({name for group in self.interactions for name in group} - known)
        if foreign:
            message = f"interactions: {', '.join(foreign)} is no feature"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _settings_fit_the_objective(self) -> Self:
        if self.class_weights is not ClassWeights.EQUAL and self.objective not in CLASSIFYING:
            message = f"class_weights needs the objective binary or multiclass, found {self.objective}"
            raise ValueError(message)
        if self.early_stopping and self.early_stopping.validation_days >= self.window_days:
            message = "early_stopping.validation_days must be fewer than window_days"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _classes_are_told_apart(self) -> Self:
        if self.objective is not Objective.MULTICLASS:
            if self.classes:
                message = f"classes belong to the objective multiclass, found {self.objective}"
                raise ValueError(message)
            return self
        refuse_bad_classes(self.classes)
        if self.monotone:
            message = "monotone: the probabilities of several classes add up to 1 and cannot all go one way"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _calibration_has_rows_of_its_own(self) -> Self:
        if self.calibration is None:
            return self
        if self.objective is not Objective.BINARY:
            message = f"calibration needs the objective binary, found {self.objective}"
            raise ValueError(message)
        if self.calibration.validation_days >= self.window_days:
            message = "calibration.validation_days must be fewer than window_days"
            raise ValueError(message)
        # One tail for both: stopping takes a single number from it, a second tail would cost the newest days.
        if self.early_stopping and self.early_stopping.validation_days != self.calibration.validation_days:
            message = (
                f"calibration.validation_days {self.calibration.validation_days} and early_stopping.validation_days "
                f"{self.early_stopping.validation_days} are the same newest days; give both the same number"
            )
            raise ValueError(message)
        return self

    @property
    def validation_days(self) -> int:
        """Newest days of the training window that no tree learns; 0: trees learn them all."""
        section = self.early_stopping or self.calibration
        return section.validation_days if section else 0
