"""The section `release.ab` of a model spec: a fixed split of the requests, and what decides who was better."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.spec_section import ColumnName, SpecSection

LOOKS_PER_MINIMUM = 20
"""Where no `max_outcomes` is given, the interval is narrowest at so many times the smallest number that decides."""


class OutcomeDirection(StrEnum):
    """Which outcomes are the better ones."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class SplitSection(SpecSection):
    """Strategy ab: a fixed share of the requests goes to the winner, and outcomes that arrive later decide."""

    percent: int = Field(default=50, ge=1, le=99, description="Percent of the requests that the winner answers.")
    hours: float = Field(
        default=168, gt=0, le=24 * 92, description="The split is held so long at most; undecided, the champion stays."
    )
    max_outcomes: int | None = Field(
        default=None, ge=100, description="The split ends, too, with so many counted outcomes; undecided likewise."
    )
    min_outcomes: int = Field(
        default=200, ge=100, le=10_000_000, description="Counted outcomes of each of the two before anything decides."
    )
    outcome: ColumnName | None = Field(
        default=None,
        description="Column of numbers whose mean decides, such as revenue; default: the error of what was answered, "
        "by comparison.metric.",
    )
    direction: OutcomeDirection = Field(
        default=OutcomeDirection.MAXIMIZE, description="Whether a larger or a smaller outcome is better."
    )
    join_by: tuple[ColumnName, ...] = Field(
        default=(),
        description="Columns that an answer and the row with its outcome share; default: dataset.key_columns. All of "
        "them are features that are logged by value.",
    )
    request_id_column: ColumnName | None = Field(
        default=None, description="Text column with the x-request-id of the answer; instead of join_by."
    )

    @model_validator(mode="after")
    def _one_way_to_join(self) -> Self:
        if self.join_by and self.request_id_column:
            message = "give join_by or request_id_column, not both: one of them says which answer a row belongs to"
            raise ValueError(message)
        if self.max_outcomes is not None and self.max_outcomes < 2 * self.min_outcomes:
            message = f"max_outcomes {self.max_outcomes} is below twice min_outcomes {self.min_outcomes}: nobody wins"
            raise ValueError(message)
        return self


class SplitRules(SpecSection):
    """What decides a trial of strategy ab, written down at its start: a spec that changes later changes nothing."""

    alpha: float = Field(gt=0, le=0.2)
    min_outcomes: int
    max_outcomes: int | None
    narrowest_at: int = Field(ge=1, description="Outcomes of both at which the interval is narrowest.")
    sticky_by: ColumnName | None
    request_id_column: ColumnName | None
    join_by: tuple[ColumnName, ...] = Field(description="Empty where answers are joined by the request's id.")
    outcome: ColumnName | None
    metric: Metric | None = Field(description="The error that decides; None where an outcome column does.")
    quantile: float = 0.5
    larger_is_better: bool

    @property
    def unit_of_outcome(self) -> str:
        """How reports name what decides."""
        return self.outcome or f"{self.metric} of a row"

    @property
    def join_columns(self) -> tuple[ColumnName, ...]:
        """The columns of a row with an outcome that name the answer."""
        return (self.request_id_column,) if self.request_id_column else self.join_by
