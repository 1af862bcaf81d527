"""Part of the step `ingest_partition`: what a run does about a day that is not there yet."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from titlebout.core.arrival import deadline_of, next_look
from titlebout.core.errors import PartitionLateError, PartitionMissingError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Ledger
from titlebout.core.results import RunContext
from titlebout.core.specs.spec import ModelSpec

log = logging.getLogger(__name__)


def await_partition(
    spec: ModelSpec, run: RunContext, missing: PartitionMissingError, *, ledger: Ledger, now: datetime
) -> datetime:
    """Return when to look again for the run's own day, or record that it is late.

    Raises:
        PartitionLateError: The deadline has passed.
    """
    deadline = deadline_of(spec, run.partition)
    zone = ZoneInfo(spec.schedule.timezone)
    local_deadline = deadline.astimezone(zone).isoformat(" ", "seconds")
    look = next_look(spec, run.partition, now)
    if look is not None:
        local_look = look.astimezone(zone).isoformat(" ", "seconds")
        log.info("not there yet, next look at %s, late from %s on: %s", local_look, local_deadline, missing)
        return look
    ledger.append(
        spec.name,
        EntryKind.PARTITION_LATE,
        {"partition": run.partition, "deadline": deadline.isoformat()},
        actor=run.actor,
        once=f"late:{run.partition}",
    )
    message = (
        f"{run.partition} was not there at {local_deadline} (dataset.arrival.deadline_hours); "
        f"deliver it, then clear the task or let the next night bring it in: {missing}"
    )
    raise PartitionLateError(message) from missing
