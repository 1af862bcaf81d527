"""How the winner of a bout comes to serve."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.approval_spec import ApprovalSection
from titlebout.core.specs.spec_section import ColumnName, SpecSection
from titlebout.core.specs.split_spec import SplitSection

FULL_PERCENT = 100


class ReleaseStrategy(StrEnum):
    """What a winner goes through between its bout and its release."""

    DIRECT = "direct"
    SHADOW = "shadow"
    CANARY = "canary"
    AB = "ab"


class ReleaseSection(SpecSection):
    """How the winner of a bout comes to serve."""

    strategy: ReleaseStrategy = Field(
        default=ReleaseStrategy.DIRECT,
        description="direct: at once. shadow: it scores live requests first and answers none. "
        "canary: it answers a growing share of them first. ab: it answers a fixed share of them, and what comes of the "
        "answers decides.",
    )
    steps: tuple[int, ...] = Field(
        default=(5, 25, 100), min_length=1, max_length=20, description="Percent of the requests, step by step; canary."
    )
    min_requests: int = Field(
        default=500, ge=20, le=10_000_000, description="Requests of a step that the winner has to score, at least."
    )
    step_timeout_hours: float = Field(
        default=6, gt=0, le=24 * 14, description="A step that has not passed by then has failed, also without traffic."
    )
    sticky_by: ColumnName | None = Field(
        default=None, description="Field whose value decides who answers, such as a customer; default: the request."
    )
    max_error_rate: float = Field(
        default=0.01, gt=0, lt=1, description="Share of requests that the winner fails and the champion does not."
    )
    max_latency_ratio: float = Field(
        default=3, gt=1, le=100, description="Nine of ten requests take the winner at most so many times as long."
    )
    max_score_distance: float = Field(
        default=0.25, gt=0, lt=1, description="Mean distance of paired scores, as a share of the champion's spread."
    )
    max_score_shift: float = Field(
        default=0.1, gt=0, lt=1, description="Distance of the mean scores, as a share of the champion's spread."
    )
    threshold: float | None = Field(
        default=None, description="Score from which a row is positive to whoever asks; needed for max_disagreement."
    )
    max_disagreement: float = Field(
        default=0.05, gt=0, lt=1, description="Share of rows that the two put on different sides of the threshold."
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=0.2,
        description="Probability to turn a harmless winner away, or to pass a harmful one; ab: with which the interval "
        "of the gain ever misses the true one.",
    )
    ab: SplitSection = SplitSection()
    approval: ApprovalSection = ApprovalSection()

    @model_validator(mode="after")
    def _steps_grow_to_all(self) -> Self:
        grows = all(one < other for one, other in zip(self.steps, self.steps[1:], strict=False))
        if not grows or self.steps[0] < 1 or self.steps[-1] != FULL_PERCENT:
            message = f"steps must grow from at least 1 to {FULL_PERCENT} percent, as in [5, 25, 100]"
            raise ValueError(message)
        return self

    @property
    def has_trial(self) -> bool:
        """Whether a winner is tried on live requests before it serves."""
        return self.strategy is not ReleaseStrategy.DIRECT

    @property
    def shares(self) -> tuple[int, ...]:
        """Percent of the requests that a winner answers in each step of its trial."""
        if self.strategy is ReleaseStrategy.AB:
            return (self.ab.percent,)
        return self.steps if self.strategy is ReleaseStrategy.CANARY else (0,)

    @property
    def hours_a_step(self) -> float:
        """How long a step of a trial lasts at most."""
        return self.ab.hours if self.strategy is ReleaseStrategy.AB else self.step_timeout_hours
