"""Bounded JSON from whatever a library hands back: numpy and pandas scalars, dates, NaN, long lists."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, time

from pydantic import JsonValue

from titlebout.core.errors import bounded

MAX_ITEMS = 20
MAX_TEXT_CHARACTERS = 200

# pandas says "no value" with two objects of its own; this module must not import pandas to compare.
_MISSING_TYPES = frozenset({"NAType", "NaTType"})


def plain(value: object) -> JsonValue:
    """Turn a value into JSON of bounded size; what holds no value, NaN included, becomes None.

    >>> plain({"mean": float("nan"), "low": float("-inf"), "day": date(2012, 6, 1), "rows": (1, 2.5)})
    {'mean': None, 'low': '-Infinity', 'day': '2012-06-01', 'rows': [1, 2.5]}
    """
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return None
    to_python = getattr(value, "tolist", None)  # numpy: a scalar gives a number, an array a list
    if to_python is not None:
        return plain(to_python())
    if isinstance(value, bool | int | float):
        return _plain_number(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(value[key]) for key in list(value)[:MAX_ITEMS]}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        listed = sorted(value, key=repr) if isinstance(value, set | frozenset) else list(value)
        return [plain(item) for item in listed[:MAX_ITEMS]]
    return bounded(value.isoformat() if isinstance(value, date | time) else str(value), MAX_TEXT_CHARACTERS)


def _plain_number(value: float) -> JsonValue:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):  # spelt as pydantic spells it in results
        return "Infinity" if value > 0 else "-Infinity"
    return value
