"""The section `training.search` of a model spec: what may be tried to find better parameters, and how long."""

from enum import StrEnum
from functools import partial
from operator import eq
from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.spec_section import SpecSection

ROUNDS = "rounds"
"""In a space: the number of trees, which is no parameter of XGBoost's."""


MAX_WORKERS = 64
"""Trials of one round know nothing of each other: the more there are, the more a search resembles dice."""


class SearchWhen(StrEnum):
    """Which nights search; the others learn with the champion's parameters."""

    ALWAYS = "always"
    WEEKLY = "weekly"
    DRIFT = "drift"


class SearchRange(SpecSection):
    """Values that a parameter may take."""

    low: float = Field(description="Least value.")
    high: float = Field(description="Largest value.")
    integer: bool = Field(default=False, description="Whole numbers only.")
    log: bool = Field(default=False, description="Try small values as often as large ones, by order of magnitude.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            message = f"low {self.low:g} must be less than high {self.high:g}"
            raise ValueError(message)
        if self.log and self.low <= 0:
            message = f"log needs a low above 0, found {self.low:g}"
            raise ValueError(message)
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            message = f"integer needs whole numbers, found {self.low:g} and {self.high:g}"
            raise ValueError(message)
        return self


def default_space() -> dict[str, SearchRange]:
    """Return what is worth a try for most tables: the size of trees, what they are made of, how fast they learn."""
    return {
        "max_depth": SearchRange(low=3, high=10, integer=True),
        "eta": SearchRange(low=0.02, high=0.3, log=True),
        "min_child_weight": SearchRange(low=1, high=30, log=True),
        "subsample": SearchRange(low=0.5, high=1),
        "colsample_bytree": SearchRange(low=0.5, high=1),
        "lambda": SearchRange(low=0.1, high=30, log=True),
        ROUNDS: SearchRange(low=50, high=500, integer=True),
    }


class SearchSection(SpecSection):
    """Search for better parameters before a challenger is trained."""

    trials: int = Field(default=20, ge=1, le=1000, description="Trainings, those of champion and spec included.")
    seconds: float | None = Field(
        default=None, gt=0, description="No trial begins later; empty: only trials are counted, which repeats exactly."
    )
    validation_days: int = Field(
        default=7, ge=1, le=366, description="Newest days of the training window; trials are judged on them."
    )
    when: SearchWhen = SearchWhen.ALWAYS
    max_rows: int = Field(
        default=1_000_000, ge=1000, description="Trials learn from so many rows at most, taken evenly."
    )
    space: dict[str, SearchRange] = Field(
        default_factory=default_space, min_length=1, description="XGBoost parameters, and `rounds`, with their ranges."
    )
    # Left out where they are the default: what was found for older specs keeps its place in the lake.
    workers: int = Field(
        default=1,
        ge=1,
        le=MAX_WORKERS,
        exclude_if=partial(eq, 1),
        description="Trials proposed together and trained side by side, in so many mapped tasks of the nightly DAG.",
    )
    min_gain: float | None = Field(
        default=0.0,
        ge=0,
        lt=1,
        exclude_if=partial(eq, 0.0),
        description="Share of the error of the spec's own parameters that the best trial must gain over the validation "
        "days, at the lower bound; else the spec's own stay. `null`: the smallest error wins.",
    )

    @model_validator(mode="after")
    def _rounds_can_be_counted(self) -> Self:
        rounds = self.space.get(ROUNDS)
        if rounds and not (rounds.integer and rounds.low >= 1 and rounds.high <= 10_000):
            message = "space.rounds must be an integer range from 1 to 10000"
            raise ValueError(message)
        return self
