"""How long a run waits for a partition that is not there yet."""

from datetime import datetime, timedelta

from titlebout.core.results import PartitionKey, RunContext
from titlebout.core.specs.spec import ModelSpec


def deadline_of(spec: ModelSpec, partition: PartitionKey) -> datetime:
    """Return the moment (UTC) from which a partition is late: so many hours after its interval is over."""
    _, end = spec.calendar.bounds(partition)
    return end + timedelta(hours=spec.dataset.arrival.deadline_hours)


def waits_for(spec: ModelSpec, run: RunContext) -> bool:
    """Whether a run waits at all. A backfill never does: what is missing from the past is not on its way."""
    return run.is_live and spec.dataset.arrival.deadline_hours > 0


def next_look(spec: ModelSpec, partition: PartitionKey, now: datetime) -> datetime | None:
    """Return when to look again, the last time at the deadline itself; None where the partition is late.

    Nothing but the clock and the spec decides, so whoever asks again after a restart gets the same answer.
    """
    deadline = deadline_of(spec, partition)
    if now >= deadline:
        return None
    return min(now + timedelta(minutes=spec.dataset.arrival.poll_minutes), deadline)
