"""Evaluates expectations about a table or about a whole column, as Great Expectations does on pandas."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.plain_json import plain
from titlebout.core.suites.column_texts import each_text
from titlebout.core.suites.decoded_column import (
    EPOCH_DAY,
    ColumnKind,
    DecodedColumn,
    NotCompilableError,
    Number,
    microseconds,
)
from titlebout.core.suites.frame_statistics import (
    column_mean,
    column_median,
    column_quantiles,
    column_stdev,
    column_sum,
)
from titlebout.core.suites.suite_checks import Check

MAX_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """What one expectation said.

    Attributes:
        result: In Great Expectations' words.
        rows: Positions of the first rows at fault, if it is about single rows.
        raised: Why it could not be evaluated.
    """

    success: bool
    result: Mapping[str, Any]
    rows: Sequence[int] = ()
    raised: str | None = None


def missing_column(name: str) -> Finding:
    """Say in Great Expectations' words that a column is not there."""
    return Finding(success=False, result={}, raised=f'Error: The column "{name}" in BatchData does not exist.')


def judge_table(check: Check, columns: Sequence[str], rows: int) -> Finding | None:
    """Evaluate an expectation that needs no values; None if it needs some."""
    kwargs = check.kwargs
    match check.kind:
        case "expect_table_row_count_to_be_between":
            return _between(check, rows, rows)
        case "expect_table_row_count_to_equal":
            return Finding(rows == kwargs["value"], {"observed_value": rows})
        case "expect_table_columns_to_match_set":
            return _match_set(columns, kwargs["column_set"], exact=kwargs.get("exact_match", True))
        case "expect_table_columns_to_match_ordered_list":
            return _match_ordered_list(columns, kwargs["column_list"])
        case "expect_column_to_exist":
            return Finding(_exists(kwargs["column"], columns, kwargs.get("column_index")), {})
        case _:
            return None


def _match_set(columns: Sequence[str], wanted: Sequence[str], *, exact: bool) -> Finding:
    unexpected, missing = sorted(set(columns) - set(wanted)), sorted(set(wanted) - set(columns))
    result: dict[str, Any] = {"observed_value": sorted(columns)}
    if unexpected or missing:
        mismatched = {"unexpected": unexpected, "missing": missing}
        result["details"] = {"mismatched": {name: names for name, names in mismatched.items() if names}}
    return Finding(not missing and not (unexpected and exact), result)


def _match_ordered_list(columns: Sequence[str], wanted: Sequence[str]) -> Finding:
    if list(columns) == list(wanted):
        return Finding(success=True, result={"observed_value": list(columns)})
    mismatched = [
        {"Expected Column Position": position, "Expected": expected, "Found": found}
        for position, (expected, found) in enumerate(zip_longest(wanted, columns))
        if expected != found
    ]
    return Finding(False, {"observed_value": list(columns), "details": {"mismatched": mismatched}})


def _exists(name: str, columns: Sequence[str], position: int | None) -> bool:
    if not position:
        return name in columns
    return -len(columns) <= position < len(columns) and columns[position] == name


def bound_as_stored(column: DecodedColumn, bound: float | date | None) -> float | None:
    """Return a bound as a number of the same meaning as the column's values.

    Raises:
        NotCompilableError: Comparing the two is an error in Python, or has a meaning of its own.
    """
    if bound is None:
        return None
    match column.kind:
        case ColumnKind.INTEGER | ColumnKind.NUMBER | ColumnKind.FLAG if isinstance(bound, int | float):
            return bound
        case ColumnKind.DATE if isinstance(bound, date) and not isinstance(bound, datetime):
            return (bound - EPOCH_DAY).days
        case ColumnKind.TIME if isinstance(bound, datetime):
            return microseconds(bound)
        case _:
            message = f"a bound like {bound!s:.40} for a {column.kind} column is judged by Great Expectations alone"
            raise NotCompilableError(message)


def _between(
    check: Check, metric: Number | None, observed: JsonValue, bounds: tuple[float | None, float | None] | None = None
) -> Finding:
    """Compare an aggregate with the bounds; one that is missing never passes."""
    low, high = bounds or check.bounds
    if metric is None or math.isnan(metric):
        return Finding(success=False, result={"observed_value": None})
    above = low is None or (metric > low if check.kwargs.get("strict_min") else metric >= low)
    below = high is None or (metric < high if check.kwargs.get("strict_max") else metric <= high)
    return Finding(bool(above and below), {"observed_value": observed})


def _extreme(check: Check, column: DecodedColumn) -> Finding:
    low, high = check.bounds
    bounds = bound_as_stored(column, low), bound_as_stored(column, high)
    if column.kind is ColumnKind.TEXT:
        message = "texts have no bounds in Great Expectations"
        raise NotCompilableError(message)
    if column.range is None:
        # To Great Expectations, pandas' missing time is a time like any other, and lacking only within bounds.
        unbounded_time = column.kind is ColumnKind.TIME and bounds == (None, None)
        return Finding(success=unbounded_time, result={"observed_value": None})
    metric = column.range[check.kind == "expect_column_max_to_be_between"]
    return _between(check, metric, column.shown_value(metric), bounds)


_STATISTICS: Mapping[str, Callable[[DecodedColumn], Number]] = {
    "expect_column_mean_to_be_between": column_mean,
    "expect_column_sum_to_be_between": column_sum,
    "expect_column_stdev_to_be_between": column_stdev,
    "expect_column_median_to_be_between": column_median,
}


def _statistic(check: Check, column: DecodedColumn) -> Finding:
    with np.errstate(all="ignore"):  # infinities make NaN, which fails below
        metric = _STATISTICS[check.kind](column)
    for bound in check.bounds:
        bound_as_stored(column, bound)
    return _between(check, metric, plain(metric))


def _distinct_share(check: Check, column: DecodedColumn) -> Finding:
    share = column.distinct_count() / column.present_count if column.present_count else 0
    return _between(check, share, share)


def _distinct_count(check: Check, column: DecodedColumn) -> Finding:
    count = column.distinct_count()
    return _between(check, count, count)


def _distinct_in_set(check: Check, column: DecodedColumn) -> Finding:
    wanted = set_as_stored(column, check.kwargs["value_set"])
    if column.kind is ColumnKind.TEXT:
        known = frozenset(wanted)
        texts = sorted(column.texts.distinct_where(each_text(lambda text: text not in known)))
        count, shown = len(texts), [plain(text) for text in texts[:MAX_SHOWN]]
    else:
        numbers = np.setdiff1d(column.ordered, wanted)
        count, shown = len(numbers), [column.shown_value(number) for number in numbers[:MAX_SHOWN]]
    result = {"observed_value": None, "unexpected_count": count, "partial_unexpected_list": shown}
    return Finding(not count, result)


def set_as_stored(column: DecodedColumn, wanted: Sequence[Any]) -> NDArray[Any]:
    """Return a value set as an array like the column's values, or of texts.

    Raises:
        NotCompilableError: Set and column are of different types.
    """
    first = wanted[0]
    match column.kind:
        case ColumnKind.TEXT if isinstance(first, str):
            return np.array(wanted, dtype=object)
        case ColumnKind.FLAG if isinstance(first, bool):
            return np.array(wanted, dtype=np.uint8)
        case ColumnKind.INTEGER | ColumnKind.NUMBER if not isinstance(first, str | bool):
            return np.array(wanted)
        case _:
            message = (
                f"a set of {type(first).__name__} for a {column.kind} column is judged by Great Expectations alone"
            )
            raise NotCompilableError(message)


def _quantiles(check: Check, column: DecodedColumn) -> Finding:
    wanted = check.kwargs["quantile_ranges"]
    values = column_quantiles(column, wanted["quantiles"])
    held = [_in_range(value, low, high) for value, (low, high) in zip(values, wanted["value_ranges"], strict=True)]
    observed = {"quantiles": wanted["quantiles"], "values": values}
    return Finding(all(held), {"observed_value": observed, "details": {"success_details": held}})


def _in_range(value: float, low: float | None, high: float | None) -> bool:
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    close = any(bool(np.isclose(np.float64(value), np.float64(bound), rtol=1e-4, atol=1e-8)) for bound in (low, high))
    return close or low <= value <= high


WHOLE_COLUMN: Mapping[str, Callable[[Check, DecodedColumn], Finding]] = {
    "expect_column_min_to_be_between": _extreme,
    "expect_column_max_to_be_between": _extreme,
    **dict.fromkeys(_STATISTICS, _statistic),
    "expect_column_unique_value_count_to_be_between": _distinct_count,
    "expect_column_proportion_of_unique_values_to_be_between": _distinct_share,
    "expect_column_distinct_values_to_be_in_set": _distinct_in_set,
    "expect_column_quantile_values_to_be_between": _quantiles,
}
