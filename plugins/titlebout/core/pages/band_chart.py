"""A line within the band of its interval as numbers to draw; a page turns them into SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from titlebout.core.pages.axis_steps import axis_steps

WIDTH, HEIGHT = 860, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 16, 12, 40


@dataclass(frozen=True)
class BandPoint:
    """A point of the line, in its own units."""

    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class BandChart:
    """What is to be drawn.

    Attributes:
        band: Path around the interval.
        line: Path of the line.
        dots: Position and words of points to be pointed at.
        zero: Height of nothing at all.
        x_ticks: Position and text.
        y_ticks: Height and text.
    """

    band: str
    line: str
    dots: tuple[tuple[float, float, str], ...]
    zero: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = _BOTTOM


def band_chart(points: Sequence[BandPoint]) -> BandChart | None:
    """Lay a line and its band out, with zero in the picture; None with less than two points to draw."""
    known = [each for each in points if all(map(math.isfinite, (each.x, each.y, each.low, each.high)))]
    if len(known) < 2 or known[0].x >= known[-1].x:
        return None
    first, last = known[0].x, known[-1].x
    bottom, top = min(0.0, *(each.low for each in known)), max(0.0, *(each.high for each in known))
    margin = 0.05 * (top - bottom or 1.0)
    bottom, top = bottom - margin, top + margin

    def x(value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (value - first) / (last - first), 2)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - bottom) / (top - bottom), 2)

    around = [(x(each.x), y(each.high)) for each in known] + [(x(each.x), y(each.low)) for each in reversed(known)]
    return BandChart(
        band=f"{_path(around)}Z",
        line=_path([(x(each.x), y(each.y)) for each in known]),
        dots=tuple((x(each.x), y(each.y), each.words) for each in known),
        zero=y(0.0),
        x_ticks=tuple((x(value), f"{value:,.0f}") for value in axis_steps(first, last, most=8)),
        y_ticks=tuple((y(value), f"{value:g}") for value in axis_steps(bottom, top)),
    )


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in places)
