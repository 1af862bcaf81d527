"""Which partitions a challenger learns from and which both models are judged on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.partitions import format_key, keys_between, shift_key
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec

HISTORY_DAYS = 28
"""Days before a partition that say what is usual for it."""


class Windows:
    """Calendar windows of one partition key: training window first, holdout after it, never overlapping.

    The holdout ends at the newest day whose labels are known when the key's night comes. `history` are the
    days outside both windows that only say what was usual for the days of them and for the partition itself, so
    that whichever run judges a day has the same history at hand.
    """

    def __init__(self, spec: ModelSpec, partition: PartitionKey) -> None:
        """Resolve the windows of a model for one partition key."""
        training, dataset = spec.training, spec.dataset
        first = format_key(dataset.first_partition)
        last_holdout = shift_key(partition, -dataset.label_delay_days)
        first_holdout = shift_key(last_holdout, 1 - training.holdout_days)
        last_training = shift_key(first_holdout, -1)
        first_training = max(first, shift_key(last_training, 1 - training.window_days))
        self.partition = partition
        self.training = tuple(keys_between(first_training, last_training))
        self.holdout = tuple(keys_between(max(first, first_holdout), last_holdout))
        spoken_for = {key for day in {min(self.keys, default=partition), partition} for key in days_before(day)}
        self.history = tuple(sorted(key for key in spoken_for.difference(self.keys) if key >= first))
        self._min_partitions = training.min_partitions

    @property
    def keys(self) -> tuple[PartitionKey, ...]:
        """All days of both windows, oldest first."""
        return self.training + self.holdout

    def accepted_training(self, accepted: Iterable[PartitionKey]) -> tuple[PartitionKey, ...]:
        """Return the days to train on.

        Raises:
            NotEnoughPartitionsError: Fewer accepted partitions than `training.min_partitions`.
        """
        found = tuple(sorted(set(self.training) & set(accepted)))
        if len(found) < self._min_partitions:
            span = f"{self.training[0]} to {self.training[-1]}" if self.training else f"before {self.partition}"
            message = (
                f"training window {span} holds {len(found)} accepted partitions, "
                f"training.min_partitions asks for {self._min_partitions}; ingest older partitions "
                "(backfill them), release quarantined ones, or lower training.min_partitions"
            )
            raise NotEnoughPartitionsError(message)
        return found

    def accepted_holdout(self, accepted: Iterable[PartitionKey]) -> tuple[PartitionKey, ...]:
        """Return the days to judge on; it may be none, which the comparison calls inconclusive."""
        return tuple(sorted(set(self.holdout) & set(accepted)))


@dataclass(frozen=True)
class NightsThatRead:
    """The nights whose windows hold a day: first and last key of each span."""

    training: tuple[PartitionKey, PartitionKey]
    holdout: tuple[PartitionKey, PartitionKey]


def nights_that_read(spec: ModelSpec, day: PartitionKey) -> NightsThatRead:
    """Return the nights that judge on a day, and those that learn from it: `Windows` the other way round."""
    first = shift_key(day, spec.dataset.label_delay_days)
    learns = shift_key(first, spec.training.holdout_days)
    return NightsThatRead(
        training=(learns, shift_key(learns, spec.training.window_days - 1)), holdout=(first, shift_key(learns, -1))
    )


def days_before(partition: PartitionKey) -> tuple[PartitionKey, ...]:
    """Return the days that say what is usual for a partition, oldest first."""
    return tuple(keys_between(shift_key(partition, -HISTORY_DAYS), shift_key(partition, -1)))


def shared_batches(keys: Iterable[PartitionKey], run_id: str, size: int = 5) -> Iterator[Sequence[PartitionKey]]:
    """Split the days that a run has to catch up on into batches, in an order of the run's own.

    Runs of a backfill start side by side with the same days to catch up on. If each goes its own way and looks
    before every batch what the others have done, they share the work instead of doing all of it each.

    Args:
        keys: The days.
        run_id: Gives the order: the same for the same run, unlike any other run's.
        size: Days in a batch.
    """
    ordered = sorted(keys, key=lambda key: hashlib.sha256(f"{run_id}/{key}".encode()).digest())
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
