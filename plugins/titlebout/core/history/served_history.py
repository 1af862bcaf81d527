"""A history feature at serving time: a table that was made when the model was trained."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

from titlebout.core.field_values import FieldValue, category_text
from titlebout.core.history.row_groups import Group, value_of_each
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.features_spec import HistoryFeature

if TYPE_CHECKING:
    import pyarrow as pa


class ServedHistory(BaseModel):
    """The definition of a history feature and its values for the rows of one partition.

    The partition is the one after the newest that the version knew. For rows of later ones the values are as old
    as the version: a server does not look into the lake.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: HistoryFeature
    partition: str | None = None
    groups: tuple[Group, ...] = ()
    values: tuple[FiniteFloat, ...] = ()

    def of_group(self, group: Group) -> float:
        """Return the value of a group; NaN where the table has none."""
        return self._values.get(group, math.nan)

    def of_row(self, values: Sequence[FieldValue], types: Sequence[ColumnType]) -> float:
        """Return the value of a row, from what it holds in the columns that make groups."""
        return self.of_group(tuple(category_text(value, kind) for value, kind in zip(values, types, strict=True)))

    def of_table(self, table: "pa.Table", types: Mapping[str, ColumnType]) -> NDArray[np.float64]:
        """Return the value of every row of a table.

        Args:
            table: Rows as snapshots store them.
            types: The types of the columns that make groups, at least.

        Returns:
            float64, shape (n_rows,).
        """
        return value_of_each(table, {name: types[name] for name in self.feature.by}, self.of_group)

    @cached_property
    def _values(self) -> dict[Group, float]:
        return dict(zip(self.groups, self.values, strict=True))
