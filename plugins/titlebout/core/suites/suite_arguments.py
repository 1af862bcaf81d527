"""Reads single arguments of expectations exactly as Great Expectations does, or not at all."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from pydantic import JsonValue

from titlebout.core.suites.decoded_column import NotCompilableError

# Whole numbers up to here are the same number as a float.
LARGEST_EXACT = 2**53

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


def refusal(value: object) -> NotCompilableError:
    """Return the error that leaves an argument to Great Expectations."""
    return NotCompilableError(f"argument {str(value)[:60]!r} is read by Great Expectations alone")


def read_float(value: JsonValue) -> float:
    """Take a number that is exact as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST_EXACT:
        raise refusal(value)
    return float(value)


def read_share(value: JsonValue) -> float:
    """Take a number from 0 to 1."""
    share = read_float(value)
    if not 0 <= share <= 1:
        raise refusal(value)
    return share


def read_int(value: JsonValue) -> int:
    """Take a whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= LARGEST_EXACT:
        raise refusal(value)
    return value


def read_flag(value: JsonValue) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise refusal(value)
    return value


def read_text(value: JsonValue) -> str:
    """Take a text."""
    if not isinstance(value, str) or not value:
        raise refusal(value)
    return value


def read_comparable(value: JsonValue) -> float | date | datetime:
    """Take a number, a day or a moment with its offset from UTC."""
    if not isinstance(value, str):
        return read_float(value)
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise refusal(value)


def read_names(value: JsonValue) -> list[str]:
    """Take names of columns."""
    if not isinstance(value, list) or not value:
        raise refusal(value)
    return [read_text(name) for name in value]


def read_two_names(value: JsonValue) -> list[str]:
    """Take two or more names of columns."""
    names = read_names(value)
    if len(names) < 2 or len(set(names)) < len(names):
        raise refusal(value)
    return names


def read_value_set(value: JsonValue) -> list[Any]:
    """Take a set of one type; Great Expectations and pandas mix types by rules of their own."""
    if not isinstance(value, list) or not value:
        raise refusal(value)
    if all(isinstance(item, str) for item in value) or all(isinstance(item, bool) for item in value):
        return value
    for item in value:
        read_float(item)
    return value


def read_quantile_ranges(value: JsonValue) -> dict[str, Any]:
    """Take quantiles, each with the range that it must lie in."""
    if not isinstance(value, dict) or set(value) != {"quantiles", "value_ranges"}:
        raise refusal(value)
    quantiles, ranges = value["quantiles"], value["value_ranges"]
    if not isinstance(quantiles, list) or not isinstance(ranges, list) or not len(quantiles) == len(ranges) > 0:
        raise refusal(value)
    shares = [read_share(quantile) for quantile in quantiles]
    if shares != sorted(set(shares)):
        raise refusal(value)
    for pair in ranges:
        if not isinstance(pair, list) or len(pair) != 2:
            raise refusal(value)
        numbers = [read_float(bound) for bound in pair if bound is not None]
        if numbers != sorted(numbers):
            raise refusal(value)
    return {"quantiles": quantiles, "value_ranges": ranges}


def read_one_of(*choices: str) -> Callable[[JsonValue], str]:
    """Take one of some words."""

    def read(value: JsonValue) -> str:
        if value not in choices:
            raise refusal(value)
        return str(value)

    return read
