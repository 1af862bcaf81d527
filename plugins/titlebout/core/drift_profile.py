"""A version's `profile.json`: its training rows as counts in bins.

Nothing reads it back, drift is measured on `core.drifting`'s profiles (ADR 0022). It is still written, byte for byte,
as its hash is part of every version's manifest.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.distance import leave_one_out
from titlebout.core.field_values import zone_of
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

Pieces: TypeAlias = "Iterable[tuple[PartitionKey, pa.Table]]"
Columns: TypeAlias = Iterable[tuple[PartitionKey, SnapshotColumn]]
Counts: TypeAlias = dict[PartitionKey, NDArray[np.int64]]

NUMERIC_BINS = 20
"""Quantile bins of a numeric column: 5 % of the training rows each."""
TOP_CATEGORIES = 50
"""Categories with a count of their own; the rarer ones are counted together."""


class Frozen(BaseModel):
    """Base of the parts of a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SortedNumbers(NamedTuple):
    """A column's numbers in ascending order: float64, without the missing ones, and how many of these there are."""

    present: NDArray[np.float64]
    missing: int

    @classmethod
    def of(cls, column: SnapshotColumn) -> Self:
        """Sort a column's numbers."""
        numbers = np.sort(column.numbers())  # puts NaN last
        missing = int(np.isnan(numbers).sum()) if len(numbers) and np.isnan(numbers[-1]) else 0
        return cls(numbers[: len(numbers) - missing], missing)


class NumericBins(Frozen):
    """Intervals between the training rows' quantiles.

    Counts: below the smallest, one per interval [edge, next edge), above the largest, missing.
    """

    kind: Literal["numeric"] = "numeric"
    edges: tuple[FiniteFloat, ...]

    @classmethod
    def between(cls, ordered: NDArray[np.float64]) -> Self:
        """Place the edges at the quantiles of numbers: float64, ascending, none missing.

        The last one lies just above the largest number.
        """
        if not len(ordered):
            return cls(edges=())
        # The smallest number that at least such a share of all does not exceed: the inverted distribution function.
        ranks = np.ceil(len(ordered) * np.linspace(0, 1, NUMERIC_BINS + 1) - 1).astype(np.int64)
        quantiles = ordered[np.maximum(ranks, 0)]
        # What lies above the largest value must not share a bin with it.
        edges = np.unique([*quantiles, np.nextafter(quantiles[-1], np.inf)])
        return cls(edges=tuple(edges.tolist()))

    def count(self, numbers: SortedNumbers) -> NDArray[np.int64]:
        """Count sorted numbers: each edge is looked up, not each number.

        Returns:
            int64, shape (n_edges + 2,): the bins and, last, the missing values.
        """
        below = np.searchsorted(numbers.present, np.array(self.edges, dtype=np.float64), side="left")
        counts = np.diff([0, *below, len(numbers.present)])
        return np.append(counts, numbers.missing).astype(np.int64)


class CategoryBins(Frozen):
    """The most frequent categories of the training rows. Counts: one per category, all others, missing."""

    kind: Literal["categories"] = "categories"
    categories: tuple[str, ...]

    @classmethod
    def most_frequent(cls, counts: Mapping[str, int]) -> Self:
        """Keep the most frequent categories, sorted."""
        top = sorted(counts, key=lambda category: (-counts[category], category))[:TOP_CATEGORIES]
        return cls(categories=tuple(sorted(top)))

    def count(self, categories: Mapping[str, int], missing: int) -> NDArray[np.int64]:
        """Count categories whose numbers of rows are known.

        Returns:
            int64, shape (n_categories + 2,): the categories, all others and, last, the missing values.
        """
        found = dict(categories)
        counts = [found.pop(category, 0) for category in self.categories]
        return np.array([*counts, sum(found.values()), missing], dtype=np.int64)


class ColumnProfile(Frozen):
    """One column: its bins, how often each occurred, and what distances occur without drift."""

    bins: Annotated[NumericBins | CategoryBins, Field(discriminator="kind")]
    counts: tuple[int, ...] = Field(description="Of all training rows.")
    null_distances: tuple[float, ...] = Field(
        description="Nats per row: each training partition against all the others, in order of their keys."
    )


class DriftProfile(Frozen):
    """The training rows of one model version, column by column."""

    timezone: str
    types: dict[str, ColumnType]
    columns: dict[str, ColumnProfile]
    partitions: tuple[PartitionKey, ...] = Field(description="Training partitions that have rows, oldest first.")

    @classmethod
    def of_columns(cls, spec: ModelSpec, column: Callable[[str], Pieces], *, threads: int = 1) -> Self:
        """Profile training rows that are read column by column."""
        types = {name: spec.dataset.snapshot_columns[name] for name in watchable_columns(spec)}

        def profile(name: str) -> tuple[tuple[PartitionKey, ...], ColumnProfile]:
            return _profile(spec, name, types[name], column(name))

        with ThreadPoolExecutor(threads) as pool:
            profiles = dict(zip(types, pool.map(profile, types), strict=True))
        return cls(
            timezone=spec.schedule.timezone,
            types=types,
            columns={name: of_column for name, (_, of_column) in profiles.items()},
            partitions=next(iter(profiles.values()))[0],
        )


def watchable_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Return the columns that a profile holds: features, target, and what the spec wants watched besides.

    Dates are left out: that time passes is no drift.
    """
    features = spec.training.features
    return tuple(dict.fromkeys([*features.numbers, *features.categorical, spec.dataset.target, *spec.drift.columns]))


def _profile(
    spec: ModelSpec, name: str, declared: ColumnType, pieces: Pieces
) -> tuple[tuple[PartitionKey, ...], ColumnProfile]:
    """Return the partitions that have rows, and one column's profile."""
    zone = zone_of(spec.schedule.timezone)
    columns = ((key, SnapshotColumn(table, name, declared, zone)) for key, table in pieces if table.num_rows)
    is_category = name in spec.training.features.categorical or declared in {ColumnType.TEXT, ColumnType.FLAG}
    bins, counts = _categories(columns) if is_category else _numbers(columns)
    # By name of the partition: the distances stand in that order, whatever the order of the pieces.
    by_partition = {key: counts[key] for key in sorted(counts)}
    stacked = np.stack([*by_partition.values()])
    return tuple(by_partition), ColumnProfile(
        bins=bins,
        counts=tuple(stacked.sum(axis=0).tolist()),
        null_distances=tuple(leave_one_out(stacked).round(6).tolist()),
    )


def _numbers(columns: Columns) -> tuple[NumericBins, Counts]:
    pieces = [(key, SortedNumbers.of(column)) for key, column in columns]
    whole = np.concatenate([numbers.present for _, numbers in pieces])
    whole.sort()
    bins = NumericBins.between(whole)
    return bins, _added((key, bins.count(numbers)) for key, numbers in pieces)


def _categories(columns: Columns) -> tuple[CategoryBins, Counts]:
    pieces = [(key, column.category_counts(), column.missing) for key, column in columns]
    whole: Counter[str] = Counter()
    for _, counts, _ in pieces:
        whole.update(counts)
    bins = CategoryBins.most_frequent(whole)
    return bins, _added((key, bins.count(counts, missing)) for key, counts, missing in pieces)


def _added(pieces: Iterable[tuple[PartitionKey, NDArray[np.int64]]]) -> Counts:
    """Add the counts of pieces of one partition up."""
    counts: Counts = {}
    for key, found in pieces:
        counts[key] = counts[key] + found if key in counts else found
    return counts
