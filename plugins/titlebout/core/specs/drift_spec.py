"""Spec section `drift`: when a change of the data is worth a retrain."""

from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.dataset_spec import ColumnName, SpecSection


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
    cooldown_days: int = Field(default=3, ge=0, description="Days of data between two retrains for drift.")

    @model_validator(mode="after")
    def _k_is_at_most_n(self) -> Self:
        if self.drifted_partitions > self.newest_partitions:
            message = "drifted_partitions must not exceed newest_partitions"
            raise ValueError(message)
        return self
