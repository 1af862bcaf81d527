"""Reads the expectations of a suite, as far as they are understood without Great Expectations.

What this module does not take in exactly as Great Expectations would, to the last default and type, it
refuses with `NotCompilableError`: then Great Expectations itself has the word.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import JsonValue

from titlebout.core.decoded_column import NotCompilableError
from titlebout.core.results import Severity

# Whole numbers up to here are the same number as a float.
LARGEST_EXACT = 2**53

_TEXT_KEYS = frozenset({"notes", "description"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_REQUIRED = object()


@dataclass(frozen=True)
class Check:
    """One expectation, understood.

    Attributes:
        kind: Its type.
        kwargs: Its arguments without those that have their default, in the order of Great Expectations.
        severity: What its failure leads to.
    """

    kind: str
    kwargs: Mapping[str, Any]
    severity: Severity

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns whose values it needs."""
        if self.kind == "expect_column_to_exist":
            return ()
        if self.kind == "expect_compound_columns_to_be_unique":
            return tuple(self.kwargs["column_list"])
        return tuple(self.kwargs[name] for name in ("column", "column_A", "column_B") if name in self.kwargs)

    @property
    def bounds(self) -> tuple[Any, Any]:
        """Return `min_value` and `max_value`."""
        return self.kwargs.get("min_value"), self.kwargs.get("max_value")

    @property
    def mostly(self) -> float:
        """Return the share of rows that must hold."""
        share: float = self.kwargs.get("mostly", 1)
        return share


def _refuse(value: object) -> NotCompilableError:
    return NotCompilableError(f"argument {str(value)[:60]!r} is read by Great Expectations alone")


def _float(value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST_EXACT:
        raise _refuse(value)
    return float(value)


def _share(value: JsonValue) -> float:
    share = _float(value)
    if not 0 <= share <= 1:
        raise _refuse(value)
    return share


def _int(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= LARGEST_EXACT:
        raise _refuse(value)
    return value


def _flag(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise _refuse(value)
    return value


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value:
        raise _refuse(value)
    return value


def _comparable(value: JsonValue) -> float | date | datetime:
    if not isinstance(value, str):
        return _float(value)
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise _refuse(value)


def _names(value: JsonValue) -> list[str]:
    if not isinstance(value, list) or not value:
        raise _refuse(value)
    return [_text(name) for name in value]


def _two_names(value: JsonValue) -> list[str]:
    names = _names(value)
    if len(names) < 2 or len(set(names)) < len(names):
        raise _refuse(value)
    return names


def _value_set(value: JsonValue) -> list[Any]:
    """Take a set of one type; Great Expectations and pandas mix types by rules of their own."""
    if not isinstance(value, list) or not value:
        raise _refuse(value)
    if all(isinstance(item, str) for item in value) or all(isinstance(item, bool) for item in value):
        return value
    for item in value:
        _float(item)
    return value


def _quantile_ranges(value: JsonValue) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != {"quantiles", "value_ranges"}:
        raise _refuse(value)
    quantiles, ranges = value["quantiles"], value["value_ranges"]
    if not isinstance(quantiles, list) or not isinstance(ranges, list) or not len(quantiles) == len(ranges) > 0:
        raise _refuse(value)
    shares = [_share(quantile) for quantile in quantiles]
    if shares != sorted(set(shares)) or not all(isinstance(pair, list) and len(pair) == 2 for pair in ranges):
        raise _refuse(value)
    for low, high in ranges:  # type: ignore[misc] # each is a list of two, as just checked
        numbers = [_float(bound) for bound in (low, high) if bound is not None]
        if numbers != sorted(numbers):
            raise _refuse(value)
    return {"quantiles": shares, "value_ranges": ranges}


def _one_of(*choices: str) -> Callable[[JsonValue], str]:
    def read(value: JsonValue) -> str:
        if value not in choices:
            raise _refuse(value)
        return str(value)

    return read


Reader = Callable[[JsonValue], Any]
Arguments = Mapping[str, tuple[Reader, Any]]


def _between(bound: Reader) -> Arguments:
    return {
        "min_value": (bound, None),
        "max_value": (bound, None),
        "strict_min": (_flag, False),
        "strict_max": (_flag, False),
    }


_COLUMN: Arguments = {"column": (_text, _REQUIRED)}
_ROWS: Arguments = {**_COLUMN, "mostly": (_share, 1)}
_SET: Arguments = {"value_set": (_value_set, _REQUIRED)}

# Arguments and defaults in the order in which Great Expectations writes them down.
_ARGUMENTS: Mapping[str, Arguments] = {
    "expect_table_row_count_to_be_between": _between(_int),
    "expect_table_row_count_to_equal": {"value": (_int, _REQUIRED)},
    "expect_table_columns_to_match_set": {"column_set": (_names, _REQUIRED), "exact_match": (_flag, True)},
    "expect_table_columns_to_match_ordered_list": {"column_list": (_names, _REQUIRED)},
    "expect_column_to_exist": {**_COLUMN, "column_index": (_int, None)},
    "expect_column_values_to_not_be_null": _ROWS,
    "expect_column_values_to_be_null": _ROWS,
    "expect_column_values_to_be_between": {**_ROWS, **_between(_comparable)},
    "expect_column_values_to_be_in_set": {**_ROWS, **_SET},
    "expect_column_values_to_not_be_in_set": {**_ROWS, **_SET},
    "expect_column_values_to_be_unique": _ROWS,
    "expect_column_value_lengths_to_be_between": {**_ROWS, **_between(_int)},
    "expect_column_values_to_match_regex": {**_ROWS, "regex": (_text, _REQUIRED)},
    "expect_column_values_to_not_match_regex": {**_ROWS, "regex": (_text, _REQUIRED)},
    "expect_compound_columns_to_be_unique": {
        "column_list": (_two_names, _REQUIRED),
        "mostly": (_share, 1),
        "ignore_row_if": (
            _one_of("all_values_are_missing", "any_value_is_missing", "never"),
            "all_values_are_missing",
        ),
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {
        "column_A": (_text, _REQUIRED),
        "column_B": (_text, _REQUIRED),
        "mostly": (_share, 1),
        "or_equal": (_flag, None),
        "ignore_row_if": (
            _one_of("both_values_are_missing", "either_value_is_missing", "neither"),
            "both_values_are_missing",
        ),
    },
    "expect_column_min_to_be_between": {**_COLUMN, **_between(_comparable)},
    "expect_column_max_to_be_between": {**_COLUMN, **_between(_comparable)},
    "expect_column_mean_to_be_between": {**_COLUMN, **_between(_comparable)},
    "expect_column_sum_to_be_between": {**_COLUMN, **_between(_comparable)},
    "expect_column_median_to_be_between": {**_COLUMN, **_between(_comparable)},
    "expect_column_stdev_to_be_between": {**_COLUMN, **_between(_float)},
    "expect_column_unique_value_count_to_be_between": {**_COLUMN, **_between(_int)},
    "expect_column_proportion_of_unique_values_to_be_between": {**_COLUMN, **_between(_float)},
    "expect_column_distinct_values_to_be_in_set": {**_COLUMN, **_SET},
    "expect_column_quantile_values_to_be_between": {**_COLUMN, "quantile_ranges": (_quantile_ranges, _REQUIRED)},
}
# Without a bound these are refused, not true.
_BOUNDED = frozenset({"expect_column_values_to_be_between", "expect_column_value_lengths_to_be_between"})


def read_check(document: JsonValue) -> Check:
    """Read one expectation of a suite.

    Raises:
        NotCompilableError: It is not understood, or may be wrong.
    """
    if not isinstance(document, dict) or not set(document) <= {"type", "kwargs", "severity", "meta", *_TEXT_KEYS}:
        message = "the expectation holds keys that Great Expectations alone reads"
        raise NotCompilableError(message)
    kind, kwargs = document.get("type"), document.get("kwargs")
    if not isinstance(kind, str) or kind not in _ARGUMENTS or not isinstance(kwargs, dict):
        message = f"{str(kind)[:80]} is evaluated by Great Expectations alone"
        raise NotCompilableError(message)
    if not isinstance(document.get("meta", {}), dict) or any(
        not isinstance(document.get(key, ""), str) for key in _TEXT_KEYS
    ):
        raise _refuse(document.get("meta"))
    severity = document.get("severity", Severity.CRITICAL.value)
    if severity not in set(Severity):
        raise _refuse(severity)
    return Check(kind, _read_arguments(kind, kwargs), Severity(severity))


def _read_arguments(kind: str, given: Mapping[str, JsonValue]) -> dict[str, Any]:
    arguments = _ARGUMENTS[kind]
    for name in given:
        if name not in arguments:
            message = f"argument {name[:60]!r} is read by Great Expectations alone"
            raise NotCompilableError(message)
    taken: dict[str, Any] = {}
    for name, (read, default) in arguments.items():
        value = given.get(name)
        if value is None and default is _REQUIRED:
            message = f"argument {name!r} is not given"
            raise NotCompilableError(message)
        if value is None and default is not None and name in given:
            raise _refuse(value)
        if value is not None and (argument := read(value)) != default:
            taken[name] = argument
    _refuse_odd_bounds(kind, taken)
    return taken


def _refuse_odd_bounds(kind: str, arguments: Mapping[str, Any]) -> None:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if kind in _BOUNDED and low is None and high is None:
        message = "neither min_value nor max_value is given"
        raise NotCompilableError(message)
    try:
        upside_down = low is not None and high is not None and low > high
    except TypeError as error:
        raise _refuse([low, high]) from error
    if upside_down or (type(low) is not type(high) and None not in (low, high)):
        raise _refuse([low, high])
