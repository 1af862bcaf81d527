"""The newest day that a source holds, as far as it can be found out cheaply."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from titlebout.connection_fields import named_extra
from titlebout.core.errors import PartitionMissingError
from titlebout.core.ports import PartitionSource
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import FilesSource, S3Source
from titlebout.core.specs.spec import ModelSpec
from titlebout.wiring import Connect, open_bucket

_ASKED_PARTITIONS = 40
"""Partitions back that a database is asked for; files and objects are listed instead."""


def yesterday(spec: ModelSpec) -> PartitionKey:
    """Return the newest partition that is over, where the model lives."""
    calendar = spec.calendar
    return calendar.key(calendar.number(calendar.holding(datetime.now(UTC))) - 1)


def newest_day(spec: ModelSpec, source: PartitionSource, connect: Connect) -> PartitionKey | None:
    """Return the newest partition with rows that is over; None where there is none, or a database has no recent one."""
    calendar = spec.calendar
    last, first = yesterday(spec), calendar.key(calendar.first_from(spec.dataset.first_partition))
    listed = _listed_days(spec, connect)
    if listed is not None:
        return max((key for key in listed if first <= key <= last), default=None)
    newest = calendar.number(last)
    count = newest - calendar.number(first) + 1
    asked = count if spec.dataset.is_one_delivery_for_all_days else min(count, _ASKED_PARTITIONS)
    for key in (calendar.key(newest - back) for back in range(asked)):
        with suppress(PartitionMissingError), source.read(key):
            return key
    return None


def _listed_days(spec: ModelSpec, connect: Connect) -> list[PartitionKey] | None:
    """Return the partitions that paths name; None where they name none."""
    source, template = spec.dataset.source, spec.dataset.path_template
    if isinstance(source, S3Source) and template:
        bucket = open_bucket(source.bucket, connect(source.conn_id))
        paths = [each.key for each in bucket.list_objects(template.before_place)]
    elif isinstance(source, FilesSource) and template and template.is_placed:
        root = Path(named_extra(connect(source.conn_id), required=("root",))["root"])
        paths = [path.relative_to(root).as_posix() for path in root.glob(template.glob())]
    else:
        return None
    return [key for key in map(template.key_of, paths) if key]
