"""Statistics over earlier partitions, computed from the sums of their snapshots."""

import math
from collections.abc import Iterable, Sequence

from titlebout.core.field_values import finite_float32
from titlebout.core.history.group_sums import GroupSum, SnapshotSums
from titlebout.core.history.row_groups import Group
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.specs.features_spec import HistoryFeature, Statistic


def past_keys(feature: HistoryFeature, partition: str) -> tuple[str, ...]:
    """Return the partitions that a feature of a partition's rows is made of, oldest first; never its own.

    >>> past_keys(HistoryFeature(of="rentals", statistic="mean", partitions=3, delay=2), "2024-03-10")
    ('2024-03-06', '2024-03-07', '2024-03-08')
    """
    newest = shift_key(partition, -feature.delay)
    return tuple(keys_between(shift_key(newest, 1 - feature.partitions), newest))


def past_numbers(features: Iterable[HistoryFeature], spans: Iterable[range]) -> set[int]:
    """Return which partitions the features of others are made of, all of them as numbers of the calendar.

    >>> feature = HistoryFeature(of="rentals", statistic="mean", partitions=3, delay=2)
    >>> sorted(past_numbers([feature], [range(100, 102)]))
    [96, 97, 98, 99]
    """
    return {
        number
        for feature in features
        for span in spans
        if span
        for number in range(span.start - feature.delay - feature.partitions + 1, span.stop - feature.delay)
    }


def past_statistic(feature: HistoryFeature, past: Sequence[SnapshotSums], group: Group) -> float:
    """Return a group's statistic over the sums of accepted snapshots, oldest first.

    Returns:
        NaN where too few partitions are there, none of them has a value of the group, or the result is beyond float32.
    """
    found = [sums for each in past if (sums := each.of_group(group))]
    if len(past) < feature.min_partitions or not found:
        return math.nan
    return finite_float32(_merged(feature.statistic, found))


def groups_of(past: Iterable[SnapshotSums]) -> list[Group]:
    """Return the groups that any of the snapshots has, sorted."""
    return sorted({group for each in past for group in each.groups})


def _merged(statistic: Statistic, found: Sequence[GroupSum]) -> float:
    match statistic:
        case Statistic.SUM:
            return math.fsum(each.total for each in found)
        case Statistic.COUNT:
            return float(sum(each.rows for each in found))
        case Statistic.MIN:
            return min(each.low for each in found)
        case Statistic.MAX:
            return max(each.high for each in found)
        case Statistic.LAST:
            return found[-1].last
        case _:
            return math.fsum(each.total for each in found) / sum(each.rows for each in found)
