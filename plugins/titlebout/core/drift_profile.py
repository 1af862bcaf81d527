"""What a champion was trained on, as counts: bins that are fixed at training, so that only new rows are scanned."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.dataset_spec import ColumnType
from titlebout.core.distance import leave_one_out
from titlebout.core.field_values import zone_of
from titlebout.core.results import PartitionKey
from titlebout.core.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

NUMERIC_BINS = 20
"""Quantile bins of a numeric column: 5 % of the training rows each."""
TOP_CATEGORIES = 50
"""Categories with a count of their own; the rarer ones are counted together."""


class Frozen(BaseModel):
    """Base of the parts of a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NumericBins(Frozen):
    """Intervals between the training rows' quantiles.

    Counts: below the smallest, one per interval [edge, next edge), above the largest, missing.
    """

    kind: Literal["numeric"] = "numeric"
    edges: tuple[FiniteFloat, ...]

    @classmethod
    def fit(cls, column: SnapshotColumn) -> Self:
        """Place the edges at the quantiles of a column; the last one lies just above its largest value."""
        numbers = column.numbers()
        present = numbers[~np.isnan(numbers)]
        if not len(present):
            return cls(edges=())
        quantiles = np.quantile(present, np.linspace(0, 1, NUMERIC_BINS + 1), method="inverted_cdf")
        # What lies above the largest value must not share a bin with it.
        edges = np.unique([*quantiles, np.nextafter(quantiles[-1], np.inf)])
        return cls(edges=tuple(edges.tolist()))

    def count(self, column: SnapshotColumn) -> NDArray[np.int64]:
        """Count a column's values.

        Returns:
            int64, shape (n_edges + 2,): the bins and, last, the missing values.
        """
        numbers = column.numbers()
        is_missing = np.isnan(numbers)
        bins = np.searchsorted(np.array(self.edges), numbers[~is_missing], side="right")
        counts = np.bincount(bins, minlength=len(self.edges) + 1)
        return np.append(counts, is_missing.sum()).astype(np.int64)


class CategoryBins(Frozen):
    """The most frequent categories of the training rows. Counts: one per category, all others, missing."""

    kind: Literal["categories"] = "categories"
    categories: tuple[str, ...]

    @classmethod
    def fit(cls, column: SnapshotColumn) -> Self:
        """Keep the most frequent categories, sorted."""
        counts = column.category_counts()
        top = sorted(counts, key=lambda category: (-counts[category], category))[:TOP_CATEGORIES]
        return cls(categories=tuple(sorted(top)))

    def count(self, column: SnapshotColumn) -> NDArray[np.int64]:
        """Count a column's values.

        Returns:
            int64, shape (n_categories + 2,).
        """
        found = column.category_counts()
        counts = [found.pop(category, 0) for category in self.categories]
        return np.array([*counts, sum(found.values()), column.missing], dtype=np.int64)


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
    def fit(cls, spec: ModelSpec, tables: Mapping[PartitionKey, "pa.Table"]) -> Self:
        """Profile the training rows.

        Args:
            spec: The model spec; features (without dates), target and `drift.columns` are profiled.
            tables: Rows of each training partition, as snapshots store them; at least one has rows.
        """
        filled = {key: tables[key] for key in sorted(tables) if tables[key].num_rows}
        types = {name: spec.dataset.snapshot_columns[name] for name in watchable_columns(spec)}
        return cls(
            timezone=spec.schedule.timezone,
            types=types,
            columns={name: _profile(spec, name, declared, list(filled.values())) for name, declared in types.items()},
            partitions=tuple(filled),
        )

    def count(self, name: str, table: "pa.Table") -> NDArray[np.int64]:
        """Count a column of a table in this profile's bins; counts of several tables add up.

        Returns:
            int64, shape (n_bins,).

        Raises:
            FieldError: The table lacks the column or holds it in another type.
        """
        column = SnapshotColumn(table, name, self.types[name], zone_of(self.timezone))
        return self.columns[name].bins.count(column)


def watchable_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Return the columns that a profile holds: features, target, and what the spec wants watched besides.

    Dates are left out: that time passes is no drift.
    """
    features = spec.training.features
    return tuple(dict.fromkeys([*features.numeric, *features.categorical, spec.dataset.target, *spec.drift.columns]))


def _profile(spec: ModelSpec, name: str, declared: ColumnType, tables: Sequence["pa.Table"]) -> ColumnProfile:
    import pyarrow as pa

    zone = zone_of(spec.schedule.timezone)
    is_category = name in spec.training.features.categorical or declared in {ColumnType.TEXT, ColumnType.FLAG}
    kind = CategoryBins if is_category else NumericBins
    bins = kind.fit(SnapshotColumn(pa.concat_tables([table.select([name]) for table in tables]), name, declared, zone))
    counts = np.stack([bins.count(SnapshotColumn(table, name, declared, zone)) for table in tables])
    return ColumnProfile(
        bins=bins,
        counts=tuple(counts.sum(axis=0).tolist()),
        null_distances=tuple(leave_one_out(counts).round(6).tolist()),
    )
