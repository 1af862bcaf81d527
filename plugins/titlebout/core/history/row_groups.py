"""The group of each row, by the same texts as categories: in a table and in a request."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titlebout.core.field_values import FieldValue, category_text, zone_of
from titlebout.core.specs.dataset_spec import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

Group = tuple[str, ...]
"""The texts of a row's values in the columns that make groups; empty where all rows are one group."""


def coded_groups(table: "pa.Table", by: Mapping[str, ColumnType]) -> tuple[NDArray[np.int64], list[Group]]:
    """Return the group of every row.

    Args:
        table: Rows as snapshots store them.
        by: The columns that make groups, with their types.

    Returns:
        int64, shape (n_rows,): positions in the list, -1 where a value is missing; and the groups.

    Raises:
        FieldError: The table lacks a column or holds it in another type.
    """
    from titlebout.core.arrow_columns import SnapshotColumn  # the model server needs no Arrow

    codes, groups = np.zeros(table.num_rows, dtype=np.int64), list[Group]([()])
    is_whole = np.ones(table.num_rows, dtype=np.bool_)
    for name, declared in by.items():
        texts: dict[str, int] = {}
        found = SnapshotColumn(table, name, declared, zone_of("UTC")).map(_numbered(texts, declared))
        is_whole &= ~np.isnan(found)
        pairs = codes * max(1, len(texts)) + np.nan_to_num(found).astype(np.int64)
        distinct, codes = np.unique(pairs, return_inverse=True)
        names = [*texts] or [""]
        groups = [(*groups[pair // len(names)], names[pair % len(names)]) for pair in distinct.tolist()]
    return np.where(is_whole, codes, -1), groups


def _numbered(texts: dict[str, int], declared: ColumnType) -> Callable[[FieldValue], float]:
    def number(value: FieldValue) -> float:
        return texts.setdefault(category_text(value, declared), len(texts))

    return number


def value_of_each(
    table: "pa.Table", by: Mapping[str, ColumnType], look_up: Callable[[Group], float]
) -> NDArray[np.float64]:
    """Return a number for every row that its group alone decides, looked up once per group.

    Returns:
        float64, shape (n_rows,); NaN where a value of the group is missing.

    Raises:
        FieldError: The table lacks a column or holds it in another type.
    """
    codes, groups = coded_groups(table, by)
    # A missing group has code -1 and so finds the NaN at the end.
    numbers: NDArray[np.float64] = np.array([*(look_up(group) for group in groups), np.nan])[codes]
    return numbers


def with_number(table: "pa.Table", name: str, numbers: NDArray[np.float64]) -> "pa.Table":
    """Return a table with a column of numbers, in place of one of that name where there is one."""
    import pyarrow as pa

    at = table.column_names.index(name) if name in table.column_names else table.num_columns
    others = table.drop_columns([name]) if at < table.num_columns else table
    return others.add_column(at, name, pa.array(numbers, from_pandas=True))
