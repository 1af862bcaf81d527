"""The sampled columns, with cached codes, numbers and days."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from titlebout.core.contract.leak_guard import Codes, Numbers
from titlebout.core.specs.dataset_spec import NUMBERS, TIMES, ColumnType

Days = NDArray[np.int64]
NO_DAY = np.iinfo(np.int64).min


class SampledColumns:
    """Columns of a sample in the types of a snapshot."""

    def __init__(self, table: pa.Table, kinds: Mapping[str, ColumnType]) -> None:
        """Take a table whose columns have these types."""
        self.table = table
        self.kinds = dict(kinds)
        self._codes: dict[str, Codes] = {}
        self._numbers: dict[str, Numbers] = {}

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)

    def of_kind(self, *kinds: ColumnType) -> list[str]:
        """Return the columns of some types in their order."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    @cached_property
    def numeric(self) -> list[str]:
        """Columns of integers, numbers and flags."""
        return self.of_kind(*NUMBERS)

    @cached_property
    def times(self) -> list[str]:
        """Columns of dates and timestamps."""
        return self.of_kind(*TIMES)

    def nulls(self, name: str) -> int:
        """Count the rows without a value."""
        return int(self.table.column(name).null_count)

    def codes(self, name: str) -> Codes:
        """Number the values of a column: int64, shape (n_rows,); -1 where there is none."""
        if name not in self._codes:
            encoded = self.table.column(name).combine_chunks().dictionary_encode()
            encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
            self._codes[name] = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return self._codes[name]

    def distinct(self, name: str) -> int:
        """Count the distinct values."""
        codes = self.codes(name)
        return int(codes.max()) + 1 if len(codes) else 0

    def numbers(self, name: str) -> Numbers:
        """Return integers, numbers and flags as float64, shape (n_rows,); NaN where there is none."""
        if name not in self._numbers:
            column = self.table.column(name).cast(pa.float64(), safe=False)
            values: Numbers = column.to_numpy().astype(np.float64)
            values = values.copy()
            values[np.isinf(values)] = np.nan
            self._numbers[name] = values
        return self._numbers[name]

    def moments(self, name: str) -> Days:
        """Return times as microseconds since 1970, int64, shape (n_rows,); `NO_DAY` where there is none."""
        column = self.table.column(name)
        if pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("us"))
        filled: Days = column.cast(pa.int64()).fill_null(int(NO_DAY)).to_numpy()
        return filled

    def days(self, name: str, timezone: str = "UTC") -> Days:
        """Return the days of times in a time zone, counted from 1970; `NO_DAY` where there is none."""
        column = self.table.column(name)
        if pa.types.is_timestamp(column.type):
            local = pc.local_timestamp(column.cast(pa.timestamp("us", tz=timezone)))
            column = pc.cast(local, options=pc.CastOptions(pa.date32(), allow_time_truncate=True))
        filled: Days = column.cast(pa.int32()).cast(pa.int64()).fill_null(int(NO_DAY)).to_numpy()
        return filled

    def values(self, name: str, limit: int) -> list[Any]:
        """Return the distinct values of a column, commonest first, at most so many."""
        counted = pc.value_counts(self.table.column(name).drop_null())
        order = np.argsort(-counted.field("counts").to_numpy(), kind="stable")[:limit]
        return [counted.field("values")[int(position)].as_py() for position in order]
