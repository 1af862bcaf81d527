"""Round numbers along an axis."""

import math


def axis_steps(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round numbers between two bounds, a few of them, ascending.

    Args:
        low: Where the axis begins.
        high: Where it ends, above its beginning.
        most: About how many.

    >>> axis_steps(0, 37.2), axis_steps(-0.012, 0.034)
    ([0.0, 10.0, 20.0, 30.0], [-0.01, 0.0, 0.01, 0.02, 0.03])
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return []
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(-math.floor(math.log10(step)), 0) + 1
    return [round(number * step, digits) + 0.0 for number in range(first, last + 1)]
