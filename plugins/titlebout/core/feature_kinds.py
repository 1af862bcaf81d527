"""The kinds of features: each knows the number of a single value, and how to read a whole column by it."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from titlebout.core.field_values import (
    LARGEST_NUMBER,
    FieldValue,
    category_text,
    date_part_reader,
    finite_float32,
    turn_of,
    zone_of,
)
from titlebout.core.history.served_history import ServedHistory
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.features_spec import ColumnPair, Cycle, DatePart, Wave

if TYPE_CHECKING:
    import pyarrow as pa

    from titlebout.core.arrow_columns import SnapshotColumn


class Feature(Protocol):
    """One column of the matrix that a model sees, made of one field."""

    name: str
    field: str
    xgboost_type: str

    def number(self, value: FieldValue) -> float:
        """Return the feature of one value that is not missing and has the field's declared type."""
        ...

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Return the feature of every row of the field's column; NaN where the value is missing."""
        ...


class Combination(Protocol):
    """One quantity that a model sees, made of two fields that hold integers or numbers."""

    name: str
    fields: ColumnPair

    def number_of(self, values: Sequence[FieldValue]) -> float:
        """Return the feature of two values that are not missing; NaN where there is no finite one."""
        ...

    def scan(self, first: "SnapshotColumn", second: "SnapshotColumn") -> NDArray[np.float64]:
        """Return the feature of every row of the fields' columns; NaN where a value is missing."""
        ...


class Quantity:
    """Integers and numbers as they are, flags as 0 and 1."""

    xgboost_type = "q"

    def __init__(self, field: str) -> None:
        self.name = self.field = field

    def number(self, value: FieldValue) -> float:
        """Return the value itself."""
        return float(cast("float", value))

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Read the whole column at once."""
        return column.numbers()


class Category:
    """The position in a frozen vocabulary; anything else has the code behind the last one.

    XGBoost by itself scores a category that it has not seen as one that it has.

    Attributes:
        declared: Type of the field.
        codes: Category to its code.
        other: The code behind the last one.
    """

    xgboost_type = "c"

    def __init__(self, field: str, declared: ColumnType, vocabulary: Sequence[str]) -> None:
        self.name = self.field = field
        self.declared = declared
        self.codes: Mapping[str, float] = {text: float(code) for code, text in enumerate(vocabulary)}
        self.other = float(len(vocabulary))

    def number(self, value: FieldValue) -> float:
        """Look the category up."""
        return self.codes.get(category_text(value, self.declared), self.other)

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Look each distinct category up once."""
        return column.map(self.number)


class TimePart:
    """A part of a date or of a wall-clock time."""

    xgboost_type = "q"

    def __init__(self, field: str, part: DatePart) -> None:
        self.name = f"{field}.{part}"
        self.field = field
        self._read = date_part_reader(part)

    def number(self, value: FieldValue) -> float:
        """Compute the part."""
        return float(self._read(value))  # type: ignore[arg-type]  # a date, or a time; a cast would cost as much

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Compute the part once per distinct quarter of an hour."""
        return column.map_times(self.number)


class TimeWave:
    """One coordinate of a date or a wall-clock time on the circle of its day, week or year."""

    xgboost_type = "q"

    def __init__(self, field: str, part: DatePart, wave: Wave) -> None:
        self.name = f"{field}.{part}_{wave}"
        self.field = field
        self._part = part
        self._coordinate = _COORDINATES[wave]

    def number(self, value: FieldValue) -> float:
        """Compute the coordinate."""
        return self._coordinate(math.tau * turn_of(cast("date", value), self._part))

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Compute the coordinate once per distinct quarter of an hour."""
        return column.map_times(self.number)


class PeriodWave:
    """One coordinate of a number on a circle: numbers that are a whole period apart are at the same place."""

    xgboost_type = "q"

    def __init__(self, field: str, period: float, wave: Wave) -> None:
        self.name = f"{field}.{wave}"
        self.field = field
        self._period = period
        self._coordinate = _COORDINATES[wave]

    def number(self, value: FieldValue) -> float:
        """Compute the coordinate; whole turns are taken off first, which is exact for numbers of any size."""
        return self._coordinate(math.tau * (math.fmod(cast("float", value), self._period) / self._period))

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Compute the coordinate once per distinct number.

        Not by NumPy: the last bit of its sine depends on the kind of processor.
        """
        return column.map_numbers(self.number)


def waves_of(field: str, cycle: Cycle) -> Sequence[Feature]:
    """Return sine and cosine of each thing that goes round in a column."""
    if isinstance(cycle, float):
        return [PeriodWave(field, cycle, wave) for wave in Wave]
    return [TimeWave(field, part, wave) for part in cycle for wave in Wave]


class Ratio:
    """One number divided by another; missing where the divisor is zero or the result beyond float32."""

    def __init__(self, name: str, fields: ColumnPair) -> None:
        self.name = name
        self.fields = fields

    def number_of(self, values: Sequence[FieldValue]) -> float:
        """Divide two numbers."""
        dividend, divisor = (float(cast("float", value)) for value in values)
        return finite_float32(dividend / divisor) if divisor else math.nan

    def scan(self, first: "SnapshotColumn", second: "SnapshotColumn") -> NDArray[np.float64]:
        """Divide two columns."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _all_finite(first.numbers() / second.numbers())


class Difference:
    """One number less another; missing where the result is beyond float32."""

    def __init__(self, name: str, fields: ColumnPair) -> None:
        self.name = name
        self.fields = fields

    def number_of(self, values: Sequence[FieldValue]) -> float:
        """Subtract two numbers."""
        first, second = (float(cast("float", value)) for value in values)
        return finite_float32(first - second)

    def scan(self, first: "SnapshotColumn", second: "SnapshotColumn") -> NDArray[np.float64]:
        """Subtract two columns."""
        return _all_finite(first.numbers() - second.numbers())


class Remembered:
    """A statistic of earlier partitions: a column that was joined to a table, a look-up for a request."""

    def __init__(self, name: str, served: ServedHistory, types: Mapping[str, ColumnType]) -> None:
        self.name = name
        self.fields = served.feature.by
        self._served = served
        self._types = [types[field] for field in self.fields]

    def number_of(self, values: Sequence[FieldValue]) -> float:
        """Look the group up."""
        return self._served.of_row(values, self._types)

    def scan(self, table: "pa.Table") -> NDArray[np.float64]:
        """Read the column of the feature's name."""
        from titlebout.core.arrow_columns import SnapshotColumn

        return SnapshotColumn(table, self.name, ColumnType.NUMBER, zone_of("UTC")).numbers()


_COORDINATES: Mapping[Wave, Callable[[float], float]] = {Wave.SIN: math.sin, Wave.COS: math.cos}


def _all_finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(numbers) <= LARGEST_NUMBER, numbers, np.nan)
