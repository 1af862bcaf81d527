"""Lays out a column of the newest partitions beside its reference; a template draws it as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from titlebout.core.drift_accounts.drift_account import DistributionAccount, ShareAccount
from titlebout.core.errors import bounded
from titlebout.core.pages.axis_steps import label_place, named_places

WIDTH = 440
_LEFT, _RIGHT, _TOP, _HEIGHT, _BOTTOM = 8, 8, 10, 150, 22
_NAME_ROOM, _SHARE_ROOM, _ROW, _BAR = 130, 58, 26, 9
_MAX_LABEL = 20
_NAMED_BINS = 3


@dataclass(frozen=True)
class ShareBar:
    """One bin: where its bars begin, and how long they are; numbers stand upright, names lie."""

    x: float
    y: float
    width: float
    height: float
    style: str
    words: str


@dataclass(frozen=True)
class ShareChart:
    """What is to be drawn.

    Attributes:
        outline: Path of the reference, where bins are intervals.
        labels: Position, text, anchor and words of names.
    """

    bars: tuple[ShareBar, ...]
    outline: str
    labels: tuple[tuple[float, float, str, str], ...]
    height: int
    width: int = WIDTH


def share_chart(account: DistributionAccount) -> ShareChart | None:
    """Lay a distribution out; None where neither side has a value."""
    top = max((max(each.reference, each.newest) for each in account.bins), default=0.0)
    if not top > 0:
        return None
    return _upright(account.bins, top) if account.is_numeric else _lying(account.bins, top)


def _words(each: ShareAccount) -> str:
    return f"{each.name}: reference {100 * each.reference:.3g} %, newest {100 * each.newest:.3g} %"


def _upright(bins: Sequence[ShareAccount], top: float) -> ShareChart:
    step = (WIDTH - _LEFT - _RIGHT) / len(bins)
    bottom = _HEIGHT - _BOTTOM

    def y(share: float) -> float:
        return round(bottom - (bottom - _TOP) * share / top, 2)

    bars, outline = [], f"M{_LEFT} {bottom}"
    for number, each in enumerate(bins):
        x = round(_LEFT + number * step, 2)
        bars.append(ShareBar(x, y(each.newest), round(step * 0.92, 2), round(bottom - y(each.newest), 2), "newest", ""))
        outline += f"V{y(each.reference)}H{round(x + step, 2)}"
        # Over both, as high as the picture: the words of a bin that is empty have to be found, too.
        bars.append(ShareBar(x, _TOP, round(step, 2), bottom - _TOP, "over", _words(each)))
    labels = [_bin_label(n, bins, step, anchor) for n, anchor in named_places(len(bins), _NAMED_BINS)]
    return ShareChart(tuple(bars), f"{outline}V{bottom}", tuple(labels), _HEIGHT)


def _bin_label(n: int, bins: Sequence[ShareAccount], step: float, anchor: str) -> tuple[float, float, str, str]:
    low, _, high = bins[n].name.partition(" to ")
    text = high if n == len(bins) - 1 and high else low
    return round(_LEFT + label_place(n, step, anchor), 1), _HEIGHT - 6, text, anchor


def _lying(bins: Sequence[ShareAccount], top: float) -> ShareChart:
    room = WIDTH - _NAME_ROOM - _SHARE_ROOM
    bars: list[ShareBar] = []
    labels: list[tuple[float, float, str, str]] = []
    for number, each in enumerate(bins):
        y = _TOP + number * _ROW
        name = bounded(each.name, _MAX_LABEL)
        labels.append((_NAME_ROOM - 8, y + 13, name or "(empty text)", "end"))
        for offset, style, share in ((0, "reference", each.reference), (_BAR + 1, "newest", each.newest)):
            width = round(max(room * share / top, 0.5), 2)
            bars.append(ShareBar(_NAME_ROOM, y + offset, width, _BAR, style, _words(each)))
        labels.append((WIDTH - 4, y + 13, f"{100 * each.newest:.1f} %", "end"))
    return ShareChart(tuple(bars), "", tuple(labels), _TOP + _ROW * len(bins) + 4)
