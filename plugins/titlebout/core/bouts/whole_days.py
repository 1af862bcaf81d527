"""What a bootstrap draws: partitions, or whole days where partitions are hours."""

from collections.abc import Mapping, Sequence

import numpy as np

from titlebout.core.bouts.bout_checks import Grouping, ScoredPartition
from titlebout.core.cadences import Cadence
from titlebout.core.partitions import calendar_of
from titlebout.core.results import PartitionKey


def block_of(key: PartitionKey) -> PartitionKey:
    """Return the key of the block that a partition belongs to: itself, or the day (of UTC) of an hour.

    Errors of one hour are much like those of the hour before. Drawn hour by hour they would pass for independent,
    and a gain for surer than it is.

    >>> block_of("2024-05-02T03"), block_of("2024-W18")
    ('2024-05-02', '2024-W18')
    """
    calendar = calendar_of(key)
    return calendar.days(key)[0].isoformat() if calendar.cadence is Cadence.HOURLY else key


def by_blocks(scored: Mapping[PartitionKey, ScoredPartition]) -> dict[PartitionKey, ScoredPartition]:
    """Put the partitions of each block together, in their order."""
    members: dict[PartitionKey, list[ScoredPartition]] = {}
    for key, partition in scored.items():
        members.setdefault(block_of(key), []).append(partition)
    return {key: parts[0] if len(parts) == 1 else _joined(parts) for key, parts in members.items()}


def _joined(parts: Sequence[ScoredPartition]) -> ScoredPartition:
    champions = [part.champion for part in parts if part.champion is not None]
    return ScoredPartition(
        labels=np.concatenate([part.labels for part in parts]),
        challenger=np.concatenate([part.challenger for part in parts]),
        champion=np.concatenate(champions) if len(champions) == len(parts) else None,
        groups={name: _groups([part.groups[name] for part in parts]) for name in parts[0].groups},
    )


def _groups(parts: Sequence[Grouping]) -> Grouping:
    values = tuple(dict.fromkeys(value for part in parts for value in part.values))
    position = {value: code for code, value in enumerate(values)}
    codes = [np.array([position[value] for value in part.values], np.int64)[part.codes] for part in parts]
    return Grouping(np.concatenate(codes), values)
