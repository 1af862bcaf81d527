"""Rows of a request as the numbers that a model sees: strict, and one at a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from titlebout.core.errors import FieldError, did_you_mean
from titlebout.core.feature_kinds import Feature
from titlebout.core.field_values import FieldValue, field_reader
from titlebout.core.specs.dataset_spec import ColumnType


class JointFeature(Protocol):
    """A feature that is made of several fields, or of none."""

    @property
    def fields(self) -> Sequence[str]:
        """The fields."""
        ...

    def number_of(self, values: Sequence[FieldValue]) -> float:
        """Return the feature of values that are not missing, one per field."""
        ...


class _Field(NamedTuple):
    """How one field of a row is read and which features it feeds."""

    name: str
    read: Callable[[JsonValue], FieldValue]
    features: tuple[tuple[int, Callable[[FieldValue], float]], ...]
    """Position in the matrix and the function that gives the number there."""


class RowEncoder:
    """Encodes rows of raw, named fields. What they need to know about each field is looked up once."""

    def __init__(
        self,
        fields: Mapping[str, ColumnType],
        zone: tzinfo,
        features: Sequence[Feature],
        joint: Sequence[JointFeature],
    ) -> None:
        """Take the features of a plan.

        Args:
            fields: The fields of a row, each with its type.
            zone: Time zone in which times are read.
            features: What is made of one field, in the order of the matrix.
            joint: What is made of several; it stands behind them.
        """
        self._names, self._features, self._joint = fields.keys(), len(features), joint
        self._fields = tuple(
            _Field(
                name,
                field_reader(declared, zone),
                tuple((at, feature.number) for at, feature in enumerate(features) if feature.field == name),
            )
            for name, declared in fields.items()
        )

    def encode(self, index: int, row: Mapping[str, JsonValue]) -> list[float]:
        """Return the numbers of one row; NaN is missing.

        Args:
            index: Which row of the request it is, for messages.
            row: Exactly the plan's fields; null is missing.

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        if row.keys() != self._names:
            raise self._wrong_fields(index, row)
        encoded = [math.nan] * self._features
        values: dict[str, FieldValue] = {}
        for name, read, features in self._fields:
            if (found := row[name]) is None:
                continue
            try:
                values[name] = value = read(found)
            except ValueError as error:
                raise FieldError(name, str(error), index) from None
            for position, number in features:
                encoded[position] = number(value)
        for joint in self._joint:
            is_whole = all(name in values for name in joint.fields)
            encoded.append(joint.number_of([values[name] for name in joint.fields]) if is_whole else math.nan)
        return encoded

    def _wrong_fields(self, index: int, row: Mapping[str, JsonValue]) -> FieldError:
        for name in row:
            if name not in self._names:
                problem = f"is unknown; send exactly the feature fields; {did_you_mean(name, self._names)}"
                return FieldError(name[:60], problem, index)
        missing = next(name for name in self._names if name not in row)
        return FieldError(missing, "is missing; send it, or null for an unknown value", index)
