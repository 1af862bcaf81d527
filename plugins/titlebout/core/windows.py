"""Which partitions a challenger learns from and which both models are judged on."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from titlebout.core.cadences import HOURS, Cadence
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.history.past_statistics import past_numbers
from titlebout.core.partitions import calendar_of, shift_key
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import ModelSpec

HISTORY_DAYS = 28
"""Days before a partition that say what is usual for it; weeks, where a partition is a week."""
SMALLEST_BATCH, MOST_BATCHES = 5, 100
"""Of partitions that a run catches up on."""


@dataclass(frozen=True)
class History:
    """Which earlier partitions say what is usual for one.

    Attributes:
        length: So many of them; 0: a partition is compared with none.
        words: What they are.
        step: Every so manyth partition is compared with: hours with the same hour of other days.
    """

    length: int
    words: str
    step: int = 1

    @property
    def reach(self) -> int:
        """How many partitions back the oldest of them lies."""
        return self.step * self.length


HISTORIES: Mapping[Cadence, History] = {
    Cadence.HOURLY: History(HISTORY_DAYS, "days at this hour", step=HOURS),
    Cadence.DAILY: History(HISTORY_DAYS, "days"),
    Cadence.WEEKLY: History(HISTORY_DAYS, "weeks"),
    # Two years and more back, and of another season: such months say little about this one.
    Cadence.MONTHLY: History(0, "months"),
}


class Windows:
    """Calendar windows of one partition key: training window first, holdout after it, never overlapping.

    Lengths are days of the calendar, whatever the cadence: a partition lies in a window if it begins there. The
    holdout ends with the newest partition whose labels are known when the key's night comes. `history` are the
    partitions outside both windows that only say what was usual for those in them and for the partition itself, so
    that whichever run judges a partition has the same history at hand. `remembered` are those outside both windows
    that history features are made of.
    """

    def __init__(self, spec: ModelSpec, partition: PartitionKey) -> None:
        """Resolve the windows of a model for one partition key.

        Raises:
            PartitionKeyError: It is no key of the model's cadence.
        """
        calendar = spec.calendar
        first = calendar.first_from(spec.dataset.first_partition)
        number = calendar.number(partition)
        # Nothing that begins before the data set is ever asked for.
        training, holdout = (range(max(first, each.start), each.stop) for each in window_numbers(spec, number))
        inside = {*training, *holdout}
        features = spec.training.features.history.values()
        # What rows know of earlier partitions: those to learn from, those that will be served next, and the holdout's.
        learned = {each for each in past_numbers(features, [training, range(number + 1, number + 2)]) if each >= first}
        judged = {each for each in past_numbers(features, [holdout]) if each >= first}
        remembered = (learned | judged) - inside
        reach = HISTORIES[calendar.cadence].reach
        # The gap before each that some run judges, as far back as partitions say what is usual for it.
        gaps = pairwise([first - 1, *sorted({*inside, *remembered, number})])
        history = (each for last, at in gaps for each in range(max(last + 1, at - reach), at))
        self.partition = partition
        self.training = tuple(map(calendar.key, training))
        self.holdout = tuple(map(calendar.key, holdout))
        self.remembered = tuple(map(calendar.key, sorted(remembered)))
        self.history = tuple(map(calendar.key, history))
        self._learned_from = set(map(calendar.key, learned.difference(training)))
        self._min_partitions = spec.training.min_partitions

    @property
    def keys(self) -> tuple[PartitionKey, ...]:
        """All partitions of both windows, oldest first."""
        return self.training + self.holdout

    def accepted_training(self, accepted: Iterable[PartitionKey]) -> tuple[PartitionKey, ...]:
        """Return the partitions to train on.

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

    def accepted_history(self, accepted: Iterable[PartitionKey]) -> tuple[PartitionKey, ...]:
        """Return the partitions besides those to train on that history features of a version are made of."""
        return tuple(sorted(self._learned_from.intersection(accepted)))

    def accepted_holdout(self, accepted: Iterable[PartitionKey]) -> tuple[PartitionKey, ...]:
        """Return the partitions to judge on; it may be none, which the comparison calls inconclusive."""
        return tuple(sorted(set(self.holdout) & set(accepted)))


@dataclass(frozen=True)
class NightsThatRead:
    """The nights whose windows hold a partition: first and last key of each span; None where no window does."""

    training: tuple[PartitionKey, PartitionKey] | None
    holdout: tuple[PartitionKey, PartitionKey] | None


def nights_that_read(spec: ModelSpec, partition: PartitionKey) -> NightsThatRead:
    """Return the nights that judge on a partition, and those that learn from it: `Windows` the other way round."""
    calendar, training = spec.calendar, spec.training
    grid, number = calendar.grid, calendar.number(partition)

    def first_without(each: int, days: int) -> int:
        """Return the newest partition of the first window of so many days that a partition has fallen out of."""
        return grid.holding(grid.first_hour(each) + HOURS * days)

    def night_of(newest: int) -> int:
        return _first_night_with_labels(spec, newest)

    def span(first: int, stop: int) -> tuple[PartitionKey, PartitionKey] | None:
        return (calendar.key(first), calendar.key(stop - 1)) if first < stop else None

    # What falls out of the holdout is learned from, until `too_new` falls out of it: then training ends with that one.
    too_new = first_without(number, training.window_days)
    judged = night_of(number)
    learned = night_of(first_without(number, training.holdout_days))
    gone = night_of(first_without(too_new, training.holdout_days))
    return NightsThatRead(training=span(learned, gone), holdout=span(judged, learned))


def labels_known_from(spec: ModelSpec, partition: PartitionKey) -> datetime:
    """Return when the first night is over whose holdout may end with a partition: its labels count as known then.

    Raises:
        PartitionKeyError: It is no key, or that night lies beyond the calendar.
    """
    calendar = spec.calendar
    night = _first_night_with_labels(spec, calendar.number(partition))
    return calendar.bounds(calendar.key(night))[1]


def _first_night_with_labels(spec: ModelSpec, number: int) -> int:
    return spec.calendar.grid.first_within(number, -spec.dataset.label_delay_days) - 1


def days_before(partition: PartitionKey) -> tuple[PartitionKey, ...]:
    """Return the partitions that say what is usual for one, oldest first: see `HISTORIES`.

    >>> days_before("2012-06-01T03")[-2:]
    ('2012-05-30T03', '2012-05-31T03')
    """
    history = HISTORIES[calendar_of(partition).cadence]
    return tuple(shift_key(partition, -history.step * back) for back in range(history.length, 0, -1))


def window_numbers(spec: ModelSpec, night: int) -> tuple[range, range]:
    """Return the numbers of training window and holdout, as if the data had always been there."""
    grid, training = spec.calendar.grid, spec.training
    last = grid.newest_ended(night, spec.dataset.label_delay_days)
    first = grid.first_within(last, training.holdout_days)
    return range(grid.first_within(first - 1, training.window_days), first), range(first, last + 1)


def shared_batches(keys: Iterable[PartitionKey], run_id: str) -> Iterator[Sequence[PartitionKey]]:
    """Split the partitions that a run has to catch up on into batches, in an order that the run's id gives.

    Runs of a backfill start side by side with the same partitions to catch up on. If each goes its own way and looks
    before every batch what the others have done, they share the work instead of doing all of it each. A look reads
    where every partition stands, so there are no more than a hundred batches: a year of hours would take a thousand.
    """
    ordered = sorted(keys, key=lambda key: hashlib.sha256(f"{run_id}/{key}".encode()).digest())
    size = max(SMALLEST_BATCH, -(-len(ordered) // MOST_BATCHES))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
