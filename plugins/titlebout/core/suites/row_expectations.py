"""Evaluates expectations about single rows, as Great Expectations does on pandas."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.arrow_numpy import fixed_width_values
from titlebout.core.suites.column_texts import Mask, each_text
from titlebout.core.suites.decoded_column import ColumnKind, DecodedColumn
from titlebout.core.suites.expectations import MAX_SHOWN, Finding, bound_as_stored, set_as_stored
from titlebout.core.suites.pattern_search import matcher
from titlebout.core.suites.suite_checks import Check

# Which rows are at fault; None: no row, known without looking at each.
Faults = Mask | None
_ROWS_AT_ONCE = 65_536


def judge_rows(check: Check, columns: Sequence[DecodedColumn]) -> Finding:
    """Evaluate an expectation about single rows of one column."""
    (column,) = columns
    if check.kind in _NULL_CHECKS:
        faults = _NULL_CHECKS[check.kind](column)
        return _null_finding(check, column, faults)
    faults = _VALUE_CHECKS[check.kind](check, column)
    return row_finding(check, column.rows, column.present_count, faults, column.shown)


def row_finding(check: Check, rows: int, considered: int, faults: Faults, show: Callable[[int], JsonValue]) -> Finding:
    """Add the rows at fault up.

    Rows that were skipped for a missing value are not considered.
    """
    unexpected = 0 if faults is None else int(np.count_nonzero(faults))
    success = not considered or (float(considered) - float(unexpected)) / float(considered) >= check.mostly
    first = first_rows(faults) if unexpected else []
    missing = rows - considered
    share = unexpected / considered * 100 if considered else None
    result = {
        "element_count": rows,
        "unexpected_count": unexpected,
        "unexpected_percent": share if rows else None,
        "partial_unexpected_list": [show(row) for row in first],
        "missing_count": missing,
        "missing_percent": missing / rows * 100 if rows else None,
        "unexpected_percent_total": unexpected / rows * 100 if rows else None,
        "unexpected_percent_nonmissing": share if rows else None,
    }
    return Finding(success, result, first)


def _null_finding(check: Check, column: DecodedColumn, faults: Faults) -> Finding:
    """Do the same where a missing value is the question and nothing is skipped."""
    unexpected = 0 if faults is None else int(np.count_nonzero(faults))
    rows = column.rows
    first = first_rows(faults) if unexpected else []
    result = {
        "element_count": rows,
        "unexpected_count": unexpected,
        "unexpected_percent": unexpected / rows * 100 if rows else None,
        "partial_unexpected_list": [column.shown(row) for row in first],
    }
    return Finding(not rows or (rows - unexpected) / rows >= check.mostly, result, first)


def first_rows(faults: Faults) -> list[int]:
    """Return the positions of the first rows at fault."""
    found: list[int] = []
    if faults is None:
        return found
    for start in range(0, len(faults), _ROWS_AT_ONCE):
        found += (np.flatnonzero(faults[start : start + _ROWS_AT_ONCE])[:MAX_SHOWN] + start).tolist()
        if len(found) >= MAX_SHOWN:
            break
    return found[:MAX_SHOWN]


def _missing(column: DecodedColumn) -> Faults:
    return None if column.has_value is None else ~column.has_value


def _present(column: DecodedColumn) -> Faults:
    return np.ones(column.rows, dtype=bool) if column.has_value is None else column.has_value


def _among_present(column: DecodedColumn, faults: Mask) -> Mask:
    if column.has_value is not None:
        faults &= column.has_value
    return faults


def _outside(check: Check, column: DecodedColumn) -> Faults:
    low, high = (bound_as_stored(column, bound) for bound in check.bounds)
    if column.range is None:
        return None
    if _inside(check, np.array(column.range), low, high).all():
        return None
    return _among_present(column, ~_inside(check, column.values, low, high))


def _inside(check: Check, values: NDArray[Any], low: float | None, high: float | None) -> Mask:
    inside = np.ones(len(values), dtype=bool)
    if low is not None:
        inside &= low < values if check.kwargs.get("strict_min") else low <= values
    if high is not None:
        inside &= values < high if check.kwargs.get("strict_max") else values <= high
    return inside


def _not_in_set(check: Check, column: DecodedColumn) -> Faults:
    wanted = set_as_stored(column, check.kwargs["value_set"])
    if column.kind is ColumnKind.TEXT:
        known = frozenset(wanted)
        return column.texts.rows_where(each_text(lambda text: text not in known))
    return _among_present(column, ~np.isin(column.values, wanted))


def _in_forbidden_set(check: Check, column: DecodedColumn) -> Faults:
    wanted = set_as_stored(column, check.kwargs["value_set"])
    if column.kind is ColumnKind.TEXT:
        return column.texts.rows_where(each_text(frozenset(wanted).__contains__))
    return _among_present(column, np.isin(column.values, wanted))


def _repeated(check: Check, column: DecodedColumn) -> Faults:
    del check
    if column.kind is ColumnKind.TEXT:
        return column.texts.repeated_rows()
    if not len(column.repeated):
        return None
    return _among_present(column, np.isin(column.values, column.repeated))


def _wrong_length(check: Check, column: DecodedColumn) -> Faults:
    low, high = check.bounds

    def is_wrong(texts: pa.Array) -> Mask:
        lengths = fixed_width_values(pa.chunked_array([pc.utf8_length(texts)]), np.int32)
        return ~_inside(check, lengths, low, high)

    return column.texts.rows_where(is_wrong)


def _no_match(check: Check, column: DecodedColumn) -> Faults:
    matches = matcher(check.kwargs["regex"])
    return column.texts.rows_where(lambda texts: ~matches(texts))


def _match(check: Check, column: DecodedColumn) -> Faults:
    return column.texts.rows_where(matcher(check.kwargs["regex"]))


_NULL_CHECKS: Mapping[str, Callable[[DecodedColumn], Faults]] = {
    "expect_column_values_to_not_be_null": _missing,
    "expect_column_values_to_be_null": _present,
}
_VALUE_CHECKS: Mapping[str, Callable[[Check, DecodedColumn], Faults]] = {
    "expect_column_values_to_be_between": _outside,
    "expect_column_values_to_be_in_set": _not_in_set,
    "expect_column_values_to_not_be_in_set": _in_forbidden_set,
    "expect_column_values_to_be_unique": _repeated,
    "expect_column_value_lengths_to_be_between": _wrong_length,
    "expect_column_values_to_match_regex": _no_match,
    "expect_column_values_to_not_match_regex": _match,
}
ONE_COLUMN_ROWS = frozenset({*_NULL_CHECKS, *_VALUE_CHECKS})
