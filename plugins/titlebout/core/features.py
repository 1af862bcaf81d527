"""The feature plan: how rows become the numbers that a model sees, frozen when the model is trained."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, JsonValue

from titlebout.core.errors import FieldError, did_you_mean
from titlebout.core.feature_kinds import Category, Feature, Quantity, TimePart
from titlebout.core.field_values import FieldValue, field_reader, zone_of
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import DatePart, Objective

if TYPE_CHECKING:
    import pyarrow as pa

    from titlebout.core.arrow_columns import SnapshotColumn


__all__ = ["FeaturePlan", "FieldError"]


class _Field(NamedTuple):
    """How one field of a row is read and which features it feeds."""

    name: str
    read: Callable[[JsonValue], FieldValue]
    features: tuple[tuple[int, Callable[[FieldValue], float]], ...]
    """Position in the matrix and the function that gives the number there."""


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
    - `date_parts`: hour, weekday (Monday is 0), month or day of the year, in the model's time zone.

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

    @classmethod
    def fit(cls, spec: ModelSpec, table: "pa.Table") -> Self:
        """Freeze the vocabularies of the training rows.

        Args:
            spec: The model spec; it names the features.
            table: All training rows, as snapshots store them.

        Raises:
            FieldError: The table lacks a column or holds it in another type.
        """
        return cls.with_categories(spec, [categories_of(spec, table)])

    @classmethod
    def with_categories(cls, spec: ModelSpec, found: Iterable[Mapping[str, Iterable[str]]]) -> Self:
        """Freeze the vocabularies of training rows that are read piece by piece.

        Args:
            spec: The model spec; it names the features.
            found: What `categories_of` said of each piece, in any order.
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
            fields={name: columns[name] for name in (*features.numeric, *vocabularies, *features.date_parts)},
            numeric=features.numeric,
            vocabularies=vocabularies,
            date_parts=features.date_parts,
        )

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the matrix's columns; a date part is called `column.part`."""
        return tuple(feature.name for feature in self._features)

    @cached_property
    def feature_types(self) -> tuple[str, ...]:
        """XGBoost's type of each column: `q` for a quantity, `c` for a category."""
        return tuple(feature.xgboost_type for feature in self._features)

    def encode(self, table: "pa.Table") -> NDArray[np.float32]:
        """Return the matrix of a table's rows; columns that are no feature may stand beside.

        Returns:
            float32, shape (n_rows, n_features).

        Raises:
            FieldError: A column is missing, of another type, or holds a number beyond float32.
        """
        columns = self._columns(table)
        matrix = np.empty((table.num_rows, len(self._features)), dtype=np.float32)
        for position, feature in enumerate(self._features):
            matrix[:, position] = feature.scan(columns[feature.field])
        return matrix

    def encode_rows(self, rows: Sequence[Mapping[str, JsonValue]]) -> NDArray[np.float32]:
        """Return the matrix of rows of raw, named fields. Each has exactly the plan's fields; null is missing.

        Returns:
            float32, shape (n_rows, n_features).

        Raises:
            FieldError: A field is unknown, missing, or not of its type; the message names row and field.
        """
        matrix = [self._encode_row(index, row) for index, row in enumerate(rows)]
        return np.array(matrix, dtype=np.float64).reshape(len(rows), len(self._features)).astype(np.float32)

    def rows(self, table: "pa.Table") -> list[dict[str, JsonValue]]:
        """Return a table's rows as a caller of the model server would send them."""
        values = [column.json_values() for column in self._columns(table).values()]
        return [dict(zip(self.fields, row, strict=True)) for row in zip(*values, strict=True)]

    def _columns(self, table: "pa.Table") -> "dict[str, SnapshotColumn]":
        from titlebout.core.arrow_columns import SnapshotColumn  # the model server needs no Arrow

        zone = zone_of(self.timezone)
        return {name: SnapshotColumn(table, name, declared, zone) for name, declared in self.fields.items()}

    def _encode_row(self, index: int, row: Mapping[str, JsonValue]) -> list[float]:
        if row.keys() != self.fields.keys():
            raise self._wrong_fields(index, row)
        encoded = [math.nan] * len(self._features)
        for name, read, features in self._fields:
            if (found := row[name]) is None:
                continue
            try:
                value = read(found)
            except ValueError as error:
                raise FieldError(name, str(error), index) from None
            for position, number in features:
                encoded[position] = number(value)
        return encoded

    def _wrong_fields(self, index: int, row: Mapping[str, JsonValue]) -> FieldError:
        for name in row:
            if name not in self.fields:
                problem = f"is unknown; send exactly the feature fields; {did_you_mean(name, self.fields)}"
                return FieldError(name[:60], problem, index)
        missing = next(name for name in self.fields if name not in row)
        return FieldError(missing, "is missing; send it, or null for an unknown value", index)

    @cached_property
    def _features(self) -> tuple[Feature, ...]:
        return (
            *(Quantity(name) for name in self.numeric),
            *(Category(name, self.fields[name], vocabulary) for name, vocabulary in self.vocabularies.items()),
            *(TimePart(name, part) for name, parts in self.date_parts.items() for part in parts),
        )

    @cached_property
    def _fields(self) -> tuple[_Field, ...]:
        """What a request needs to know about each field, looked up once."""
        zone = zone_of(self.timezone)
        return tuple(
            _Field(
                name,
                field_reader(declared, zone),
                tuple((at, feature.number) for at, feature in enumerate(self._features) if feature.field == name),
            )
            for name, declared in self.fields.items()
        )
