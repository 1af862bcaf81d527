"""Spec section `drift`: when a change of the data is worth a retrain, and how many retrains are enough."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from titlebout.core.specs.retrain_spec import AUTOMATIC, RetrainReason, RetrainSection
from titlebout.core.specs.spec_section import ColumnName, SpecSection


class DriftSection(SpecSection):
    """When a change of the data is worth a retrain."""

    newest_partitions: int = Field(default=3, ge=1, le=60, description="n of k-of-n: the newest partitions looked at.")
    drifted_partitions: int = Field(default=2, ge=1, le=60, description="k of k-of-n: how many of them must drift.")
    margin: float = Field(
        default=1.0, ge=1, description="A change counts from this multiple of what is unusual by the model's past."
    )
    # Measured: at 5 % two of three days come together five times a year where a strange day is followed by another.
    false_alarm_rate: float = Field(
        default=0.02, gt=0, le=0.2, description="Share of partitions without drift that may look drifted, per model."
    )
    smallest_change: float = Field(
        default=0.1, ge=0, le=3, description="Smaller changes are no drift, in standard deviations of a row."
    )
    min_rows: int = Field(default=10, ge=1, description="A partition with fewer rows is no evidence of drift.")
    columns: tuple[ColumnName, ...] = Field(default=(), description="Columns watched; empty: features and target.")
    look_every_minutes: float = Field(default=15, ge=1, le=1440, description="Time between two looks of a watch.")
    look_for_hours: float = Field(default=6, gt=0, le=24, description="So long a watch looks, from 06:30 on.")
    retrain_for: tuple[RetrainReason, ...] = Field(
        default=AUTOMATIC, description="What may start a run by itself. A person always may."
    )
    retrain_after_days: float | None = Field(
        default=None, gt=0, description="Staleness: days of data since the champion was trained; empty: never."
    )
    cooldown_days: int = Field(default=3, ge=0, description="Days of data between two retrains, whatever for.")
    # With the default cooldown no more would fit into a week of days; other cadences are held by this alone.
    retrains_per_week: int = Field(default=2, ge=0, le=100, description="Budget of any seven days; a person has none.")
    retrains_without_gain: int = Field(
        default=3, ge=1, le=100, description="So many in a row whose challenger does not win, and a person is called."
    )
    # The longest task of a night may take six hours, and one retry of it as long again.
    verdict_within_hours: float = Field(
        default=12, gt=0, le=24 * 14, description="A retrain without a verdict by then counts as lost, without gain."
    )
    retrain: RetrainSection = RetrainSection()

    @model_validator(mode="after")
    def _k_is_at_most_n(self) -> Self:
        if self.drifted_partitions > self.newest_partitions:
            message = "drifted_partitions must not exceed newest_partitions"
            raise ValueError(message)
        return self

    @field_validator("retrain_for")
    @classmethod
    def _a_person_is_not_asked(cls, reasons: tuple[RetrainReason, ...]) -> tuple[RetrainReason, ...]:
        if RetrainReason.PERSON in reasons:
            message = "a person may always start a retrain; leave `person` out"
            raise ValueError(message)
        return reasons

    @model_validator(mode="after")
    def _staleness_may_retrain(self) -> Self:
        if self.retrain_after_days is not None and RetrainReason.STALENESS not in self.retrain_for:
            message = "retrain_after_days is given and staleness is not among retrain_for"
            raise ValueError(message)
        return self
