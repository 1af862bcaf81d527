"""The feature plan: how rows become the numbers that a model sees, frozen when the model is trained."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import not_
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from titlebout.core.calibration import Calibration
from titlebout.core.feature_kinds import (
    Category,
    Combination,
    Difference,
    Feature,
    Quantity,
    Ratio,
    Remembered,
    TimePart,
    waves_of,
)
from titlebout.core.field_values import zone_of
from titlebout.core.history.row_groups import with_number
from titlebout.core.history.served_history import ServedHistory
from titlebout.core.row_encoder import RowEncoder
from titlebout.core.specs.class_list import ClassName
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.features_spec import ColumnPair, Cycle, DatePart, HistoryFeature
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import Objective

if TYPE_CHECKING:
    import pyarrow as pa

    from titlebout.core.arrow_columns import SnapshotColumn


def categories_of(spec: ModelSpec, table: "pa.Table") -> dict[str, frozenset[str]]:
    """Return the categories that occur in each categorical feature of a table.

    Raises:
        FieldError: The table lacks a column or holds it in another type.
    """
    from titlebout.core.arrow_columns import SnapshotColumn

    columns, zone = spec.dataset.snapshot_columns, zone_of(spec.schedule.timezone)
    return {
        name: frozenset(SnapshotColumn(table, name, columns[name], zone).category_counts())
        for name in spec.training.features.categorical
    }


class FeaturePlan(BaseModel):
    """Turn rows into a matrix of float32, the same for a table and for a request to the model server.

    The columns of the matrix are, in this order:

    - `numeric`: integers and numbers as they are, flags as 0 and 1;
    - `categorical`: the position in the vocabulary; what training never saw has the code behind the last one;
    - `date_parts`: hour, weekday (Monday is 0), month or day of the year, in the model's time zone;
    - `cyclical`: sine and cosine of such a part, or of a number with a period;
    - `ratios` and `differences`: two numbers divided or subtracted;
    - `history`: a statistic of earlier partitions.

    What is missing is NaN everywhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: Objective
    target: str
    timezone: str
    fields: dict[str, ColumnType]
    """Every field of a row with its type: exactly these a caller sends."""
    numeric: tuple[str, ...]
    vocabularies: dict[str, tuple[str, ...]]
    """Categorical column to the categories of the training rows, sorted."""
    date_parts: dict[str, tuple[DatePart, ...]]
    # What came later is left out where it is empty: the plan of an older spec keeps its bytes.
    cyclical: dict[str, Cycle] = Field(default_factory=dict, exclude_if=not_)
    ratios: dict[str, ColumnPair] = Field(default_factory=dict, exclude_if=not_)
    differences: dict[str, ColumnPair] = Field(default_factory=dict, exclude_if=not_)
    history: dict[str, ServedHistory] = Field(default_factory=dict, exclude_if=not_)
    calibration: Calibration | None = Field(default=None, exclude_if=not_)
    """What scores mean. It stands in this file: a server that cannot calibrate refuses it, and serves no raw score."""
    classes: tuple[ClassName, ...] = Field(default=(), exclude_if=not_)
    """Of the objective multiclass: what the columns of its scores stand for. Of all others there are none."""

    @classmethod
    def fit(cls, spec: ModelSpec, table: "pa.Table") -> Self:
        """Freeze the vocabularies of the training rows.

        Raises:
            FieldError: The table lacks a column or holds it in another type.
        """
        return cls.with_categories(spec, [categories_of(spec, table)])

    @classmethod
    def with_categories(
        cls,
        spec: ModelSpec,
        found: Iterable[Mapping[str, Iterable[str]]],
        history: Mapping[str, ServedHistory] | None = None,
    ) -> Self:
        """Freeze the vocabularies of training rows that are read piece by piece.

        Without a history a model server knows no group.
        """
        features, columns = spec.training.features, spec.dataset.snapshot_columns
        distinct: dict[str, set[str]] = {name: set() for name in features.categorical}
        for piece in found:
            for name, categories in piece.items():
                distinct[name].update(categories)
        vocabularies = {name: tuple(sorted(categories)) for name, categories in distinct.items()}
        return cls(
            objective=spec.training.objective,
            target=spec.dataset.target,
            timezone=spec.schedule.timezone,
            fields={name: columns[name] for name in features.columns},
            numeric=features.numeric,
            vocabularies=vocabularies,
            date_parts=features.date_parts,
            cyclical=features.cyclical,
            ratios=features.ratios,
            differences=features.differences,
            history=history or {name: ServedHistory(feature=each) for name, each in features.history.items()},
            classes=spec.training.classes,
        )

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the matrix's columns; a date part is called `column.part`, its sine `column.part_sin`."""
        single = (*(each.name for each in self._features), *(each.name for each in self._combinations))
        return (*single, *self.history)

    @cached_property
    def feature_types(self) -> tuple[str, ...]:
        """XGBoost's type of each column: `q` for a quantity, `c` for a category."""
        return (
            *(each.xgboost_type for each in self._features),
            *("q" for _ in (*self.ratios, *self.differences, *self.history)),
        )

    def encode(self, table: "pa.Table") -> NDArray[np.float32]:
        """Return the matrix of a table's rows; columns that are no feature may stand beside.

        A history feature is a column of its own name: which earlier partitions a row has depends on where it comes
        from. See `PastPartitions.joined`, and `as_served` for what a model server would say.

        Returns:
            float32, shape (n_rows, n_features).

        Raises:
            FieldError: A column is missing, of another type, or holds a number beyond float32.
        """
        columns = self._columns(table)
        matrix = np.empty((table.num_rows, len(self.feature_names)), dtype=np.float32)
        for position, feature in enumerate(self._features):
            matrix[:, position] = feature.scan(columns[feature.field])
        for position, combination in enumerate(self._combinations, start=len(self._features)):
            first, second = combination.fields
            matrix[:, position] = combination.scan(columns[first], columns[second])
        for position, remembered in enumerate(self._history, start=len(self.feature_names) - len(self.history)):
            matrix[:, position] = remembered.scan(table)
        return matrix

    def encode_rows(self, rows: Sequence[Mapping[str, JsonValue]]) -> NDArray[np.float32]:
        """Return the matrix of rows of raw, named fields. Each has exactly the plan's fields; null is missing.

        Returns:
            float32, shape (n_rows, n_features).

        Raises:
            FieldError: A field is unknown, missing, or not of its type; the message names row and field.
        """
        if len(rows) == 1:
            return np.array([self.encode_row(rows[0])], dtype=np.float32)
        return self._row_encoder.encode_all(rows).reshape(len(rows), len(self.feature_names)).astype(np.float32)

    def encode_row(self, row: Mapping[str, JsonValue]) -> list[float]:
        """Return the numbers of the only row of a request; float32 is what they have to be rounded to.

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        return self._row_encoder.encode(0, row)

    def rows(self, table: "pa.Table") -> list[dict[str, JsonValue]]:
        """Return a table's rows as a caller of the model server would send them."""
        values = [column.json_values() for column in self._columns(table).values()]
        return [dict(zip(self.fields, row, strict=True)) for row in zip(*values, strict=True)]

    @cached_property
    def remembered(self) -> dict[str, HistoryFeature]:
        """The history features, as `PastPartitions` takes them."""
        return {name: served.feature for name, served in self.history.items()}

    def as_served(self, table: "pa.Table") -> "pa.Table":
        """Return a table with the history features that a model server would take for its rows."""
        for name, served in self.history.items():
            table = with_number(table, name, served.of_table(table, self.fields))
        return table

    def _columns(self, table: "pa.Table") -> "dict[str, SnapshotColumn]":
        from titlebout.core.arrow_columns import SnapshotColumn  # the model server needs no Arrow

        zone = zone_of(self.timezone)
        return {name: SnapshotColumn(table, name, declared, zone) for name, declared in self.fields.items()}

    @cached_property
    def _features(self) -> tuple[Feature, ...]:
        return (
            *(Quantity(name) for name in self.numeric),
            *(Category(name, self.fields[name], vocabulary) for name, vocabulary in self.vocabularies.items()),
            *(TimePart(name, part) for name, parts in self.date_parts.items() for part in parts),
            *(wave for name, cycle in self.cyclical.items() for wave in waves_of(name, cycle)),
        )

    @cached_property
    def _combinations(self) -> tuple[Combination, ...]:
        return (
            *(Ratio(name, fields) for name, fields in self.ratios.items()),
            *(Difference(name, fields) for name, fields in self.differences.items()),
        )

    @cached_property
    def _history(self) -> tuple[Remembered, ...]:
        return tuple(Remembered(name, served, self.fields) for name, served in self.history.items())

    @cached_property
    def _row_encoder(self) -> RowEncoder:
        """What a request needs to know about each field, looked up once."""
        return RowEncoder(self.fields, zone_of(self.timezone), self._features, (*self._combinations, *self._history))
