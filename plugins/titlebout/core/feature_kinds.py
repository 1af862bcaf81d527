"""The kinds of features: each knows the number of a single value, and how to read a whole column by it."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from titlebout.core.field_values import FieldValue, category_text, date_part
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.training_spec import DatePart

if TYPE_CHECKING:
    from titlebout.core.arrow_columns import SnapshotColumn


class Feature(Protocol):
    """One column of the matrix that a model sees."""

    name: str
    field: str
    xgboost_type: str

    def number(self, value: FieldValue) -> float:
        """Return the feature of one value that is not missing and has the field's declared type."""
        ...

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Return the feature of every row of the field's column; NaN where the value is missing."""
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
    """

    xgboost_type = "c"

    def __init__(self, field: str, declared: ColumnType, vocabulary: Sequence[str]) -> None:
        self.name = self.field = field
        self._declared = declared
        self._codes = {text: float(code) for code, text in enumerate(vocabulary)}
        self._other = float(len(vocabulary))

    def number(self, value: FieldValue) -> float:
        """Look the category up."""
        return self._codes.get(category_text(value, self._declared), self._other)

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Look each distinct category up once."""
        return column.map(self.number)


class TimePart:
    """A part of a date or of a wall-clock time."""

    xgboost_type = "q"

    def __init__(self, field: str, part: DatePart) -> None:
        self.name = f"{field}.{part}"
        self.field = field
        self._part = part

    def number(self, value: FieldValue) -> float:
        """Compute the part."""
        return float(date_part(cast("date", value), self._part))

    def scan(self, column: "SnapshotColumn") -> NDArray[np.float64]:
        """Compute the part once per distinct quarter of an hour."""
        return column.map_times(self.number)
