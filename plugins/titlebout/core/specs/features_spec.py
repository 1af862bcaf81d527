"""The section `training.features` of a model spec: what a model looks at, and what it must not."""

from collections.abc import Iterator
from enum import StrEnum
from operator import not_
from typing import Annotated, Self

from pydantic import Field, model_validator

from titlebout.core.specs.spec_section import ColumnName, SpecSection

# No dots: those tell the parts of a column apart. None of the characters that XGBoost refuses in a name.
FeatureName = Annotated[str, Field(pattern=r"\A[A-Za-z_][A-Za-z0-9_]{0,127}\z")]
# Strict: `true` and "24" are mistakes, not periods.
Period = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
ColumnPair = tuple[ColumnName, ColumnName]


class DatePart(StrEnum):
    """Features that are computed from a date or timestamp column."""

    HOUR = "hour"
    WEEKDAY = "weekday"
    MONTH = "month"
    DAY_OF_YEAR = "day_of_year"


class Wave(StrEnum):
    """The two coordinates of a place on a circle."""

    SIN = "sin"
    COS = "cos"


DateParts = Annotated[tuple[DatePart, ...], Field(min_length=1)]
Cycle = DateParts | Period
"""What goes round in a column: parts of a time, or numbers that mean the same again after a period."""


class Statistic(StrEnum):
    """What the earlier rows of a group are reduced to."""

    MEAN = "mean"
    SUM = "sum"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    LAST = "last"


class HistoryFeature(SpecSection):
    """A statistic of earlier partitions' rows that are in the same group; rows without a value do not count."""

    of: ColumnName = Field(description="Numeric column, or the target, that is summed up.")
    by: tuple[ColumnName, ...] = Field(default=(), description="Columns that make groups; empty: all rows are one.")
    statistic: Statistic
    partitions: int = Field(ge=1, le=1000, description="How many partitions, counted by the calendar.")
    delay: int = Field(default=1, ge=1, le=1000, description="Partitions from the newest of them to the row's own.")
    min_partitions: int = Field(default=1, ge=1, description="With fewer accepted ones the feature is missing.")

    @model_validator(mode="after")
    def _enough_partitions_are_possible(self) -> Self:
        if self.min_partitions > self.partitions:
            message = f"min_partitions {self.min_partitions} can never be among {self.partitions} partitions"
            raise ValueError(message)
        if len(set(self.by)) < len(self.by):
            message = f"by names a column twice: {', '.join(self.by)}"
            raise ValueError(message)
        return self


class FeaturesSection(SpecSection):
    """What the model may look at. What it must not look at is written down with the reason."""

    numeric: tuple[ColumnName, ...] = Field(default=(), description="Columns of numbers or flags, as they are.")
    categorical: tuple[ColumnName, ...] = Field(
        default=(), description="Columns of texts, integers or flags, one code for each value that was learned."
    )
    date_parts: dict[ColumnName, tuple[DatePart, ...]] = Field(
        default_factory=dict,
        description="Parts of dates or timestamps as numbers, in the time zone of the model.",
    )
    # What came later is left out where it is empty: recipes and plans of older specs keep their bytes.
    cyclical: dict[ColumnName, Cycle] = Field(
        default_factory=dict,
        exclude_if=not_,
        description="Sine and cosine of a place on a circle, so that its end lies beside its beginning: parts of a "
        "date or time (`[hour, weekday]`), or the period of a numeric column (`360`).",
    )
    ratios: dict[FeatureName, ColumnPair] = Field(
        default_factory=dict,
        exclude_if=not_,
        description="Name to two numeric columns, the first divided by the second; missing where that is zero.",
    )
    differences: dict[FeatureName, ColumnPair] = Field(
        default_factory=dict, exclude_if=not_, description="Name to two numeric columns, the first less the second."
    )
    history: dict[FeatureName, HistoryFeature] = Field(
        default_factory=dict,
        exclude_if=not_,
        description="Name to a statistic of earlier partitions, such as the mean of the same hour in the last week.",
    )
    excluded: dict[ColumnName, str] = Field(
        default_factory=dict, description="Columns that leak or are unknown when scoring, each with its reason."
    )

    @property
    def periods(self) -> dict[ColumnName, float]:
        """The numeric columns that go round, each with its period."""
        return {name: cycle for name, cycle in self.cyclical.items() if isinstance(cycle, float)}

    @property
    def times(self) -> tuple[ColumnName, ...]:
        """The columns that are read as dates or times."""
        return tuple(dict.fromkeys([*self.date_parts, *(name for name in self.cyclical if name not in self.periods)]))

    @property
    def combinations(self) -> dict[FeatureName, ColumnPair]:
        """The features that are made of two columns."""
        return {**self.ratios, **self.differences}

    @property
    def measured(self) -> tuple[ColumnName, ...]:
        """The columns that are calculated with."""
        pairs = (name for pair in self.combinations.values() for name in pair)
        return tuple(dict.fromkeys([*self.periods, *pairs]))

    @property
    def numbers(self) -> tuple[ColumnName, ...]:
        """The columns that a model sees as numbers, directly or in a calculation, but not as categories too."""
        return tuple(name for name in dict.fromkeys([*self.numeric, *self.measured]) if name not in self.categorical)

    @property
    def columns(self) -> tuple[ColumnName, ...]:
        """Every column that a feature is made of: exactly these a caller of the model server sends."""
        groups = (name for feature in self.history.values() for name in feature.by)
        read = [*self.numeric, *self.categorical, *self.date_parts, *self.cyclical, *self.measured, *groups]
        return tuple(dict.fromkeys(read))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the matrix that a model sees."""
        parts = (f"{name}.{part}" for name, each in self.date_parts.items() for part in each)
        return (*self.numeric, *self.categorical, *parts, *self._waves(), *self.combinations, *self.history)

    def _waves(self) -> Iterator[str]:
        for name, cycle in self.cyclical.items():
            circles = [name] if isinstance(cycle, float) else [f"{name}.{part}" for part in cycle]
            separator = "." if isinstance(cycle, float) else "_"
            yield from (f"{circle}{separator}{wave}" for circle in circles for wave in Wave)

    @model_validator(mode="after")
    def _each_column_has_one_role(self) -> Self:
        used = [*self.numeric, *self.categorical]
        if not self.columns:
            kinds = ", ".join(name for name in type(self).model_fields if name != "excluded")
            message = f"name at least one feature that is made of a row's own columns, under {kinds}"
            raise ValueError(message)
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            message = f"{', '.join(twice)} named more than once"
            raise ValueError(message)
        leaking = sorted(set(self.excluded) & set(self.columns))
        if leaking:
            message = f"{', '.join(leaking)} is excluded and used as a feature"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _each_feature_has_its_own_name(self) -> Self:
        names = [*self.names, *(set(self.ratios) & set(self.differences))]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            message = f"{', '.join(twice)} names more than one feature; give each a name of its own"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _combinations_are_of_two_columns(self) -> Self:
        for name, (first, second) in self.combinations.items():
            if first == second:
                message = f"{name} is made of {first} twice, so it says nothing; name two different columns"
                raise ValueError(message)
        return self
