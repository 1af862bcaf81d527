"""Columns of a snapshot as the values that features and drift profiles are made of."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import DTypeLike, NDArray
from pydantic import JsonValue

from titlebout.core.arrow_numpy import fixed_width_values, presence
from titlebout.core.class_codes import class_codes, foreign_values
from titlebout.core.errors import FieldError, did_you_mean
from titlebout.core.field_values import LARGEST_NUMBER, FieldValue, category_text, wall_clock
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.specs.class_list import ClassName, listed
from titlebout.core.specs.dataset_spec import ColumnType

_QUARTERS_SINCE = 94_694_400_000_000  # the first of January 1973, in microseconds since 1970


class SnapshotColumn:
    """One column of a table that has its declared type, as every column of a snapshot has."""

    def __init__(self, table: pa.Table, name: str, declared: ColumnType, zone: tzinfo) -> None:
        """Find the column.

        Args:
            table: Rows as snapshots store them; columns that nobody asks for may stand beside.
            name: The column.
            declared: Its type in the spec.
            zone: Time zone in which times are read.

        Raises:
            FieldError: The table lacks the column or holds it in another type.
        """
        if name not in table.column_names:
            raise FieldError(name, f"is no column of the table; {did_you_mean(name, table.column_names)}")
        self._column = table.column(name)
        wanted = ARROW_TYPES[declared]
        if self._column.type != wanted:
            raise FieldError(name, f"is stored as {self._column.type}, wanted {wanted}; ingest the rows again")
        self._name, self._declared, self._zone = name, declared, zone

    def numbers(self) -> NDArray[np.float64]:
        """Return a column of integers, numbers or flags.

        Returns:
            float64, shape (n_rows,); flags are 0 and 1, what is missing is NaN.

        Raises:
            FieldError: A number is infinite or beyond float32.
        """
        values: NDArray[np.float64] = _values_or(np.nan, pc.cast(self._column, pa.float64(), safe=False), np.float64)
        if np.any(np.abs(values) > LARGEST_NUMBER):
            remedy = "reject such rows with an expectation"
            raise FieldError(self._name, f"holds infinity or a number beyond 3.4e38; {remedy}")
        return values

    def classes(self, classes: Sequence[ClassName]) -> NDArray[np.float64]:
        """Return the class of each row as its place among all.

        Returns:
            float64, shape (n_rows,); NaN where it is missing.

        Raises:
            FieldError: A value is none of the classes.
        """
        foreign = foreign_values(self._column, classes)
        if foreign:
            (value, rows), *others = foreign.most_common()
            more = f" and {len(others)} other values" if others else ""
            problem = (
                f"holds {value!r:.60} in {rows} rows{more}, none of training.classes ({listed(classes)}); add it "
                "there, or reject the partition"
            )
            raise FieldError(self._name, problem)
        return class_codes(self._column, classes)

    @property
    def missing(self) -> int:
        """How many values are missing."""
        return int(self._column.null_count)

    def map(self, convert: Callable[[FieldValue], float]) -> NDArray[np.float64]:
        """Apply a function of single values, calling it once per distinct value.

        Returns:
            float64, shape (n_rows,); NaN where the value is missing.

        Raises:
            FieldError: A time lies outside the years 1 to 9999.
        """
        return self._map(self._column, convert)

    def map_numbers(self, convert: Callable[[float], float]) -> NDArray[np.float64]:
        """Apply a function to a column of integers or numbers, calling it once per distinct value.

        Returns:
            float64, shape (n_rows,); what the function makes of NaN where the value is missing.

        Raises:
            FieldError: A number is infinite or beyond float32.
        """
        distinct, codes = np.unique(self.numbers(), return_inverse=True)
        converted: NDArray[np.float64] = np.array([convert(value) for value in distinct.tolist()], dtype=np.float64)
        return converted[codes]

    def map_times(self, convert: Callable[[FieldValue], float]) -> NDArray[np.float64]:
        """Do the same for a function of times that is constant within each quarter of an hour.

        Every offset from UTC in use since 1973 is a multiple of it: a year has at most 35,136 distinct values. Before,
        clocks were off by minutes and seconds, and each time is looked at by itself.
        """
        column = self._column
        if pa.types.is_timestamp(column.type) and self._has_quarters():
            column = pc.floor_temporal(column.cast(pa.timestamp("us")), multiple=15, unit="minute")
        return self._map(column, convert)

    def category_counts(self) -> dict[str, int]:
        """Return how often each category occurs, without the missing values."""
        counted = pc.value_counts(self._column.drop_null())
        counts: dict[str, int] = {}
        for value, count in zip(
            self._values(counted.field("values")), counted.field("counts").to_pylist(), strict=True
        ):
            text = category_text(value, self._declared)
            counts[text] = counts.get(text, 0) + count  # an hour that a clock shows twice has one name
        return counts

    def json_values(self) -> list[JsonValue]:
        """Return the values as a caller of the server would send them."""
        whole = self._column.combine_chunks()
        is_missing = whole.is_null().to_pylist()
        # Not by the clock of the model's time zone: a time without an offset is UTC to whoever reads it.
        values = iter(self._values(whole.drop_null(), UTC))
        return [None if missing else _json_value(next(values)) for missing in is_missing]

    def _has_quarters(self) -> bool:
        """Whether a clock in the zone differs from UTC by whole quarters of an hour at all times of the column."""
        oldest = pc.min_max(self._column)["min"].cast(pa.int64()).as_py()
        return self._zone is UTC or oldest is None or oldest >= _QUARTERS_SINCE

    def _map(self, column: pa.ChunkedArray, convert: Callable[[FieldValue], float]) -> NDArray[np.float64]:
        encoded = column.dictionary_encode().unify_dictionaries()
        if not encoded.num_chunks:
            return np.empty(0)
        distinct = [convert(value) for value in self._values(encoded.chunk(0).dictionary)]
        # A missing value has index -1 and so finds the NaN at the end.
        codes = _values_or(-1, pa.chunked_array([chunk.indices for chunk in encoded.chunks]), np.int32)
        numbers: NDArray[np.float64] = np.array([*distinct, np.nan])[codes]
        return numbers

    def _values(self, present: pa.Array, zone: tzinfo | None = None) -> Sequence[FieldValue]:
        """Return values that are not missing as Python objects, times as wall-clock times of a zone."""
        try:
            values: list[FieldValue] = present.to_pylist()
            if pa.types.is_timestamp(present.type):
                return [wall_clock(value, zone or self._zone) for value in values if isinstance(value, datetime)]
        except (ValueError, OverflowError):
            problem = "holds a time outside the years 1 to 9999; reject such rows with an expectation"
            raise FieldError(self._name, problem) from None
        return values


def _values_or(other: float, column: pa.ChunkedArray, dtype: DTypeLike) -> NDArray[Any]:
    """Return the values of a column of numbers, another one where they are missing."""
    values, known = fixed_width_values(column, dtype), presence(column)
    return values if known is None else np.where(known, values, np.array(other, dtype))


def _json_value(value: FieldValue) -> JsonValue:
    return value if isinstance(value, (str, float, int)) else value.isoformat()
