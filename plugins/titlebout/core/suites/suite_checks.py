"""Reads the expectations of a suite, as far as they are understood without Great Expectations.

What this module does not take in exactly as Great Expectations would, to the last default and type, it
refuses with `NotCompilableError`: then Great Expectations itself has the word.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from titlebout.core.results import Severity
from titlebout.core.suites.decoded_column import NotCompilableError
from titlebout.core.suites.suite_arguments import (
    read_comparable,
    read_flag,
    read_float,
    read_int,
    read_names,
    read_one_of,
    read_quantile_ranges,
    read_share,
    read_text,
    read_two_names,
    read_value_set,
    refusal,
)

_TEXT_KEYS = frozenset({"notes", "description"})
_REQUIRED = object()


@dataclass(frozen=True)
class Check:
    """One expectation, understood.

    Attributes:
        kwargs: Its arguments without those that have their default, in the order of Great Expectations.
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


Reader = Callable[[JsonValue], Any]
Arguments = Mapping[str, tuple[Reader, Any]]


def _between(bound: Reader) -> Arguments:
    return {
        "min_value": (bound, None),
        "max_value": (bound, None),
        "strict_min": (read_flag, False),
        "strict_max": (read_flag, False),
    }


_COLUMN: Arguments = {"column": (read_text, _REQUIRED)}
_ROWS: Arguments = {**_COLUMN, "mostly": (read_share, 1)}
_SET: Arguments = {"value_set": (read_value_set, _REQUIRED)}

# Arguments and defaults in the order in which Great Expectations writes them down.
_ARGUMENTS: Mapping[str, Arguments] = {
    "expect_table_row_count_to_be_between": _between(read_int),
    "expect_table_row_count_to_equal": {"value": (read_int, _REQUIRED)},
    "expect_table_columns_to_match_set": {"column_set": (read_names, _REQUIRED), "exact_match": (read_flag, True)},
    "expect_table_columns_to_match_ordered_list": {"column_list": (read_names, _REQUIRED)},
    "expect_column_to_exist": {**_COLUMN, "column_index": (read_int, None)},
    "expect_column_values_to_not_be_null": _ROWS,
    "expect_column_values_to_be_null": _ROWS,
    "expect_column_values_to_be_between": {**_ROWS, **_between(read_comparable)},
    "expect_column_values_to_be_in_set": {**_ROWS, **_SET},
    "expect_column_values_to_not_be_in_set": {**_ROWS, **_SET},
    "expect_column_values_to_be_unique": _ROWS,
    "expect_column_value_lengths_to_be_between": {**_ROWS, **_between(read_int)},
    "expect_column_values_to_match_regex": {**_ROWS, "regex": (read_text, _REQUIRED)},
    "expect_column_values_to_not_match_regex": {**_ROWS, "regex": (read_text, _REQUIRED)},
    "expect_compound_columns_to_be_unique": {
        "column_list": (read_two_names, _REQUIRED),
        "mostly": (read_share, 1),
        "ignore_row_if": (
            read_one_of("all_values_are_missing", "any_value_is_missing", "never"),
            "all_values_are_missing",
        ),
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {
        "column_A": (read_text, _REQUIRED),
        "column_B": (read_text, _REQUIRED),
        "mostly": (read_share, 1),
        "or_equal": (read_flag, None),
        "ignore_row_if": (
            read_one_of("both_values_are_missing", "either_value_is_missing", "neither"),
            "both_values_are_missing",
        ),
    },
    "expect_column_min_to_be_between": {**_COLUMN, **_between(read_comparable)},
    "expect_column_max_to_be_between": {**_COLUMN, **_between(read_comparable)},
    "expect_column_mean_to_be_between": {**_COLUMN, **_between(read_comparable)},
    "expect_column_sum_to_be_between": {**_COLUMN, **_between(read_comparable)},
    "expect_column_median_to_be_between": {**_COLUMN, **_between(read_comparable)},
    "expect_column_stdev_to_be_between": {**_COLUMN, **_between(read_float)},
    "expect_column_unique_value_count_to_be_between": {**_COLUMN, **_between(read_int)},
    "expect_column_proportion_of_unique_values_to_be_between": {**_COLUMN, **_between(read_float)},
    "expect_column_distinct_values_to_be_in_set": {**_COLUMN, **_SET},
    "expect_column_quantile_values_to_be_between": {**_COLUMN, "quantile_ranges": (read_quantile_ranges, _REQUIRED)},
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
        raise refusal(document.get("meta"))
    severity = document.get("severity", Severity.CRITICAL.value)
    if severity not in set(Severity):
        raise refusal(severity)
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
            raise refusal(value)
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
        raise refusal([low, high]) from error
    if upside_down or (type(low) is not type(high) and None not in (low, high)):
        raise refusal([low, high])
