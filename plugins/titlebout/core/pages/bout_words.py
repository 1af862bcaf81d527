"""Formats the numbers of a bout."""

import math

_SMALLEST_P = 0.001


def number(value: float | None) -> str:
    """Write an error."""
    return "not known" if value is None or math.isnan(value) else f"{value:.6g}"


def percent(share: float | None) -> str:
    """Write a gain.

    >>> percent(0.0312), percent(-0.5), percent(None)
    ('+3.12 %', '-50.00 %', 'not known')
    """
    return "not known" if share is None or math.isnan(share) else f"{100 * share:+.2f} %"


def probability(p: float) -> str:
    """Write a p value: beyond the third digit it tells nothing.

    >>> probability(0.0), probability(0.0412)
    ('below 0.001', '0.041')
    """
    return f"below {_SMALLEST_P}" if p < _SMALLEST_P else f"{p:.3f}"
