"""What is known of one column of some rows without keeping them; profiles of parts add up to that of the whole."""

from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import NumberSketch
from titlebout.core.drifting.number_tally import NumberTally


def _sketch_document(sketch: NumberSketch) -> dict[str, Any]:
    return {"bits": sketch.bits, "codes": sketch.codes.tolist(), "counts": sketch.counts.tolist()}


def _opened_sketch(found: NumberSketch | dict[str, Any]) -> NumberSketch:
    if isinstance(found, NumberSketch):
        return found
    codes, counts = (np.array(found[name], dtype=np.int64) for name in ("codes", "counts"))
    if len(codes) != len(counts) or (np.diff(codes) <= 0).any() or (counts <= 0).any():
        message = "no sketch of numbers"
        raise ValueError(message)
    return NumberSketch(int(found["bits"]), codes, counts)


Sketch = Annotated[NumberSketch, PlainValidator(_opened_sketch), PlainSerializer(_sketch_document)]


class NumberProfile(BaseModel):
    """A column whose values are measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kind: Literal["numbers"] = "numbers"
    missing: int = Field(default=0, ge=0)
    moments: Moments = Moments()
    sketch: Sketch = Field(default_factory=NumberSketch)

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.moments.count

    def __add__(self, other: Self) -> Self:
        """Return the profile of both."""
        return type(self)(
            missing=self.missing + other.missing,
            moments=self.moments + other.moments,
            sketch=self.sketch + other.sketch,
        )

    def with_numbers(self, numbers: NDArray[np.float64], missing: int = 0) -> Self:
        """Return the profile of these rows and more.

        Args:
            numbers: float64; NaN is missing.
            missing: Further missing values.

        Raises:
            ValueError: A number is infinite or beyond float32.
        """
        tally = NumberTally()
        tally.add(numbers)
        more = type(self)(missing=missing + tally.missing, moments=tally.moments, sketch=tally.sketch)
        return self + more


class CategoryProfile(BaseModel):
    """A column whose values are names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["categories"] = "categories"
    missing: int = Field(default=0, ge=0)
    categories: CategoryCounts = CategoryCounts()

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.categories.rows

    def __add__(self, other: Self) -> Self:
        """Return the profile of both."""
        return type(self)(missing=self.missing + other.missing, categories=self.categories + other.categories)


ColumnProfile: TypeAlias = Annotated[NumberProfile | CategoryProfile, Field(discriminator="kind")]
