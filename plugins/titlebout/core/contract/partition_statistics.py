"""What later days need to know of a partition: numbers per column and a few rows, small enough to read a month of."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, JsonValue

from titlebout.core.contract.contract import Contract
from titlebout.core.contract.snapshot_file import SnapshotFile, Stored, numbers, spread
from titlebout.core.contract.target_numbers import numbers_of
from titlebout.core.field_values import category_text, short_name
from titlebout.core.plain_json import plain
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.results import Result
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.suites.decoded_column import EPOCH, EPOCH_DAY, DecodedColumn, NotCompilableError

MAX_CATEGORIES = 500
MAX_DISTINCT = 100
"""Distinct values are counted up to here: whether a sensor showed 100 values or more makes no difference."""
SAMPLE_ROWS = 64
SAMPLE_VALUES = 4096
"""Rows times columns of the sample that is stored."""


class ColumnStatistics(Result):
    """One column of one partition."""

    nulls: int = Field(ge=0)
    low: JsonValue = Field(description="Smallest value; of a text, at most 200 characters.")
    high: JsonValue
    is_constant: bool = Field(description="All rows that have a value have the same one, and there is such a row.")
    distinct: int | None = Field(
        default=None, description="Distinct values in a sample of 5,000 rows, 100 for more; of watched columns only."
    )
    mean: float | None = Field(default=None, description="Of the target only.")
    categories: dict[str, int] | None = Field(
        default=None,
        description="Rows by category, of categorical features and of a target with classes; null: more than 500.",
    )


class PartitionStatistics(Result):
    """One partition: a function of its bytes and of the columns' roles in the spec, and of nothing else."""

    rows: int = Field(ge=0)
    columns: dict[str, ColumnStatistics]
    sample: dict[str, tuple[float | str | None, ...]] = Field(
        description="The same few rows of each feature and of the target: numbers, or names of categories. Of classes "
        "it has their places."
    )


def gather(file: SnapshotFile, contract: Contract) -> PartitionStatistics:
    """Gather the statistics of one snapshot. A column that it lacks or holds in another type is left out.

    Raises:
        PartitionUnreadableError: A column's bytes cannot be decoded.
    """
    present = {name: kind for name, kind in contract.columns.items() if file.types.get(name) == ARROW_TYPES[kind]}
    names = [name for name in dict.fromkeys([*contract.watched, contract.target]) if name in present]
    columns = {}
    for name, declared in present.items():
        found = _outline(file, name, declared)
        if name in names:
            found["distinct"] = _distinct(name, file.sample(name))
        if name == contract.target and not contract.classes:
            found["mean"] = _mean(DecodedColumn(name, file.column(name)))
        if name in contract.categorical or (name == contract.target and contract.classes):
            found["categories"] = _category_counts(file.column(name), declared)
        columns[name] = ColumnStatistics.model_validate(found)
    return PartitionStatistics(rows=file.rows, columns=columns, sample=_sample(file, names, contract))


def _outline(file: SnapshotFile, name: str, declared: ColumnType) -> dict[str, Any]:
    extent = file.extent(name)
    return {
        "nulls": extent.nulls,
        "low": _shown(extent.low, declared),
        "high": _shown(extent.high, declared),
        "is_constant": extent.low is not None and bool(extent.low == extent.high),
    }


def _shown(stored: Stored | None, declared: ColumnType) -> JsonValue:
    """Return a value as a report shows it; a time that Python cannot express is shown as none."""
    if isinstance(stored, bytes):
        return plain(stored.decode("utf-8", "replace"))
    if stored is None or declared is ColumnType.FLAG:
        return None if stored is None else bool(stored)
    try:
        if declared is ColumnType.DATE:
            return plain(EPOCH_DAY + timedelta(days=int(stored)))
        if declared is ColumnType.TIMESTAMP:
            return plain(EPOCH + timedelta(microseconds=int(stored)))
    except OverflowError:
        return None
    return plain(stored + 0)  # a footer calls the smallest zero -0.0


def _mean(column: DecodedColumn) -> float | None:
    values = numbers(column)
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else None


def _distinct(name: str, column: pa.ChunkedArray) -> int | None:
    try:
        return min(DecodedColumn(name, column).distinct_count(), MAX_DISTINCT)
    except NotCompilableError:  # a time outside the years 1 to 9999
        return None


def _category_counts(column: pa.ChunkedArray, declared: ColumnType) -> dict[str, int] | None:
    counted = pc.value_counts(column.drop_null())
    if len(counted) > MAX_CATEGORIES:
        return None
    named = _category_names(counted.field("values"), declared)
    counts: dict[str, int] = {}
    for name, count in zip(named, counted.field("counts").to_pylist(), strict=True):
        if name is None:
            return None
        counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items()))


def _category_names(values: pa.Array, declared: ColumnType) -> list[str | None]:
    """Return a name for each value; none for a missing one, nor for a time outside the years 1 to 9999."""
    try:
        return [None if value is None else short_name(category_text(value, declared)) for value in values.to_pylist()]
    except (ValueError, OverflowError):
        return [None] * len(values)


def _sample(file: SnapshotFile, names: Sequence[str], contract: Contract) -> dict[str, tuple[float | str | None, ...]]:
    available = len(file.sampled_rows)
    rows = spread(available, min(SAMPLE_ROWS, max(8, SAMPLE_VALUES // max(1, len(names)))))
    sample: dict[str, tuple[float | str | None, ...]] = {}
    for name in names:
        column = file.sample(name)
        if name in contract.categorical:
            named = _category_names(column, contract.columns[name])
            sample[name] = tuple(named[row] for row in rows)
        else:
            found = numbers_of(contract, name, column)[rows]
            sample[name] = tuple(None if np.isnan(value) else float(value) for value in found)
    return sample
