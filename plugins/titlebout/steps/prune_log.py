"""Step `prune_log`: partitions of the inference log whose time is over are deleted, and the ledger says so."""

import logging
from datetime import datetime, timedelta

from titlebout.core.inference_log.log_reading import log_files, logged_partitions
from titlebout.core.inference_log.log_results import PrunedLog
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.core.specs.spec import ModelSpec

logger = logging.getLogger(__name__)


def prune_log(spec: ModelSpec, *, now: datetime, actor: str, lake: Lake, ledger: Ledger) -> PrunedLog:
    """Delete the partitions of the log that ended more than `serving.log.retention_days` ago.

    The ledger is told first. A run that was killed in the middle is finished by the next one, which records what
    it still found.

    Raises:
        UnavailableError: Lake or ledger does not answer.
    """
    days = spec.serving.log.retention_days
    if days is None:
        logger.info("serving.log.retention_days of %s is not set; the log is kept for ever", spec.name)
        return PrunedLog(model=spec.name)
    last = now - timedelta(days=days)
    over = [key for key in logged_partitions(lake, spec.name) if spec.calendar.bounds(key)[1] <= last]
    files = [path for key in over for path in log_files(lake, spec.name, key)]
    if not files:
        return PrunedLog(model=spec.name)
    ledger.append(
        spec.name,
        EntryKind.LOG_PRUNED,
        {"first": over[0], "last": over[-1], "partitions": len(over), "files": len(files), "retention_days": days},
        actor=actor,
    )
    for path in files:
        lake.forget(path)
    logger.info("deleted %d files of the log of %s, %s to %s", len(files), spec.name, over[0], over[-1])
    return PrunedLog(model=spec.name, files=len(files), partitions=tuple(over))
