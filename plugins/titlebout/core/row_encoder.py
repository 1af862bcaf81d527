"""Rows of a request as the numbers that a model sees: strict, and one at a time."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.errors import FieldError, did_you_mean
from titlebout.core.feature_kinds import Category, Feature, Quantity
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


class _Single(NamedTuple):
    """A field that one feature is made of and nothing else: the usual one."""

    name: str
    number: Callable[[JsonValue], float]
    """Reads a value and gives the feature of it, in one step."""
    position: int


class _Shared(NamedTuple):
    """A field that several features, or joint ones, are made of."""

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
        self._pick = picking(fields)
        single: list[_Single] = []
        shared: list[_Shared] = []
        of_joint = {name for each in joint for name in each.fields}
        for name, declared in fields.items():
            read = field_reader(declared, zone)
            fed = [(position, feature) for position, feature in enumerate(features) if feature.field == name]
            if len(fed) == 1 and name not in of_joint:
                single.append(_Single(name, _in_one_step(read, fed[0][1]), fed[0][0]))
            else:
                shared.append(_Shared(name, read, tuple((position, feature.number) for position, feature in fed)))
        self._single, self._shared = tuple(single), tuple(shared)

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
        for name, number_of, position in self._single:
            if (found := row[name]) is not None:
                try:
                    encoded[position] = number_of(found)
                except ValueError as error:
                    raise FieldError(name, str(error), index) from None
        if self._shared or self._joint:
            self._add_shared(index, row, encoded)
        return encoded

    def _add_shared(self, index: int, row: Mapping[str, JsonValue], encoded: list[float]) -> None:
        values: dict[str, FieldValue] = {}
        for name, read, features in self._shared:
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

    def encode_all(self, rows: Sequence[Mapping[str, JsonValue]]) -> NDArray[np.float64]:
        """Return the numbers of many rows, as `encode` gives them one by one, in less time: a field is looked up once.

        Returns:
            float64, shape (n_rows, n_features).

        Raises:
            FieldError: A field is unknown, missing, or not of its type.
        """
        try:
            return self._by_columns(self._columns(rows), len(rows))
        except (ValueError, KeyError):
            pass  # one by one it is found out where
        return np.array([self.encode(index, row) for index, row in enumerate(rows)], dtype=np.float64)

    def _columns(self, rows: Sequence[Mapping[str, JsonValue]]) -> dict[str, Sequence[JsonValue]]:
        """Return the values of each field; KeyError or ValueError where a row has others than the fields."""
        if {*map(len, rows)} - {len(self._names)}:
            raise ValueError
        picked = map(self._pick, rows)  # as many as there are fields, and each of them: so no other
        return dict(zip(self._names, zip(*picked, strict=True), strict=False))

    def _by_columns(self, fields: Mapping[str, Sequence[JsonValue]], count: int) -> NDArray[np.float64]:
        matrix = np.empty((count, self._features + len(self._joint)))
        if not count:
            return matrix
        for name, number_of, position in self._single:
            matrix[:, position] = _of_each(number_of, fields[name], math.nan)
        columns: dict[str, list[FieldValue | None]] = {}
        for name, read, features in self._shared:
            columns[name] = column = _of_each(read, fields[name], None)
            for position, number in features:
                matrix[:, position] = _of_each(number, column, math.nan)
        for position, joint in enumerate(self._joint, start=self._features):
            of_fields = [columns[name] for name in joint.fields]
            groups = zip(*of_fields, strict=True) if of_fields else repeat((), count)
            matrix[:, position] = [_of_group(joint, group) for group in groups]
        return matrix

    def _wrong_fields(self, index: int, row: Mapping[str, JsonValue]) -> FieldError:
        for name in row:
            if name not in self._names:
                problem = f"is unknown; send exactly the feature fields; {did_you_mean(name, self._names)}"
                return FieldError(name[:60], problem, index)
        missing = next(name for name in self._names if name not in row)
        return FieldError(missing, "is missing; send it, or null for an unknown value", index)


def picking(names: Collection[str]) -> Callable[[Mapping[str, JsonValue]], Sequence[JsonValue]]:
    """Return the function that gives a row's values of some fields; it raises KeyError where one is missing."""
    # Of a single name the quick one would give a bare value.
    return itemgetter(*names) if len(names) > 1 else lambda row: [row[name] for name in names]


def _of_each(function: Callable[[Any], Any], values: Sequence[Any], missing: float | None) -> list[Any]:
    if None in values:
        return [missing if value is None else function(value) for value in values]
    return list(map(function, values))


def _in_one_step(read: Callable[[JsonValue], FieldValue], feature: Feature) -> Callable[[JsonValue], float]:
    if isinstance(feature, Quantity):
        return cast("Callable[[JsonValue], float]", read)  # it is the value itself
    number = feature.number
    if isinstance(feature, Category) and feature.declared is ColumnType.TEXT:  # the usual kind: a text names itself
        code_of, other = feature.codes.get, feature.other
        return lambda value: code_of(value, other) if type(value) is str else number(read(value))
    return lambda value: number(read(value))


def _of_group(joint: JointFeature, group: Sequence[FieldValue | None]) -> float:
    known = [value for value in group if value is not None]
    return joint.number_of(known) if len(known) == len(group) else math.nan
