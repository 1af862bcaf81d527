"""Category frequencies: by name where there are few, by hash bucket where there are many."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

MOST_CATEGORIES = 2048
"""So many different categories are counted by name. A column with more is counted by as many groups of names."""
_GROUP = "group "


@dataclass(frozen=True)
class CategoryCounts:
    """Counts of categories. Which of the two forms it has depends on the whole alone, not on how it was added up.

    >>> (CategoryCounts.of({"rain": 2}) + CategoryCounts.of({"rain": 1, "clear": 4})).counts
    {'clear': 4, 'rain': 3}
    """

    is_grouped: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """Take counts by name, all above 0."""
        if len(counts) > MOST_CATEGORIES:
            return cls(is_grouped=True, counts=_sorted(_grouped(counts)))
        return cls(counts=_sorted(counts))

    def __add__(self, other: Self) -> Self:
        """Return the counts of both."""
        if self.is_grouped or other.is_grouped:
            both = Counter(self.groups())
            both.update(other.groups())
            return type(self)(is_grouped=True, counts=_sorted(both))
        both = Counter(self.counts)
        both.update(other.counts)
        return self.of(both)

    def groups(self) -> Mapping[str, int]:
        """Return the counts by groups of names."""
        return self.counts if self.is_grouped else _grouped(self.counts)

    @property
    def rows(self) -> int:
        """How many values were counted."""
        return sum(self.counts.values())


def _grouped(counts: Mapping[str, int]) -> Counter[str]:
    groups, blake2b = [0] * MOST_CATEGORIES, hashlib.blake2b
    for name, count in counts.items():
        groups[int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) % MOST_CATEGORIES] += count
    return Counter({f"{_GROUP}{at}": count for at, count in enumerate(groups) if count})


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}
