"""The newest day that a source holds, as far as it can be found out cheaply."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from titlebout.connection_fields import named_extra
from titlebout.core.drafts.draft_paths import ANY_DAY, PLACE, find_pattern
from titlebout.core.errors import PartitionMissingError
from titlebout.core.partitions import format_key
from titlebout.core.ports import PartitionSource
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import FilesSource, S3Source
from titlebout.core.specs.spec import ModelSpec
from titlebout.wiring import Connect, open_bucket

_ASKED_DAYS = 40
"""Days back that a database is asked for; files and objects are listed instead."""


def yesterday(spec: ModelSpec) -> PartitionKey:
    """Return the newest day that is over, where the model lives."""
    now = datetime.now(UTC).astimezone(ZoneInfo(spec.schedule.timezone))
    return format_key(now.date() - timedelta(days=1))


def newest_day(spec: ModelSpec, source: PartitionSource, connect: Connect) -> PartitionKey | None:
    """Return the newest day with rows that is over; None where there is none, or a database has none in weeks."""
    last, first = yesterday(spec), format_key(spec.dataset.first_partition)
    listed = _listed_days(spec, connect)
    if listed is not None:
        return max((key for key in listed if first <= key <= last), default=None)
    days = _days_back(last, first, None if spec.dataset.is_one_delivery_for_all_days else _ASKED_DAYS)
    for key in days:
        with suppress(PartitionMissingError), source.read(key):
            return key
    return None


def _listed_days(spec: ModelSpec, connect: Connect) -> list[PartitionKey] | None:
    """Return the days that paths name; None where they name none."""
    source = spec.dataset.source
    if isinstance(source, FilesSource) and PLACE in source.path:
        root = Path(named_extra(connect(source.conn_id), required=("root",))["root"])
        paths = [path.relative_to(root).as_posix() for path in root.glob(source.path.replace(PLACE, ANY_DAY))]
    elif isinstance(source, S3Source):
        before, _, after = source.prefix.partition(PLACE)
        listed = open_bucket(source.bucket, connect(source.conn_id)).list_objects(before)
        width = len(before) + len("2024-01-01")
        paths = [each.key[:width] for each in listed if each.key[width:].startswith(after)]
    else:
        return None
    found = [find_pattern([path]) for path in paths]
    return [pattern.keys[0] for pattern in found if pattern]


def _days_back(last: PartitionKey, first: PartitionKey, limit: int | None) -> Iterator[PartitionKey]:
    day = datetime.fromisoformat(last).date()
    asked = 0
    while format_key(day) >= first and (limit is None or asked < limit):
        yield format_key(day)
        day -= timedelta(days=1)
        asked += 1
