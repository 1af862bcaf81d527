"""Lays out a bar chart of rows per day; a template draws it as SVG."""

from collections.abc import Mapping
from dataclasses import dataclass

from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.pages.axis_steps import axis_steps, named_places
from titlebout.core.partitions import calendar_of, keys_between
from titlebout.core.results import PartitionKey

WIDTH, HEIGHT = 860, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 8, 26
_MARGIN_DAYS_AFTER = 14
_GAP = 0.25  # of the room of a bar


@dataclass(frozen=True)
class DayRows:
    """Rows of one day that came in."""

    rows: int
    status: PartitionStatus


@dataclass(frozen=True)
class Bar:
    """One day. Lengths are in the units of the picture."""

    key: PartitionKey
    x: float
    y: float
    width: float
    height: float
    rows: int
    status: str
    is_shown: bool


@dataclass(frozen=True)
class DayChart:
    """What is to be drawn.

    Attributes:
        bars: One for each day that came in; days without one stay empty.
        ticks: Height and text of the lines across.
        dates: Position, text and anchor of the days that are named.
        band: Top and height of the usual range.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    dates: tuple[tuple[float, str, str], ...]
    band: tuple[float, float] | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT

    @property
    def statuses(self) -> frozenset[str]:
        """Statuses that some bar has."""
        return frozenset(bar.status for bar in self.bars)


def day_chart(
    days: Mapping[PartitionKey, DayRows],
    *,
    last: PartitionKey,
    shown: PartitionKey | None = None,
    length: int = 60,
    usual: tuple[float, float] | None = None,
) -> DayChart | None:
    """Lay out the rows of the days around one day; None where there is nothing to compare."""
    calendar = calendar_of(last)
    end = calendar.number(last)
    of_this_cadence = [calendar.number(key) for key in days if calendar_of(key) == calendar]
    first = max(end - length + 1, min(of_this_cadence, default=end))
    keys = [*keys_between(calendar.key(min(first, end)), last)]
    present = [key for key in keys if key in days]
    if len(present) < 2:
        return None
    top = float(max(*(days[key].rows for key in present), usual[1] if usual else 0, 1)) * 1.05
    step = (WIDTH - _LEFT - _RIGHT) / len(keys)
    bars = [_bar(key, _LEFT + n * step, step, top, days[key], shown) for n, key in enumerate(keys) if key in days]
    low_high = (_y(min(usual[1], top), top), _y(max(usual[0], 0.0), top)) if usual else None
    return DayChart(
        bars=tuple(bars),
        ticks=tuple((_y(value, top), f"{value:,.0f}") for value in axis_steps(0.0, top) if value.is_integer()),
        dates=tuple((round(_LEFT + (n + 0.5) * step, 1), keys[n], anchor) for n, anchor in named_places(len(keys), 6)),
        band=(low_high[0], low_high[1] - low_high[0]) if low_high else None,
    )


def last_of(days: Mapping[PartitionKey, DayRows], shown: PartitionKey) -> PartitionKey:
    """Return where a picture around a day ends: some days after it, if there are any."""
    calendar = calendar_of(shown)
    limit = calendar.number(shown) + _MARGIN_DAYS_AFTER
    alike = (key for key in days if calendar_of(key) == calendar)
    return max((key for key in alike if calendar.number(key) <= limit), default=shown)


def _bar(key: PartitionKey, x: float, step: float, top: float, day: DayRows, shown: PartitionKey | None) -> Bar:
    y = _y(float(day.rows), top)
    height = max(_y(0.0, top) - y, 1.5)  # one row among thousands is still a bar
    return Bar(
        key=key,
        x=round(x + step * _GAP / 2, 2),
        y=round(_y(0.0, top) - height, 2),
        width=round(step * (1 - _GAP), 2),
        height=round(height, 2),
        rows=day.rows,
        status=day.status.value,
        is_shown=key == shown,
    )


def _y(rows: float, top: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * rows / top, 2)
