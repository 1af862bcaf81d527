"""Draws lines over time as one SVG file that needs nothing else, in light and in dark."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from titlebout.core.pages.axis_steps import axis_steps, named_places

_WIDTH, _HEIGHT = 960, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 56, 34
# Okabe and Ito's colours, told apart by colour-blind readers too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_LEGEND_STEP = 170
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:14px}"
    ".axis{stroke:#8c959f;stroke-width:1}.grid{stroke:#d0d7de;stroke-width:.5}"
    ".mark{stroke:#8c959f;stroke-dasharray:3 3}"
    "path{fill:none;stroke-width:1.8;stroke-linejoin:round}rect.back{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect.back{fill:#0d1117}.grid{stroke:#30363d}}"
)


def line_chart(
    title: str,
    labels: Sequence[str],
    lines: Mapping[str, Sequence[float]],
    *,
    marks: Sequence[int] = (),
) -> str:
    """Draw lines over the same points, from zero up.

    Values must not be negative; one that is not finite breaks the line. `marks` are positions of points that get a
    dashed upright.

    Returns:
        An SVG document.
    """
    top = max((value for line in lines.values() for value in line if math.isfinite(value)), default=0.0) or 1.0
    x = [_LEFT + (_WIDTH - _LEFT - _RIGHT) * n / max(len(labels) - 1, 1) for n in range(len(labels))]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="20">{escape(title)}</text>',
        *_grid(top),
        *_dates(labels, x),
        *(f'<line class="mark" x1="{x[n]:.1f}" x2="{x[n]:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>' for n in marks),
    ]
    for number, (name, values) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<path stroke="{colour}" d="{_path(x, values, top)}"/>')
        at = _LEFT + number * _LEGEND_STEP
        parts.append(f'<rect x="{at}" y="32" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{at + 20}" y="38">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _path(x: Sequence[float], values: Sequence[float], top: float) -> str:
    pen, drawn = "M", []
    for at, value in zip(x, values, strict=True):
        if math.isfinite(value):
            drawn.append(f"{pen}{at:.1f} {_y(value, top):.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(drawn)


def _grid(top: float) -> list[str]:
    parts = []
    for value in axis_steps(0.0, top):
        y = _y(value, top)
        kind = "grid" if value else "axis"
        parts.append(f'<line class="{kind}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    return parts


def _dates(labels: Sequence[str], x: Sequence[float]) -> list[str]:
    """Name at most seven points, the first and the last among them, none beyond the picture's edge."""
    if not labels:
        return []
    return [
        f'<text x="{x[n]:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(labels[n])}</text>'
        for n, _ in named_places(len(labels), 7)
    ]
