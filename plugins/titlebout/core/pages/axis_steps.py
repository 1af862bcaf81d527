"""Tick positions of an axis, and which of many labels are shown."""

import math


def axis_steps(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round numbers between two bounds, a few of them, ascending.

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


def named_places(count: int, most: int) -> list[tuple[int, str]]:
    """Choose places from all over an axis, the first and the last among them, each with the anchor of its text.

    >>> named_places(10, 4), named_places(1, 6)
    ([(0, 'start'), (3, 'middle'), (6, 'middle'), (9, 'end')], [(0, 'middle')])
    """
    last = count - 1
    anchors = {0: "start", last: "end"} if last else {}
    return [(n, anchors.get(n, "middle")) for n in sorted({round(n * last / (most - 1)) for n in range(most)})]


def label_place(n: int, step: float, anchor: str) -> float:
    """Return where the text of a bar or cell stands from the first one's left edge: at its edge, or in its middle."""
    return n * step + {"start": 0.0, "middle": step / 2, "end": step}[anchor]
