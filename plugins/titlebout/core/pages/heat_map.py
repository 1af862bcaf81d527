"""Lays out a heat map of how much each column changed on each day; a template draws it as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from titlebout.core.drift_accounts.drift_account import ColumnAccount, DayAccount, EventAccount
from titlebout.core.errors import bounded
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.pages.axis_steps import label_place, named_places

WIDTH = 944
_LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 176, 8, 40, 26, 20
_MAX_LABEL = 26
_NAMED_DAYS = 6
_WIDEST_CELL = 46.0
# Parts of the limit at which a cell becomes darker; from the limit on it changes colour and shows its number.
_STEPS = (0.25, 0.5, 0.75, 1.0, 1.5, 3.0)
_LARGEST_SHOWN = 99
_LETTERS: Mapping[str, str] = {
    PartitionStatus.QUARANTINED: "Q",
    PartitionStatus.DISCARDED: "D",
    PartitionStatus.INGESTED: "?",
}
_OUT: Mapping[str, str] = {
    PartitionStatus.QUARANTINED: "in quarantine: broken data is never drift",
    PartitionStatus.DISCARDED: "discarded",
    PartitionStatus.INGESTED: "not validated yet",
}


@dataclass(frozen=True)
class HeatCell:
    """One column on one day; the text is empty below the limit."""

    x: float
    style: str
    text: str
    words: str


@dataclass(frozen=True)
class HeatRow:
    """One column."""

    name: str
    label: str
    y: int
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatDay:
    """One day at the head of the map.

    Attributes:
        style: `trained`, `looked`, `newer` or the status of a day that was not judged.
        letter: Why it was not judged; empty where it was, or where nothing came in.
        events: What happened, in words; empty where nothing did.
    """

    x: float
    style: str
    letter: str
    words: str
    events: str = ""


@dataclass(frozen=True)
class HeatMap:
    """What is to be drawn.

    Attributes:
        dates: Position, text and anchor of the days that are named.
        cell: Width of a cell.
    """

    rows: tuple[HeatRow, ...]
    days: tuple[HeatDay, ...]
    dates: tuple[tuple[float, str, str], ...]
    cell: float
    height: int
    width: int = WIDTH
    left: int = _LEFT
    top: int = _TOP
    row: int = _ROW

    @property
    def styles(self) -> frozenset[str]:
        """Looks that some day has, for the key."""
        has_events = any(day.events for day in self.days)
        return frozenset([*(day.style for day in self.days), *(["event"] if has_events else [])])


def heat_map(
    days: Sequence[DayAccount], columns: Sequence[ColumnAccount], events: Sequence[EventAccount] = ()
) -> HeatMap | None:
    """Lay the columns out over the days; None where nothing was judged."""
    judged = [column for column in columns if column.changes]
    if not days or not judged:
        return None
    step = min((WIDTH - _LEFT - _RIGHT) / len(days), _WIDEST_CELL)
    at = {day.partition: round(_LEFT + number * step, 2) for number, day in enumerate(days)}
    rows = [
        HeatRow(
            name=column.name,
            label=bounded(column.name, _MAX_LABEL),
            y=_TOP + _ROW * number,
            cells=tuple(_cell(column, key, at[key]) for key in at if key in column.changes),
        )
        for number, column in enumerate(judged)
    ]
    happened: dict[str, list[str]] = {}
    for event in events:
        happened.setdefault(event.partition, []).append(event.words)
    return HeatMap(
        rows=tuple(rows),
        days=tuple(_day(day, at[day.partition], happened.get(day.partition, [])) for day in days),
        dates=tuple(
            (round(_LEFT + label_place(n, step, anchor), 1), days[n].partition, anchor)
            for n, anchor in named_places(len(days), _NAMED_DAYS)
        ),
        cell=round(step, 2),
        height=_TOP + _ROW * len(rows) + _BOTTOM,
    )


def heat_style(excess: float) -> str:
    """Name the looks of a cell: `heat0` to `heat3` below the limit, `heat4` to `heat6` above it.

    >>> heat_style(0.1), heat_style(1.0), heat_style(1.01), heat_style(40)
    ('heat0', 'heat3', 'heat4', 'heat6')
    """
    return f"heat{sum(excess > step for step in _STEPS)}"


def _cell(column: ColumnAccount, key: str, x: float) -> HeatCell:
    change = column.changes[key]
    return HeatCell(
        x=x,
        style=heat_style(change.excess),
        text=_short(change.excess) if change.excess > 1 else "",
        words=f"{column.name}, {key}: {change.measure} {change.change:+.2f}, {change.excess:.2g} of its limit",
    )


def _short(excess: float) -> str:
    if excess > _LARGEST_SHOWN:
        return f"{_LARGEST_SHOWN}+"
    return f"{excess:.1f}" if excess < 10 else f"{excess:.0f}"


def _day(day: DayAccount, x: float, events: Sequence[str]) -> HeatDay:
    if day.status == PartitionStatus.ACCEPTED:
        kind = "looked" if day.is_looked_at else "trained" if day.is_trained else "newer"
        words = {"looked": "looked at", "trained": "the champion learned from it"}.get(kind, "newer than the training")
        return HeatDay(x, kind, "", f"{day.partition}: {day.rows:,} rows, {words}", "; ".join(events))
    words = f"{day.partition}: {_OUT.get(day.status, 'nothing came in')}"
    return HeatDay(x, day.status, _LETTERS.get(day.status, ""), words, "; ".join(events))
