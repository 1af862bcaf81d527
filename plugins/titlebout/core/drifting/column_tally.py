"""Builds the profile of one column from Arrow arrays, piece by piece."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile, NumberProfile
from titlebout.core.drifting.number_tally import NumberTally
from titlebout.core.errors import FieldError
from titlebout.core.specs.column_type import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa


_STORED = {"double": np.float64, "int64": np.int64}
"""What memory holds of the types whose values are measured."""


class CountedNumbers:
    """Counts a column whose values are measured."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tally = NumberTally()

    def add(self, column: "pa.Array") -> None:
        """Count a piece: 64-bit numbers.

        Raises:
            FieldError: A number is infinite or beyond float32.
        """
        try:
            self._tally.add(_numbers(column))
        except ValueError as error:
            raise FieldError(self._name, str(error)) from None

    def profile(self) -> NumberProfile:
        """Return the profile of all pieces."""
        return self._tally.profile()


class CountedCategories:
    """Counts a column whose values are names."""

    def __init__(self, declared: ColumnType) -> None:
        self._declared = declared
        self._profile = CategoryProfile()

    def add(self, column: "pa.Array") -> None:
        """Count a piece, in the declared type or as a dictionary of it."""
        # Where numbers alone are profiled nobody waits for the import.
        from titlebout.core.field_values import category_text

        counts: dict[str, int] = {}
        for value, count in _counted(column):
            text = category_text(value, self._declared)
            counts[text] = counts.get(text, 0) + count
        piece = CategoryProfile(missing=column.null_count, categories=CategoryCounts.of(counts))
        self._profile += piece

    def profile(self) -> CategoryProfile:
        """Return the profile of all pieces."""
        return self._profile


ColumnTally: TypeAlias = CountedNumbers | CountedCategories


def _numbers(column: "pa.Array") -> NDArray[np.float64]:
    """Return a piece's numbers as float64, NaN where there is none; without a copy where nothing has to change."""
    if column.null_count or not len(column):
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    # Not by Arrow, which asks pandas first, where that is installed.
    stored = np.frombuffer(column.buffers()[1], _STORED[str(column.type)])
    return np.asarray(stored[column.offset : column.offset + len(column)], dtype=np.float64)


def _counted(column: "pa.Array") -> Iterable[tuple[Any, int]]:
    """Yield the different values of a piece and how often each occurs."""
    import pyarrow as pa

    from titlebout.core.arrow_values import arrow_numbers

    if pa.types.is_dictionary(column.type):
        # Not what the dictionary holds beyond: it may be that of a whole file.
        indices = column.indices.drop_null() if column.null_count else column.indices
        counted = np.bincount(indices.to_numpy())
        used = np.flatnonzero(counted)
        values = column.dictionary.take(arrow_numbers(used, pa.int64()))
        return zip(values.to_pylist(), counted[used].tolist(), strict=True)
    found = column.drop_null().value_counts()
    return zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
