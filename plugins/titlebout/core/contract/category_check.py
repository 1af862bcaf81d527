"""Which categories of a feature are new, and whether more rows hold them than is usual for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from pydantic import JsonValue

from titlebout.core.contract.contract import Violation

_NEW_SHARE = 0.25  # a week of four
_TIMES_USUAL = 2.0
_SHOWN = 10


@dataclass(frozen=True)
class CategoryHistory:
    """The categories of one feature, today and on the good days before.

    Attributes:
        name: The feature.
        today: Rows by category.
        seen: On how many of the days before a category was there.
        trusted: Categories of days that a person released.
        days: Rows by category of each day before, oldest first.
    """

    name: str
    today: Mapping[str, int]
    seen: Mapping[str, int]
    trusted: frozenset[str]
    days: Sequence[Mapping[str, int]]

    @classmethod
    def of(
        cls,
        name: str,
        today: Mapping[str, int],
        days: Sequence[Mapping[str, int]],
        released: Sequence[Mapping[str, int]],
    ) -> Self:
        """Count on how many days each category was there."""
        seen = Counter(category for day in days for category in day)
        return cls(name, today, seen, frozenset(category for day in released for category in day), days)

    def new(self) -> list[Violation]:
        """Find categories that no day before had.

        Where every day brings some, as with postal codes, a day is noted only if it brings more than any other.
        """
        unknown = {category: rows for category, rows in self.today.items() if category not in self.seen}
        share = _share(unknown, self.today)
        usual = max(_share(self._rare(day), day) for day in self.days)
        if share <= usual:
            return []
        shown: list[JsonValue] = [*_fullest(unknown)]
        wanted: dict[str, JsonValue] = {"known categories": len(self.seen)}
        return [Violation(shown, wanted, self.name, sum(unknown.values()))]

    def too_many(self, limit: float) -> list[Violation]:
        """Find out whether too many rows hold categories that are not known to be right.

        A category is known if a day had it and a later one did not, or if a person released a day with it. One
        that has been there every day since it came may be a column that is coded anew: it gets no more usual.
        """
        unproven = {
            category: rows
            for category, rows in self.today.items()
            if category not in self.trusted and self._came_and_stayed(category)
        }
        share = _share(unproven, self.today)
        usual = median(_share(self._rare(day), day) for day in self.days)
        allowed = max(limit, min(1.0, _TIMES_USUAL * usual))
        if share <= allowed:
            return []
        wanted: dict[str, JsonValue] = {"max": round(allowed, 4), "usual": round(usual, 4)}
        examples: list[JsonValue] = [
            {self.name: category, "rows": unproven[category]} for category in _fullest(unproven)
        ]
        return [Violation(round(share, 4), wanted, self.name, sum(unproven.values()), examples)]

    def _came_and_stayed(self, category: str) -> bool:
        """Whether the days that had it, if any, are but the newest ones."""
        days = self.seen.get(category, 0)
        newest = self.days[len(self.days) - days :]
        return days <= _NEW_SHARE * len(self.days) and all(category in day for day in newest)

    def _rare(self, day: Mapping[str, int]) -> dict[str, int]:
        """Return those categories of a day before that no other day before had."""
        return {category: rows for category, rows in day.items() if self.seen[category] <= 1}


def _share(some: Mapping[str, int], all_of_them: Mapping[str, int]) -> float:
    rows = sum(all_of_them.values())
    return sum(some.values()) / rows if rows else 0.0


def _fullest(categories: Mapping[str, int]) -> list[str]:
    return sorted(categories, key=lambda category: (-categories[category], category))[:_SHOWN]
