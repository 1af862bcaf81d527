"""One column of a Parquet file, held as pandas would hold it, without pandas."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.arrow_numpy import fixed_width_values, flag_values, presence
from titlebout.core.plain_json import plain
from titlebout.core.suites.column_texts import ColumnTexts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.date()
_MICROSECOND = timedelta(microseconds=1)
_FIRST_DAY, _LAST_DAY = date.min.toordinal() - EPOCH_DAY.toordinal(), date.max.toordinal() - EPOCH_DAY.toordinal()
_MICROSECONDS_A_DAY = 86_400_000_000

Number = float | np.number[Any]


class NotCompilableError(Exception):
    """This expectation on this column is left to Great Expectations; the message says why. It leaves no adapter."""


class ColumnKind(StrEnum):
    """What pandas makes of a column."""

    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    TEXT = "text"
    DATE = "date"
    TIME = "time"


_KINDS: dict[pa.DataType, ColumnKind] = {
    pa.int64(): ColumnKind.INTEGER,
    pa.float64(): ColumnKind.NUMBER,
    pa.bool_(): ColumnKind.FLAG,
    pa.string(): ColumnKind.TEXT,
    pa.date32(): ColumnKind.DATE,
    pa.timestamp("us", tz="UTC"): ColumnKind.TIME,
}

_WIDTHS: dict[ColumnKind, type[np.generic]] = {
    ColumnKind.INTEGER: np.int64,
    ColumnKind.NUMBER: np.float64,
    ColumnKind.DATE: np.int32,
    ColumnKind.TIME: np.int64,
}


def kind_of(stored: pa.DataType) -> ColumnKind:
    """Return the kind of an Arrow type: the types that snapshots have.

    Raises:
        NotCompilableError: Another type, which pandas may treat in a way of its own.
    """
    if stored not in _KINDS:
        message = f"a column of type {stored} is judged by Great Expectations alone"
        raise NotCompilableError(message)
    return _KINDS[stored]


class DecodedColumn:
    """Values of one whole column, and what several expectations want to know of them, computed once.

    Attributes:
        kind: As pandas has it: integers with a missing value are NUMBER.
        values: Shape (n_rows,). int64, float64 (missing is NaN), uint8 for flags, days or microseconds since
            1970 for times (missing is 0), positions of distinct texts (missing is -1).
        has_value: bool, shape (n_rows,); None where no value is missing.
    """

    def __init__(self, name: str, column: pa.ChunkedArray) -> None:
        """Take a column over.

        Args:
            name: The column.
            column: Of a type that `kind_of` knows, or a dictionary of strings.

        Raises:
            NotCompilableError: Its values cannot be told apart as pandas does.
        """
        self.name = name
        self.kind = kind_of(column.type.value_type if pa.types.is_dictionary(column.type) else column.type)
        self.rows = len(column)
        self.has_value = presence(column)
        self._texts = ColumnTexts(column) if self.kind is ColumnKind.TEXT else None
        if self._texts is not None:
            return
        stored = flag_values(column) if self.kind is ColumnKind.FLAG else fixed_width_values(column, _WIDTHS[self.kind])
        if self.kind in {ColumnKind.INTEGER, ColumnKind.NUMBER}:
            self._take_numbers(stored)
        else:
            self.values = stored if self.has_value is None else np.where(self.has_value, stored, stored.dtype.type(0))
            self._refuse_years_that_python_lacks()

    def _take_numbers(self, stored: NDArray[Any]) -> None:
        self.values = stored
        if self.has_value is not None:
            self.kind = ColumnKind.NUMBER
            self.values = np.where(self.has_value, stored, np.nan)
        if self.kind is ColumnKind.NUMBER:
            missing = np.isnan(self.values)
            self.has_value = ~missing if missing.any() else None

    @cached_property
    def values(self) -> NDArray[Any]:
        """Set by the constructor, but for texts: these get numbers where somebody asks."""
        return self.texts.codes

    @property
    def texts(self) -> ColumnTexts:
        """Return the texts.

        Raises:
            NotCompilableError: The column holds none.
        """
        if self._texts is None:
            message = f"{self.name} is no text"
            raise NotCompilableError(message)
        return self._texts

    def _refuse_years_that_python_lacks(self) -> None:
        unit = {ColumnKind.DATE: 1, ColumnKind.TIME: _MICROSECONDS_A_DAY}.get(self.kind)
        if unit is None or not self.rows:
            return
        if self.values.min() < _FIRST_DAY * unit or self.values.max() >= (_LAST_DAY + 1) * unit:
            message = f"{self.name} holds a time outside the years 1 to 9999"
            raise NotCompilableError(message)

    @cached_property
    def present_count(self) -> int:
        """Rows with a value."""
        return self.rows if self.has_value is None else int(np.count_nonzero(self.has_value))

    @property
    def present(self) -> NDArray[Any]:
        """Values of the rows that have one."""
        return self.values if self.has_value is None else self.values[self.has_value]

    @cached_property
    def ordered(self) -> NDArray[Any]:
        """The same, sorted."""
        present = self.present
        # Rows of a snapshot are in the order of their keys: do not sort what is sorted.
        is_sorted = all((some[:-1] <= some[1:]).all() for some in (present[:1000], present))
        return present if is_sorted else np.sort(present)

    @cached_property
    def range(self) -> tuple[Number, Number] | None:
        """Smallest and largest value; None where there is none."""
        if not self.present_count:
            return None
        if self.kind is ColumnKind.NUMBER and self.has_value is not None:
            # As pandas does it, so that of 0.0 and -0.0 the same one is the smallest.
            smallest = np.where(self.has_value, self.values, np.inf).min()
            return smallest, np.where(self.has_value, self.values, -np.inf).max()
        present = self.present
        return present.min(), present.max()

    def distinct_count(self) -> int:
        """Count the distinct values."""
        if self._texts is not None:
            return int(np.count_nonzero(self._texts.counts))
        return int(np.count_nonzero(_steps(self.ordered))) + 1 if self.present_count else 0

    @cached_property
    def repeated(self) -> NDArray[Any]:
        """The values that more than one row holds; not for texts."""
        return np.unique(self.ordered[1:][~_steps(self.ordered)])

    @property
    def is_known_to_be_unique(self) -> bool:
        """Whether somebody asked, and every row has a value that no other row has."""
        return "repeated" in self.__dict__ and self.has_value is None and not len(self.repeated)

    def shown(self, row: int) -> JsonValue:
        """Return one value as a report shows it."""
        if self.has_value is not None and not self.has_value[row]:
            return None
        if self._texts is not None:
            return plain(self._texts[row])
        return self.shown_value(self.values[row])

    def shown_value(self, value: Number) -> JsonValue:
        """Return a number of `values` as a report shows it."""
        match self.kind:
            case ColumnKind.FLAG:
                return bool(value)
            case ColumnKind.DATE:
                return plain(EPOCH_DAY + timedelta(days=int(value)))
            case ColumnKind.TIME:
                return plain(EPOCH + int(value) * _MICROSECOND)
            case _:
                return plain(value)


def microseconds(moment: datetime) -> int:
    """Count microseconds since 1970.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - EPOCH) // _MICROSECOND


def _steps(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each value differs from the one before it: shape (n - 1,)."""
    changed: NDArray[np.bool_] = ordered[1:] != ordered[:-1]
    return changed
