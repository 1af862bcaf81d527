"""Histogram bins fixed by a reference profile; any partition is counted in them from its profile alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile, ColumnProfile, NumberProfile

NUMBER_BINS = 20
"""Equal shares of the reference's rows: 5 % each."""
TOP_CATEGORIES = 20
"""Categories that are watched one by one; the rarer ones together."""

MIXED_KINDS = "a column is numbers in one profile and categories in another"

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumberBins:
    """Intervals between the reference's quantiles.

    Attributes:
        places: int64, shape (n_bins - 1,): codes of the numbers at which a bin ends and the next begins.
    """

    places: Counts

    @classmethod
    def of(cls, reference: NumberProfile) -> Self:
        """Split the reference into equal shares, as far as ties allow."""
        return cls(reference.sketch.quantile_places(NUMBER_BINS) if reference.present else np.empty(0, np.int64))

    def count(self, profile: NumberProfile) -> Counts:
        """Count a partition's numbers: int64, shape (n_bins,)."""
        below = profile.sketch.below(self.places)
        return np.diff([0, *below.tolist(), profile.present]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class CategoryBins:
    """The reference's most frequent categories, and one bin for all others.

    Attributes:
        names: The categories, sorted.
        is_grouped: They are groups of names: there are too many names.
    """

    names: tuple[str, ...]
    is_grouped: bool

    @classmethod
    def of(cls, reference: CategoryProfile) -> Self:
        """Keep the most frequent categories."""
        counts = reference.categories.counts
        top = sorted(counts, key=lambda name: (-counts[name], name))[:TOP_CATEGORIES]
        return cls(tuple(sorted(top)), reference.categories.is_grouped)

    def count(self, profile: CategoryProfile) -> Counts:
        """Count a partition's categories: int64, shape (n_names + 1,)."""
        counts = comparable(profile.categories, is_grouped=self.is_grouped)
        known = [counts.get(name, 0) for name in self.names]
        return np.array([*known, profile.present - sum(known)], dtype=np.int64)


Bins: TypeAlias = NumberBins | CategoryBins


def comparable(categories: CategoryCounts, *, is_grouped: bool) -> Mapping[str, int]:
    """Return counts by name, or by group where the reference has too many names."""
    return categories.groups() if is_grouped else categories.counts


def bins_of(reference: ColumnProfile) -> Bins:
    """Return the bins of a column."""
    return NumberBins.of(reference) if isinstance(reference, NumberProfile) else CategoryBins.of(reference)


def counts_in(bins: Bins, profiles: Sequence[ColumnProfile]) -> Counts:
    """Count partitions in the bins of their reference.

    Returns:
        int64, shape (n_partitions, n_bins).
    """
    rows = [_counted(bins, profile) for profile in profiles]
    return np.stack(rows) if rows else np.empty((0, 0), np.int64)


def _counted(bins: Bins, profile: ColumnProfile) -> Counts:
    if isinstance(bins, NumberBins) and isinstance(profile, NumberProfile):
        return bins.count(profile)
    if isinstance(bins, CategoryBins) and isinstance(profile, CategoryProfile):
        return bins.count(profile)
    raise TypeError(MIXED_KINDS)
