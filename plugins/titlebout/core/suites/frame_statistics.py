"""Statistics of a whole column, to the last bit as pandas computes them.

Each function takes the steps of its counterpart in `pandas/core/nanops.py` in the same order and in the same
precision: NumPy adds pairwise, so that another order of addition gives another last digit, and a bound that
a value just meets on pandas would be missed here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from titlebout.core.suites.decoded_column import ColumnKind, DecodedColumn, NotCompilableError, Number

_NUMERIC = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER})


def column_sum(column: DecodedColumn) -> Number:
    """Return the sum, 0 of nothing; integers wrap around at 64 bits, as they do on pandas."""
    _require(column, _NUMERIC | {ColumnKind.FLAG})
    total: Number = (
        column.values.sum(dtype=np.int64) if column.kind is not ColumnKind.NUMBER else _zero_filled(column).sum()
    )
    return total


def column_mean(column: DecodedColumn) -> Number:
    """Return the mean, NaN of nothing."""
    if not column.present_count:
        _require(column, _NUMERIC | {ColumnKind.FLAG})
        return np.nan
    total = column.values.sum(dtype=np.float64) if column.kind is ColumnKind.INTEGER else column_sum(column)
    mean: Number = total / np.float64(column.present_count)
    return mean


def column_stdev(column: DecodedColumn) -> Number:
    """Return the standard deviation of a sample (n - 1), NaN of fewer than two values."""
    _require(column, _NUMERIC)
    if column.present_count < 2:
        return np.nan
    values = _zero_filled(column)
    if column.kind is ColumnKind.INTEGER:
        values = values.astype(np.float64)
    count = np.float64(column.present_count)
    deviations = values.sum(dtype=np.float64) / count - values
    squares = np.square(deviations, out=deviations)
    if column.has_value is not None:
        squares[~column.has_value] = 0
    stdev: Number = np.sqrt(squares.sum(dtype=np.float64) / (count - np.float64(1)))
    return stdev


def column_median(column: DecodedColumn) -> Number:
    """Return the median, NaN of nothing."""
    _require(column, _NUMERIC)
    if not column.present_count:
        return np.nan
    return np.median(column.present.astype(np.float64, copy=False))


def column_quantiles(column: DecodedColumn, quantiles: list[float]) -> list[Any]:
    """Return for each quantile the nearest value that occurs."""
    _require(column, _NUMERIC)
    if not column.present_count:
        message = f"{column.name} holds no value, so it has no quantile"
        raise NotCompilableError(message)
    nearest: list[Any] = np.quantile(column.present, quantiles, method="nearest").tolist()
    return nearest


def _require(column: DecodedColumn, kinds: frozenset[ColumnKind]) -> None:
    if column.kind not in kinds:
        message = f"{column.name} is a {column.kind} column, which Great Expectations judges in a way of its own"
        raise NotCompilableError(message)


def _zero_filled(column: DecodedColumn) -> NDArray[Any]:
    return column.values if column.has_value is None else np.where(column.has_value, column.values, 0)
