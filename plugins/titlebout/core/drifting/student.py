"""Tail probability and quantile of Student's t distribution."""

import math

_MOST_STEPS = 500
_EXACT_ENOUGH = 1e-13
_TINY = 1e-300


def two_sided_tail(t: float, degrees: float) -> float:
    """Return the probability that Student's t is at least so far from 0.

    Source: W. Press, S. Teukolsky, W. Vetterling, B. Flannery, Numerical Recipes, 3rd edition (2007), 6.4: the
    incomplete beta function by Lentz's continued fraction.

    Args:
        t: The statistic.
        degrees: Of freedom, above 0; they need not be whole.

    >>> round(two_sided_tail(2.776, 4), 3)
    0.05
    """
    if math.isnan(t):
        return 1.0
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def two_sided_quantile(level: float, degrees: float) -> float:
    """Return the t that is exceeded, on either side, with a probability.

    >>> round(two_sided_quantile(0.05, 4), 3)
    2.776
    """
    low, high = 0.0, 1.0
    while two_sided_tail(high, degrees) > level and high < 1e12:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided_tail(middle, degrees) > level else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    if x < (a + 1) / (a + b + 2):
        return math.exp(front) * _fraction(a, b, x) / a
    return 1 - math.exp(front) * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for step in range(1, _MOST_STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for factor in (even, odd):
            d = 1 / _away_from_zero(1 + factor * d)
            c = _away_from_zero(1 + factor / c)
            value *= c * d
        if abs(c * d - 1) < _EXACT_ENOUGH:
            break
    return value


def _away_from_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
