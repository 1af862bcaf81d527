"""Lays out curves over two axes: errors over time, reliability, gains. A template draws them as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from titlebout.core.pages.axis_steps import axis_steps, named_places

_WIDTH = 860
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 40
_NAMED_POINTS = 6
_PHONE = 600


@dataclass(frozen=True)
class Point:
    """A point of a curve, in the curve's own units; a y that is no finite number breaks the curve."""

    x: float
    y: float
    words: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Dot:
    """A point, in the units of the picture."""

    x: float
    y: float
    words: str
    y_low: float | None
    y_high: float | None


@dataclass(frozen=True)
class Curve:
    """One curve: its name is its looks, too."""

    name: str
    path: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class CurveChart:
    """What is to be drawn.

    Attributes:
        curves: In the order in which they are drawn.
        x_ticks: Position, text and anchor.
        y_ticks: Height and text.
        diagonal: Path of the line where y equals x, or is zero; empty where it means nothing.
        marks: Position and words of uprights: something happened there.
        band: Path around the interval of a single curve; empty where intervals are whiskers.
    """

    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_name: str
    width: int
    height: int
    diagonal: str = ""
    marks: tuple[tuple[float, str], ...] = ()
    band: str = ""
    left: int = _LEFT
    bottom: int = _BOTTOM

    @property
    def is_small(self) -> bool:
        """Whether it fits on a phone as it is."""
        return self.width < _PHONE

    @property
    def right(self) -> int:
        """Where the lines across end."""
        return self.width - _RIGHT


def labelled_curves(
    labels: Sequence[str],
    lines: Mapping[str, Sequence[Point]],
    *,
    marks: Mapping[int, str] | None = None,
    x_name: str = "",
    has_zero: bool = True,
) -> CurveChart | None:
    """Lay out curves over places that have names; None without a finite number.

    Args:
        labels: Names of the places, shape (n,), from left to right.
        lines: Name of the curve to its points, whose x is the number of a place.
        marks: Number of a place to what happened there.
        x_name: Of the axis.
        has_zero: Zero is in the picture. What lies far from zero would be a flat line then.
    """
    heights = [
        bound
        for line in lines.values()
        for point in line
        for bound in (point.y, point.low, point.high)
        if bound is not None and math.isfinite(bound)
    ]
    if not heights or len(labels) < 2:
        return None
    last = len(labels) - 1
    low, high = _y_range(heights, has_zero=has_zero)
    frame = _Frame((0.0, float(last)), (low, high), _WIDTH, 230)
    x_ticks = tuple((frame.x(n), labels[n], anchor) for n, anchor in named_places(len(labels), _NAMED_POINTS))
    zero = f"M{frame.x(0)} {frame.y(0)}H{frame.x(last)}" if low < 0 < high else ""
    chart = _chart(frame, lines, x_ticks, x_name=x_name, diagonal=zero)
    return replace(chart, marks=tuple((frame.x(n), words) for n, words in sorted((marks or {}).items())))


def _y_range(heights: Sequence[float], *, has_zero: bool) -> tuple[float, float]:
    if has_zero:
        return min(0.0, *heights) * 1.08, max(*heights, 1e-12) * 1.08
    low, high = min(heights), max(heights)
    margin = 0.08 * (high - low) or 0.08 * abs(low) or 1.0
    return low - margin, high + margin


def step_curves(steps: Sequence[int], lines: Mapping[str, Sequence[float]], *, unit: str) -> CurveChart | None:
    """Lay out errors over rounds of training, from zero up; None where there is no curve.

    NaN leaves a gap.
    """
    values = [value for line in lines.values() for value in line if math.isfinite(value)]
    if not values or len(steps) < 2:
        return None
    curves = {
        name: [
            Point(step, value, f"{name}, {step} rounds: {value:.6g} {unit}")
            for step, value in zip(steps, line, strict=True)
        ]
        for name, line in lines.items()
    }
    frame = _Frame((float(steps[0]), float(steps[-1])), (0.0, max(*values, 1e-12) * 1.08), _WIDTH, 230)
    ticks = axis_steps(*frame.x_range, most=8)
    return _chart(frame, curves, tuple((frame.x(at), f"{at:g}", "middle") for at in ticks), x_name="rounds")


def reliability_curves(bins: Mapping[str, Sequence[Point]]) -> CurveChart | None:
    """Lay out observed shares over predicted probabilities; None where there are none.

    Both axes reach as far as the largest number: of rare events all probabilities are small.
    """
    points = [point for each in bins.values() for point in each]
    if not points:
        return None
    top = min(max(max(point.x, point.y, point.high or 0.0) for point in points) * 1.05, 1.0) or 1.0
    frame = _Frame((0.0, top), (0.0, top), 430, 380)
    x_ticks = tuple((frame.x(value), f"{value:g}", "middle") for value in axis_steps(0.0, top))
    diagonal = f"M{frame.x(0.0)} {frame.y(0.0)}L{frame.x(top)} {frame.y(top)}"
    return _chart(frame, bins, x_ticks, x_name="predicted probability", diagonal=diagonal)


def band_curve(line: Sequence[Point], low: Sequence[float], high: Sequence[float], *, x_name: str) -> CurveChart | None:
    """Lay out a line within the band of its interval, with zero in the picture; None with less than two places.

    Args:
        line: Points of finite numbers, shape (n,), from left to right.
        low: Lower bounds, shape (n,).
        high: Upper bounds, shape (n,).
        x_name: Of the axis.
    """
    if len(line) < 2 or line[0].x >= line[-1].x:
        return None
    bottom, top = min(0.0, *low), max(0.0, *high)
    margin = 0.05 * (top - bottom or 1.0)
    frame = _Frame((line[0].x, line[-1].x), (bottom - margin, top + margin), _WIDTH, 280)
    above = [f"{frame.x(each.x)} {frame.y(bound)}" for each, bound in zip(line, high, strict=True)]
    below = [f"{frame.x(each.x)} {frame.y(bound)}" for each, bound in zip(line, low, strict=True)]
    ticks = tuple((frame.x(at), f"{at:,.0f}", "middle") for at in axis_steps(*frame.x_range, most=8))
    zero = f"M{frame.x(line[0].x)} {frame.y(0.0)}H{frame.x(line[-1].x)}"
    chart = _chart(frame, {"challenger": line}, ticks, x_name=x_name, diagonal=zero)
    return replace(chart, band=f"M{'L'.join([*above, *reversed(below)])}Z")


@dataclass(frozen=True)
class _Frame:
    """Turns units of the axes into those of the picture."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int
    height: int

    def x(self, value: float) -> float:
        low, high = self.x_range
        return round(_LEFT + (self.width - _LEFT - _RIGHT) * (value - low) / (high - low), 2)

    def y(self, value: float) -> float:
        low, high = self.y_range
        share = (min(max(value, low), high) - low) / (high - low)
        return round(self.height - _BOTTOM - (self.height - _TOP - _BOTTOM) * share, 2)


def _chart(
    frame: _Frame,
    curves: Mapping[str, Sequence[Point]],
    x_ticks: tuple[tuple[float, str, str], ...],
    *,
    x_name: str,
    diagonal: str = "",
) -> CurveChart:
    return CurveChart(
        curves=tuple(_curve(frame, name, points) for name, points in curves.items()),
        x_ticks=x_ticks,
        y_ticks=tuple((frame.y(value), f"{value:g}") for value in axis_steps(*frame.y_range)),
        x_name=x_name,
        width=frame.width,
        height=frame.height,
        diagonal=diagonal,
    )


def _curve(frame: _Frame, name: str, points: Sequence[Point]) -> Curve:
    pen, drawn, dots = "M", [], []
    for point in points:
        if not math.isfinite(point.y):
            pen = "M"
            continue
        x, y = frame.x(point.x), frame.y(point.y)
        drawn.append(f"{pen}{x} {y}")
        pen = "L"
        low, high = (None if bound is None else frame.y(bound) for bound in (point.low, point.high))
        dots.append(Dot(x, y, point.words, low, high))
    return Curve(name, "".join(drawn), tuple(dots))
