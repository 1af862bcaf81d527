"""Takes JSON apart that may have any shape: what is of another type than it should be counts as not there."""

from collections.abc import Mapping
from typing import Any, TypeGuard

_HUGE = 1e15  # beyond it nothing was counted


def share(value: object) -> float | None:
    """Return a number as a share between 0 and 1."""
    return min(max(float(value), 0.0), 1.0) if is_number(value) else None


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number that may have been measured."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object; an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list; those that are none are left out."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def integer(value: object) -> int | None:
    """Return a count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _HUGE else None
