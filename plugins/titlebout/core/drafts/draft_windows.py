"""Chooses windows that fit the span of the data, and the first day that is complete."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from titlebout.core.drafts.draft_facts import NO_DAY, Days

_EPOCH = date(1970, 1, 1)
_STRAY_SHARE = 0.005
_STRAY_GAP_DAYS = 30
_FEW_SHARE = 0.02
TRIED_DAYS = 60


@dataclass(frozen=True)
class WindowsDraft:
    """Days of the data and windows over them.

    Attributes:
        days: Days with rows, oldest first, without strays.
        strays: Days at the ends with hardly any rows, or far away from all others; left out above.
        gap_days: Usual distance of two days with rows.
        is_short: Whether the data is too short for nights to be walked through.
    """

    days: tuple[date, ...]
    strays: tuple[date, ...]
    gap_days: int
    window_days: int
    holdout_days: int
    min_partitions: int
    is_short: bool

    @property
    def span_days(self) -> int:
        """Days from the first to the last one, both included."""
        return (self.days[-1] - self.days[0]).days + 1

    @property
    def rhythm(self) -> str:
        """Say how often there is a partition."""
        return "every day" if self.gap_days == 1 else f"about every {self.gap_days} days"


def find_windows(days: Days) -> WindowsDraft:
    """Choose windows for rows on these days, counted from 1970, of which at least one is known."""
    found, counts = np.unique(days[days != NO_DAY], return_counts=True)
    first, last = _core(found, counts)
    strays = tuple(_EPOCH + timedelta(days=int(day)) for day in (*found[:first], *found[last:]))
    kept = found[first:last]
    span = int(kept[-1] - kept[0]) + 1
    gap = max(1, round(float(np.median(np.diff(kept))))) if len(kept) > 1 else 1
    holdout = min(366, max(7, 4 * gap))
    window = min(3650, max(90, 12 * gap))
    room = int(span * 0.7)  # the rest is for nights that have both windows behind them
    if window + holdout > room:
        holdout = min(holdout, max(3 * gap, room // 4))
        window = max(gap, room - holdout)
    return WindowsDraft(
        days=tuple(_EPOCH + timedelta(days=int(day)) for day in kept),
        strays=strays,
        gap_days=gap,
        window_days=window,
        holdout_days=holdout,
        min_partitions=max(1, min(30, window // gap // 2)),
        is_short=span < 8 * gap,
    )


def tried_days(days: tuple[date, ...], wanted: int = TRIED_DAYS) -> list[date]:
    """Choose days to try: the newest ones without a gap, as checks look back 28 days, and others from all over.

    >>> len(tried_days(tuple(date(2024, 1, 1) + timedelta(days=n) for n in range(366))))
    60
    """
    if len(days) <= wanted:
        return list(days)
    newest = wanted * 2 // 3
    older = days[: len(days) - newest]
    spread = {len(older) * number // (wanted - newest) for number in range(wanted - newest)}
    return [*(older[position] for position in sorted(spread)), *days[-newest:]]


def _core(found: Days, counts: Days) -> tuple[int, int]:
    """Return where days without strays begin and end: few rows, or weeks away from all others."""
    share = np.cumsum(counts) / counts.sum()
    first, last = 0, len(found)
    few = _FEW_SHARE * float(np.median(counts))
    for position in range(len(found) - 1):
        if share[position] > _STRAY_SHARE:
            break
        if counts[position] < few or found[position + 1] - found[position] > _STRAY_GAP_DAYS * _usual_gap(found):
            first = position + 1
    for position in range(len(found) - 1, first, -1):
        if 1 - share[position - 1] > _STRAY_SHARE:
            break
        if counts[position] < few or found[position] - found[position - 1] > _STRAY_GAP_DAYS * _usual_gap(found):
            last = position
    return first, last


def _usual_gap(found: Days) -> float:
    return max(1.0, float(np.median(np.diff(found))))
