"""Draws feature importance and SHAP values as SVG that needs nothing else, in light and in dark."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape

from titlebout.core.errors import bounded
from titlebout.core.insights.explanation import FeatureShare, SwarmFeature
from titlebout.core.pages.axis_steps import axis_steps
from titlebout.core.pages.report_words import visible

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 860, 190, 70, 40, 34, 26
_MAX_LABEL = 26
_MAX_BARS = 20
_BUCKETS = 5
_MISSING = "m"
# All rules are below a class of their own: inside a page they touch nothing else.
_STYLE = (
    ".shap text{font:12px system-ui,sans-serif;fill:#24292f}.shap .title{font-weight:600;font-size:14px}"
    ".shap .quiet{fill:#57606a}.shap .grid{stroke:#d0d7de}.shap .zero{stroke:#57606a;stroke-dasharray:4 3}"
    ".shap .bar{fill:#7fa6d6}.shap .dots{fill:none;stroke-width:5;stroke-linecap:round;opacity:.75}"
    ".shap .v0{stroke:#0072b2}.shap .v1{stroke:#56a0cf}.shap .v2{stroke:#a08fa8}.shap .v3{stroke:#d9773f}"
    ".shap .v4{stroke:#d55e00}.shap .vm{stroke:#8c959f}"
    "@media(prefers-color-scheme:dark){.shap text{fill:#e6edf3}.shap .quiet{fill:#a0a9b4}.shap .grid{stroke:#323a45}"
    ".shap .bar{fill:#46688f}.shap .v0{stroke:#4aa8e8}.shap .v4{stroke:#ff8a3d}}"
)


def importance_svg(features: Sequence[FeatureShare], *, unit: str) -> str:
    """Draw the mean absolute SHAP value of the most important features."""
    shown = features[:_MAX_BARS]
    top = max([each.mean_abs_shap for each in shown], default=0.0) or 1.0
    parts = []
    for number, each in enumerate(shown):
        y = _TOP + number * _ROW
        width = (_WIDTH - _LEFT - _RIGHT) * each.mean_abs_shap / top
        words = f"{each.name}: {each.mean_abs_shap:.4g} {unit}, {each.gain:.1%} of the gain, {each.splits} splits"
        parts.append(_name(each.name, y))
        parts.append(
            f'<rect class="bar" x="{_LEFT}" y="{y + 5}" width="{max(width, 0.5):.1f}" height="16">'
            f"<title>{escape(visible(words))}</title></rect>"
        )
        parts.append(f'<text class="quiet" x="{_LEFT + width + 6:.1f}" y="{y + 17}">{each.mean_abs_shap:.3g}</text>')
    hidden = len(features) - len(shown)
    title = f"Mean absolute SHAP value ({unit})" + (f", {hidden} less important features left out" if hidden else "")
    return _document(title, parts, _TOP + len(shown) * _ROW + 10)


def swarm_svg(features: Sequence[SwarmFeature], *, unit: str) -> str:
    """Draw what each feature adds to the scores of single rows, coloured by the feature's own value."""
    values = [value for each in features for value in each.shap] or [0.0]
    low, high = min(*values, 0.0, -1e-9), max(*values, 0.0, 1e-9)

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 20) * (value - low) / (high - low)

    bottom = _TOP + len(features) * _ROW
    parts = []
    for value in axis_steps(low, high):
        kind = "grid" if value else "zero"
        parts.append(f'<line class="{kind}" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for number, each in enumerate(features):
        y = _TOP + number * _ROW
        parts.append(_name(each.name, y))
        parts += _dots(each, [x(value) for value in each.shap], y + _ROW / 2)
    parts.append(_legend(bottom + 30))
    return _document(f"What each feature adds to the score of a row ({unit})", parts, bottom + _BOTTOM + 6)


def _dots(feature: SwarmFeature, places: Sequence[float], middle: float) -> list[str]:
    """Set dots that would lie on each other apart, upwards and downwards in turn."""
    taken: dict[int, int] = defaultdict(int)
    paths: dict[str, list[str]] = defaultdict(list)
    for place, rank in zip(places, feature.rank, strict=True):
        at = round(place / 4)
        step = taken[at]
        taken[at] += 1
        offset = min((step + 1) // 2 * 2.2, _ROW / 2 - 3) * (1 if step % 2 else -1)
        bucket = _MISSING if rank < 0 else str(min(int(rank * _BUCKETS), _BUCKETS - 1))
        paths[bucket].append(f"M{place:.1f} {middle + offset:.1f}h0")
    return [f'<path class="dots v{bucket}" d="{"".join(drawn)}"/>' for bucket, drawn in sorted(paths.items())]


def _legend(y: float) -> str:
    dots = "".join(f'<path class="dots v{n}" d="M{_LEFT + 90 + 9 * n} {y - 4}h0"/>' for n in range(_BUCKETS))
    return (
        f'<text class="quiet" x="{_LEFT - 10}" y="{y}">smallest value</text>{dots}'
        f'<text class="quiet" x="{_LEFT + 140}" y="{y}">largest</text>'
        f'<path class="dots vm" d="M{_LEFT + 200} {y - 4}h0"/>'
        f'<text class="quiet" x="{_LEFT + 208}" y="{y}">missing</text>'
    )


def _name(name: str, y: float) -> str:
    return (
        f'<text x="{_LEFT - 12}" y="{y + 17:g}" text-anchor="end">{escape(visible(bounded(name, _MAX_LABEL)))}</text>'
    )


def _document(title: str, parts: Sequence[str], height: float) -> str:
    said = escape(visible(title))
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="shap" viewBox="0 0 {_WIDTH} {height:g}" role="img">',
            f"<title>{said}</title><style>{_STYLE}</style>",
            f'<text class="title" x="0" y="20">{said}</text>',
            *parts,
            "</svg>",
        ]
    )
