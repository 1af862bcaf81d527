"""The window that each past partition is compared with: as long and as far before it as for the newest ones."""

from itertools import count as count_from
from typing import NamedTuple, Self

from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS


class PastWindows(NamedTuple):
    """Positions in a list of good partitions, oldest first.

    The newest partitions are some way from the champion's training window, and the further the way, the more the
    season has moved on by itself. So each past partition is held against a window that lies as far before it, as far
    as the past reaches.

    Attributes:
        starts: First position of the window of each past partition that has one.
        stops: Position after its last one.
        positions: The past partitions themselves.
    """

    starts: tuple[int, ...]
    stops: tuple[int, ...]
    positions: tuple[int, ...]

    @classmethod
    def of(cls, count: int, window: int, gap: int) -> Self:
        """Find a window for as many past partitions as possible.

        Args:
            count: Good partitions until the end of the champion's training window.
            window: How many of them the champion learned from.
            gap: How many partitions the newest one comes after the last that was learned from.

        >>> PastWindows.of(count=8, window=4, gap=1)
        PastWindows(starts=(0, 0, 0, 1, 2, 3), stops=(2, 3, 4, 5, 6, 7), positions=(2, 3, 4, 5, 6, 7))
        """
        # Half a window has to do where there is no older past: a harder comparison than the newest have to stand.
        shortest = max(window // 2, 1)
        reach = max(1, min(gap, count - shortest - 2 * FEWEST_PARTITIONS, (count - shortest) // 2))
        positions = tuple(range(shortest + reach - 1, count))
        stops = tuple(at - reach + 1 for at in positions)
        starts = tuple(max(0, stop - window) for stop in stops)
        return cls(starts, stops, positions)

    @classmethod
    def fewest_past(cls, window: int, gap: int) -> int:
        """Return how many good partitions a past needs before anything can be judged by it.

        >>> PastWindows.fewest_past(window=5, gap=3)
        7
        """
        return next(past for past in count_from(1) if len(cls.of(past, window, gap).positions) >= FEWEST_PARTITIONS)
