"""Columns of a snapshot that are computed from those that are read, as a spec declares them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from titlebout.core.specs.column_type import ColumnType
from titlebout.core.specs.spec_section import ColumnName, SpecSection


class MinutesBetween(SpecSection):
    """Minutes from one timestamp column to another, negative where the end lies before the start."""

    kind: Literal["minutes_between"]
    start: ColumnName = Field(description="Timestamp column.")
    end: ColumnName = Field(description="Timestamp column.")


class MonthStart(SpecSection):
    """First day of the month, for rows that name a month but no year and come in the order of time.

    A month before that of the row above begins a new year, so the rows must come from one file for all partitions.
    """

    kind: Literal["month_start"]
    month: ColumnName = Field(description="Integers 1 to 12, or English names or their first three letters.")
    first_year: int = Field(ge=1900, le=2200, description="Year of the first row.")


class PartitionStart(SpecSection):
    """The day on which the partition begins, for rows that do not say when they happened because their path does."""

    kind: Literal["partition_start"]


Derivation = Annotated[MinutesBetween | MonthStart | PartitionStart, Field(discriminator="kind")]
DERIVED_TYPES: Mapping[str, ColumnType] = {
    "minutes_between": ColumnType.NUMBER,
    "month_start": ColumnType.DATE,
    "partition_start": ColumnType.DATE,
}


def inputs_of(derivation: Derivation) -> tuple[str, ...]:
    """Return the columns that a derived one is computed from."""
    match derivation:
        case MinutesBetween():
            return derivation.start, derivation.end
        case MonthStart():
            return (derivation.month,)
    return ()
