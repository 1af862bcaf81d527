"""Profiles of columns: mergeable summaries, so that profiles of parts add up to the profile of the whole."""

from dataclasses import dataclass, field
from typing import Self, TypeAlias

from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import NumberSketch


@dataclass(frozen=True)
class NumberProfile:
    """A column whose values are measured."""

    missing: int = 0
    moments: Moments = field(default_factory=Moments)
    sketch: NumberSketch = field(default_factory=NumberSketch)

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


@dataclass(frozen=True)
class CategoryProfile:
    """A column whose values are names."""

    missing: int = 0
    categories: CategoryCounts = field(default_factory=CategoryCounts)

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.categories.rows

    def __add__(self, other: Self) -> Self:
        """Return the profile of both."""
        return type(self)(missing=self.missing + other.missing, categories=self.categories + other.categories)


ColumnProfile: TypeAlias = NumberProfile | CategoryProfile
