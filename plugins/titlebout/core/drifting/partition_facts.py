"""Columns with one value per partition, not one per row: a season, a holiday, a price list."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from titlebout.core.drifting.column_profile import CategoryProfile, ColumnProfile
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS
from titlebout.core.partitions import days_apart
from titlebout.core.results import PartitionKey

YEAR_DAYS = 365
"""A past that is as long has seen every season once."""


def is_unknown_fact(past: Mapping[PartitionKey, ColumnProfile], key: PartitionKey, newest: ColumnProfile) -> bool:
    """Whether nobody can know yet how often a column changes, because it is a fact of the partition.

    All rows of a partition hold the same value, so that a thousand rows are one observation; it has hardly ever
    changed; and the past does not reach back a year. What then comes may be a season like any other. A fact that
    changes often, such as the weekday, has shown what is usual, and so has one that stood still for a year.

    Args:
        past: The column in past partitions by their keys, oldest first.
        key: The partition to be judged.
        newest: The column there. What holds for some of its rows only is a change of rows.

    >>> from titlebout.core.drifting.category_counts import CategoryCounts
    >>> winter, spring = (CategoryProfile(categories=CategoryCounts.of({name: 24})) for name in ("winter", "spring"))
    >>> is_unknown_fact({"2024-03-18": winter, "2024-03-19": winter}, "2024-03-21", spring)
    True
    """
    if not past or any(_different(each) > 1 for each in (newest, *past.values())):
        return False
    told = [_only_value(each) for each in past.values() if each.present]
    changes = sum(before != after for before, after in pairwise(told))
    return changes < FEWEST_PARTITIONS and not has_seen_a_year(past, key)


def has_seen_a_year(past: Iterable[PartitionKey], key: PartitionKey) -> bool:
    """Whether the past, oldest first, reaches back a year from a partition."""
    return days_apart(next(iter(past), key), key) >= YEAR_DAYS


def _different(profile: ColumnProfile) -> int:
    return len(profile.categories.counts if isinstance(profile, CategoryProfile) else profile.sketch.codes)


def _only_value(profile: ColumnProfile) -> str | int:
    if isinstance(profile, CategoryProfile):
        return next(iter(profile.categories.counts))
    return int(profile.sketch.codes[0])
