"""What is known of one column of some rows without keeping them; profiles of parts add up to that of the whole."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import NumberSketch
from titlebout.core.errors import FieldError
from titlebout.core.field_values import LARGEST_NUMBER, category_text
from titlebout.core.specs.dataset_spec import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa


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
        limits = _limits(numbers)
        if limits is None and len(numbers):
            kept = numbers[~np.isnan(numbers)]
            missing += len(numbers) - len(kept)
            numbers, limits = kept, _limits(kept)
        if limits is not None and max(-limits[0], limits[1]) > LARGEST_NUMBER:
            message = "holds infinity or a number beyond 3.4e38; reject such rows with an expectation"
            raise ValueError(message)
        return type(self)(
            missing=self.missing + missing,
            moments=self.moments + Moments.of(numbers, limits),
            sketch=self.sketch.with_numbers(numbers, limits),
        )


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


def with_rows(profile: ColumnProfile, column: "pa.ChunkedArray", name: str, declared: ColumnType) -> ColumnProfile:
    """Return the profile of a column's rows so far and of a piece more.

    Args:
        profile: Of the rows so far; an empty one at first.
        column: The piece, in its declared type.
        name: Name of the column, for messages.
        declared: Its type in the spec.

    Raises:
        FieldError: A number is infinite or beyond float32.
    """
    if isinstance(profile, CategoryProfile):
        return profile + _counted(column, declared)
    numbers, missing = _numbers(column)
    try:
        return profile.with_numbers(numbers, missing)
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _numbers(column: "pa.ChunkedArray") -> tuple[NDArray[np.float64], int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = column.null_count
    if missing:
        column = column.drop_null()
    if column.type != pa.float64():
        column = pc.cast(column, pa.float64(), safe=False)
    numbers: NDArray[np.float64] = column.to_numpy()
    return numbers, missing


def _counted(column: "pa.ChunkedArray", declared: ColumnType) -> CategoryProfile:
    import pyarrow.compute as pc

    counted = pc.value_counts(column.drop_null())
    counts: dict[str, int] = {}
    for value, count in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
        text = category_text(value, declared)
        counts[text] = counts.get(text, 0) + count
    return CategoryProfile(missing=column.null_count, categories=CategoryCounts.of(counts))


def _limits(numbers: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the smallest and the largest number; None of none, or where one is NaN."""
    if not len(numbers):
        return None
    low = float(numbers.min())
    return None if np.isnan(low) else (low, float(numbers.max()))
