"""Derived columns and kept ranges: what happens to rows between the source and the snapshot."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial, reduce
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.arrow_numpy import fixed_width_values
from titlebout.core.arrow_values import arrow_numbers, arrow_texts, missing, number
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.partitions import Calendar
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import Bounds, ColumnType, DatasetSection
from titlebout.core.specs.derived_columns import Derivation, MinutesBetween, MonthStart

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH_NUMBERS = arrow_numbers(np.arange(1, 13), pa.int64())
_MICROSECONDS_PER_MINUTE = 60_000_000.0


Deriving: TypeAlias = Callable[[pa.RecordBatch], pa.Array]
"""Computes a derived column of some rows; it may remember the rows before."""


def with_derived(
    batches: Iterable[pa.RecordBatch], dataset: DatasetSection, partition: PartitionKey | None = None
) -> Iterator[pa.RecordBatch]:
    """Add the derived columns to rows in `dataset.columns`, which must come in the order of the source.

    They are all rows, over all files: some columns depend on the rows before.

    Args:
        batches: Rows in `dataset.columns`.
        dataset: The section of the spec.
        partition: Whose rows they are; None: they are of all partitions.

    Raises:
        PartitionUnreadableError: A column cannot be derived from a value.
    """
    schema = arrow_schema(dataset.snapshot_columns)
    begin = None if partition is None else Calendar(dataset.cadence).face(partition)
    deriving = [_deriving(name, derivation, begin) for name, derivation in dataset.derived.items()]
    try:
        for batch in batches:
            derived = [derive(batch) for derive in deriving]
            yield pa.RecordBatch.from_arrays([*batch.columns, *derived], schema=schema)
    finally:
        # What the source holds open is let go with this stream, not some time later.
        close = getattr(batches, "close", None)
        if close is not None:
            close()


class KeptRows:
    """Iterates over the rows inside `dataset.keep`, and counts those that are left out.

    Attributes:
        left_out_rows: Rows outside a range or without a value, among those iterated over so far.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], keep: Mapping[str, Bounds]) -> None:
        self._batches, self._keep = batches, keep
        self.left_out_rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            if not self._keep:
                yield batch
                continue
            kept = batch.filter(
                reduce(pc.and_, (_is_inside(batch.column(name), bounds) for name, bounds in self._keep.items()))
            )
            self.left_out_rows += batch.num_rows - kept.num_rows
            yield kept


def _is_inside(column: pa.Array, bounds: Bounds) -> pa.Array:
    """Return a mask for `filter`, which takes null for no."""
    numbers = column.cast(pa.uint8()) if pa.types.is_boolean(column.type) else column
    is_inside = pc.is_valid(numbers)
    if bounds.min is not None:
        is_inside = pc.and_(is_inside, pc.greater_equal(numbers, number(bounds.min)))
    if bounds.max is not None:
        is_inside = pc.and_(is_inside, pc.less_equal(numbers, number(bounds.max)))
    return is_inside


def _deriving(name: str, derivation: Derivation, begin: datetime | None) -> Deriving:
    match derivation:
        case MinutesBetween():
            return partial(_minutes_between, name=name, derivation=derivation)
        case MonthStart():
            return _MonthStarts(name, derivation)
    if begin is None:  # the spec allows it for no such source
        message = f"column {name!r} cannot be derived: these rows are of no single partition"
        raise PartitionUnreadableError(message)
    return partial(_day, day=np.datetime64(begin, "D").astype(np.int32))


def _day(batch: pa.RecordBatch, *, day: np.int32) -> pa.Array:
    return arrow_numbers(np.full(batch.num_rows, day), ARROW_TYPES[ColumnType.DATE])


def _minutes_between(batch: pa.RecordBatch, *, name: str, derivation: MinutesBetween) -> pa.Array:
    moment = ARROW_TYPES[ColumnType.TIMESTAMP]
    try:
        start, end = (batch.column(used).cast(moment).cast(pa.int64()) for used in (derivation.start, derivation.end))
        return pc.divide(pc.subtract_checked(end, start).cast(pa.float64()), number(_MICROSECONDS_PER_MINUTE))
    except pa.ArrowInvalid:
        message = (
            f"column {name!r} cannot be derived: {derivation.start!r} and {derivation.end!r} lie further "
            "apart than a number can say; correct the delivered rows"
        )
        raise PartitionUnreadableError(message) from None


class _MonthStarts:
    """First days of months whose year follows from the order of the rows."""

    def __init__(self, name: str, derivation: MonthStart) -> None:
        self._name, self._column = name, derivation.month
        self._year, self._last_month = derivation.first_year, 1

    def __call__(self, batch: pa.RecordBatch) -> pa.Array:
        numbers = self._month_numbers(batch.column(self._column))
        # A row without a month stands where the row above does, and gets no date in the end.
        months = fixed_width_values(pa.chunked_array([pc.fill_null_forward(numbers)]), np.int64)
        first = len(numbers) - len(pc.fill_null_forward(numbers).drop_null())
        months = np.where(np.arange(len(months)) < first, self._last_month, months)
        years = self._year + np.cumsum(np.diff(months, prepend=self._last_month) < 0)
        if len(months):
            self._year, self._last_month = int(years[-1]), int(months[-1])
        starts = ((years - 1970) * 12 + months - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int32)
        kind = ARROW_TYPES[ColumnType.DATE]
        return pc.if_else(pc.is_valid(numbers), arrow_numbers(starts, kind), missing(kind))

    def _month_numbers(self, column: pa.Array) -> pa.Array:
        if pa.types.is_string(column.type):
            names = pc.utf8_lower(pc.utf8_trim_whitespace(column))
            short, long = (pc.index_in(names, value_set=arrow_texts(known)) for known in (_MONTHS, _LONG_MONTHS))
            numbers = pc.add(pc.coalesce(short, long).cast(pa.int64()), number(1))
        else:
            numbers = pc.if_else(pc.is_in(column, value_set=_MONTH_NUMBERS), column, missing(column.type))
        misfits = column.filter(pc.and_(column.is_valid(), numbers.is_null()))
        if len(misfits):
            message = (
                f"column {self._column!r} holds {misfits[0].as_py()!r:.40}, which is no month; "
                f"correct the delivered value or dataset.derived.{self._name}"
            )
            raise PartitionUnreadableError(message)
        return numbers
