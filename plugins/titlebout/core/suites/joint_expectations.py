"""Evaluates expectations about several columns of a row, as Great Expectations does on pandas."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.suites.column_texts import Mask
from titlebout.core.suites.decoded_column import ColumnKind, DecodedColumn, NotCompilableError
from titlebout.core.suites.expectations import Finding
from titlebout.core.suites.row_expectations import row_finding
from titlebout.core.suites.suite_checks import Check

Bits = NDArray[np.uint64]
_NUMERIC = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER})
# Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection of 64 bits.
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def judge_pair(check: Check, columns: Sequence[DecodedColumn]) -> Finding:
    """Evaluate `expect_column_pair_values_a_to_be_greater_than_b`."""
    first, second = columns
    kept = _kept(columns, check.kwargs.get("ignore_row_if", "both_values_are_missing"))
    _refuse_incomparable(first, second, kept)
    holds = first.values >= second.values if check.kwargs.get("or_equal") else first.values > second.values
    for column in columns:
        if column.has_value is not None:
            holds &= column.has_value
    considered = first.rows if kept is None else int(np.count_nonzero(kept))
    faults = ~holds if kept is None else ~holds & kept
    return row_finding(check, first.rows, considered, faults, lambda row: [_bare(first, row), _bare(second, row)])


def _bare(column: DecodedColumn, row: int) -> JsonValue:
    """Show a value of a pair; the NumPy values that pandas hands out here know no time zone."""
    shown = column.shown(row)
    return shown.removesuffix("+00:00") if column.kind is ColumnKind.TIME and isinstance(shown, str) else shown


def _refuse_incomparable(first: DecodedColumn, second: DecodedColumn, kept: Mask | None) -> None:
    kinds = {first.kind, second.kind}
    gap = any(c.has_value is not None and not c.has_value[... if kept is None else kept].all() for c in (first, second))
    dates = kinds == {ColumnKind.DATE} and not gap  # None > date is an error in Python
    if first.name == second.name or not (kinds <= _NUMERIC or kinds == {ColumnKind.TIME} or dates):
        message = f"{first.name} ({first.kind}) against {second.name} ({second.kind}) is left to Great Expectations"
        raise NotCompilableError(message)


def judge_compound(check: Check, columns: Sequence[DecodedColumn]) -> Finding:
    """Evaluate `expect_compound_columns_to_be_unique`."""
    rows = columns[0].rows
    kept = _kept(columns, check.kwargs.get("ignore_row_if", "all_values_are_missing"))
    considered = rows if kept is None else int(np.count_nonzero(kept))

    def show(row: int) -> JsonValue:
        return {column.name: column.shown(row) for column in columns}

    return row_finding(check, rows, considered, repeated_rows(columns, kept), show)


def _kept(columns: Sequence[DecodedColumn], ignored: str) -> Mask | None:
    """Return the rows that are not ignored for their missing values; None: all."""
    present = [np.ones(c.rows, dtype=bool) if c.has_value is None else c.has_value for c in columns]
    match ignored:
        case "both_values_are_missing" | "all_values_are_missing":
            if any(column.has_value is None for column in columns):
                return None
            return reduce(np.logical_or, present)
        case "either_value_is_missing" | "any_value_is_missing":
            return reduce(np.logical_and, present)
        case _:
            return None


def repeated_rows(columns: Sequence[DecodedColumn], kept: Mask | None = None) -> Mask | None:
    """Find rows that are there more than once; missing values are equal to each other.

    Rows are compared by a hash of 64 bits first. Equal rows have equal hashes, so that where no hash comes
    twice nothing is repeated; rows whose hash does come twice are compared by their values.
    """
    if any(column.is_known_to_be_unique for column in columns):
        return None
    rows = np.arange(columns[0].rows) if kept is None else np.flatnonzero(kept)
    hashes = reduce(_mixed_in, columns, np.zeros(columns[0].rows, np.uint64))
    hashes = hashes if kept is None else hashes[rows]
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return None
    suspects = rows[np.isin(hashes, twice)]
    faults = np.zeros(columns[0].rows, dtype=bool)
    faults[suspects[_repeated_keys([key for c in columns for key in _keys(c, suspects)])]] = True
    return faults


def _mixed_in(hashes: Bits, column: DecodedColumn) -> Bits:
    hashes += _STEP
    for key in _keys(column, slice(None)):
        hashes ^= key
        hashes ^= hashes >> np.uint64(30)
        hashes *= _FIRST_FACTOR
        hashes ^= hashes >> np.uint64(27)
        hashes *= _SECOND_FACTOR
        hashes ^= hashes >> np.uint64(31)
    return hashes


def _keys(column: DecodedColumn, rows: slice | NDArray[np.intp]) -> list[Bits]:
    """Return numbers that are equal where the values are: the value's bits, and whether it is missing."""
    values = column.values[rows]
    if column.kind is ColumnKind.NUMBER:
        bits = (values + 0.0).view(np.uint64)  # -0.0 is 0.0
    else:
        bits = values.astype(np.int64).view(np.uint64)
    if column.has_value is None:
        return [bits]
    present = column.has_value[rows]
    return [np.where(present, bits, np.uint64(0)), present.astype(np.uint64)]


def _repeated_keys(keys: list[Bits]) -> Mask:
    """Whether another row has the same keys: shape (n_rows,)."""
    order = np.lexsort(keys)
    same = reduce(np.logical_and, [key[order][1:] == key[order][:-1] for key in keys])
    repeated = np.zeros(len(order), dtype=bool)
    repeated[order[1:][same]] = True
    repeated[order[:-1][same]] = True
    return repeated
