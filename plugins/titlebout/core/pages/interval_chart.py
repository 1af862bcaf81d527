"""Lays out gains with their intervals, one below the other; a template draws them as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from titlebout.core.errors import bounded
from titlebout.core.pages.axis_steps import axis_steps

WIDTH = 860
_LEFT, _RIGHT, _TOP, _BOTTOM, _STEP = 190, 60, 10, 26, 26
_MAX_LABEL = 28
_WIDEST = 4.0  # a loss of more than four times the opponent's error is drawn as an arrow to the edge


@dataclass(frozen=True)
class Interval:
    """A gain and its bounds as shares of the opponent's error; larger is better. A bound that is None is not known.

    Attributes:
        style: Looks of the row: `held`, `broken`, `undecided` or `shown`.
        asked: The bound must reach this; None where nothing is asked.
    """

    name: str
    gain: float
    low: float | None = None
    high: float | None = None
    style: str = "shown"
    asked: float | None = None


@dataclass(frozen=True)
class IntervalRow:
    """One interval, in the units of the picture."""

    name: str
    label: str
    y: float
    x: float
    x_low: float
    x_high: float
    x_asked: float | None
    style: str
    words: str
    text: str


@dataclass(frozen=True)
class IntervalChart:
    """What is to be drawn.

    Attributes:
        ticks: Position and text of the uprights.
        zero: Position of no gain at all.
    """

    rows: tuple[IntervalRow, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float
    height: int
    width: int = WIDTH
    top: int = _TOP
    left: int = _LEFT


def interval_chart(intervals: Sequence[Interval]) -> IntervalChart | None:
    """Lay out intervals over one axis; None where no gain is a finite number."""
    known = [each for each in intervals if math.isfinite(each.gain)]
    if not known:
        return None
    edges = [bound for each in known for bound in (each.gain, each.low, each.high, each.asked) if bound is not None]
    low = max(min([0.0, *(bound for bound in edges if math.isfinite(bound))]), -_WIDEST)
    high = min(max([0.01, *(bound for bound in edges if math.isfinite(bound))]), 1.0)
    margin = 0.04 * (high - low)
    low, high = low - margin, high + margin
    height = _TOP + _STEP * len(known) + _BOTTOM

    def x(value: float) -> float:
        inside = min(max(value, low), high)  # also infinity
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (inside - low) / (high - low), 2)

    rows = [
        IntervalRow(
            name=each.name,
            label=bounded(each.name, _MAX_LABEL),
            y=_TOP + _STEP * (number + 0.5),
            x=x(each.gain),
            x_low=x(_or_gain(each.low, each)),
            x_high=x(_or_gain(each.high, each)),
            x_asked=None if each.asked is None else x(each.asked),
            style=each.style,
            words=_words(each),
            text=f"{each.gain:+.1%}",
        )
        for number, each in enumerate(known)
    ]
    ticks = tuple((x(value), _percent(value)) for value in axis_steps(low, high))
    return IntervalChart(tuple(rows), ticks, x(0.0), height)


def _or_gain(bound: float | None, each: Interval) -> float:
    return each.gain if bound is None or math.isnan(bound) else bound


def _percent(share: float) -> str:
    return f"{100 * share:+.3g} %" if share else "0"


def _words(each: Interval) -> str:
    bounds = " to ".join(f"{bound:+.2%}" for bound in (each.low, each.high) if bound is not None)
    asked = "" if each.asked is None else f", asked {each.asked:+.2%}"
    return f"{each.name}: gain {each.gain:+.2%}" + (f", bounds {bounds}" if bounds else "") + asked
