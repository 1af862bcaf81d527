"""Step `collect_log`: what a model's server wrote down goes into the lake, and off the server's disk."""

import logging

from titlebout.core.errors import CorruptObjectError
from titlebout.core.inference_log.log_port import ServerLog
from titlebout.core.inference_log.log_reading import publish_log
from titlebout.core.inference_log.log_results import CollectedLog
from titlebout.core.inference_log.log_tables import tables_by_partition
from titlebout.core.ports import Lake, ServerHost
from titlebout.core.specs.spec import ModelSpec

logger = logging.getLogger(__name__)


def collect_log(spec: ModelSpec, *, lake: Lake, host: ServerHost, server_log: ServerLog) -> CollectedLog:
    """Publish every segment that waits on the server, and have it forget what is safe in the lake.

    A run that was killed in the middle is finished by the next one: a segment that was published and not forgotten
    is not published twice. Where no server runs, there is nothing to collect: what it wrote before it ended waits on
    its disk until one runs again.

    Raises:
        CorruptObjectError: A segment is none. It stays on the server, and all others are in the lake.
        UnavailableError: Lake, host or server does not answer.
    """
    address = host.find(spec.name)
    if address is None:
        logger.info("no server of %s runs; nothing was collected", spec.name)
        return CollectedLog(model=spec.name, has_server=False)
    segments, rows, partitions, unread = 0, 0, set[str](), list[CorruptObjectError]()
    for segment in server_log.seal(address):
        content = server_log.fetch(address, segment)
        try:
            tables = tables_by_partition(content, segment.name, spec.calendar)
        except CorruptObjectError as error:  # it stays where it is, and holds nobody up
            unread.append(error)
            continue
        for key, table in tables.items():
            if publish_log(lake, spec.name, key, segment.name, table):
                rows += table.num_rows
                partitions.add(key)
        server_log.forget(address, segment)
        segments += 1
    logger.info("collected %d rows of %s from %d segments", rows, spec.name, segments)
    if unread:
        raise unread[0]
    return CollectedLog(model=spec.name, segments=segments, rows=rows, partitions=tuple(sorted(partitions)))
