"""Segments of the inference log as tables, one for each partition that they touch."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
from pydantic import JsonValue

from titlebout.core.errors import CorruptObjectError
from titlebout.core.field_values import FieldValue, field_reader
from titlebout.core.inference_log.log_lines import LoggedRelease, LoggedRequest, read_segment
from titlebout.core.partitions import Calendar
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.serving_spec import ColumnPolicy

FIELD_PREFIX = "field_"
"""Stands before the name of a field, so that none is mistaken for a column of the log's own."""

SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("row", pa.int32()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("version", pa.string()),
        ("token", pa.int64()),
        ("role", pa.string()),
        ("route", pa.string()),
        ("seconds", pa.float64()),
        ("score", pa.float64()),
        ("scores", pa.list_(pa.float64())),
        ("server", pa.string()),
        ("number", pa.int64()),
    ]
)
"""The log's own columns. `score` is a prediction; a model of several classes has `scores` instead, one a class."""


def tables_by_partition(content: bytes, where: str, calendar: Calendar) -> dict[str, pa.Table]:
    """Return the rows of a segment by the partition in which they were answered.

    Raises:
        CorruptObjectError: It is no segment.
    """
    head, requests = read_segment(content, where)
    found: dict[str, list[LoggedRequest]] = defaultdict(list)
    for request in requests:
        found[calendar.holding(datetime.fromtimestamp(request.unix_seconds, UTC))].append(request)
    return {key: _table(found[key], head.server, where) for key in sorted(found)}


def _table(requests: Sequence[LoggedRequest], server: str, where: str) -> pa.Table:
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for request in requests:
        same = {
            "request_id": request.request_id,
            "time": round(request.unix_seconds * 1e6),
            "version": request.release.version,
            "token": request.release.token,
            "role": str(request.role),
            "route": request.route,
            "seconds": request.seconds,
            "server": server,
            "number": request.number,
        }
        rows = len(request.rows)
        for name, value in same.items():
            columns[name].extend([value] * rows)
        columns["row"].extend(range(request.first_row, request.first_row + rows))
        columns["score"].extend(None if isinstance(score, list) else score for score in request.scores)
        columns["scores"].extend(score if isinstance(score, list) else None for score in request.scores)
    try:
        own = [pa.array(columns[each.name], each.type) for each in SCHEMA]
        fields = _fields(requests)
    except (ValueError, TypeError, IndexError, pa.ArrowException) as error:
        message = f"{where}: a row does not fit its columns ({str(error)[:120]}); look at the server's disk"
        raise CorruptObjectError(message) from error
    return pa.table([*own, *fields.values()], names=[*SCHEMA.names, *fields])


def _fields(requests: Sequence[LoggedRequest]) -> dict[str, pa.Array]:
    """Return the columns of the fields that any release names; where it names others, a row holds null."""
    releases = list({id(request.release): request.release for request in requests}.values())
    names = list(dict.fromkeys(name for release in releases for name in release.columns))
    return {f"{FIELD_PREFIX}{name}": _field(name, releases, requests) for name in names}


def _field(name: str, releases: Sequence[LoggedRelease], requests: Sequence[LoggedRequest]) -> pa.Array:
    kinds = {_kind(release, name) for release in releases if name in release.columns}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()  # a policy or a type that changed in between
    values: list[object] = []
    for request in requests:
        column = request.release.columns.get(name)
        if column is None:
            values.extend([None] * len(request.rows))
            continue
        place, is_hash = list(request.release.columns).index(name), column.policy is ColumnPolicy.HASH
        for row in request.rows:
            value = row[place]
            read = value if is_hash or value is None else _read(value, column.type)
            values.append(str(read) if read is not None and kind == pa.string() else read)
    return pa.array(values, kind)


def _kind(release: LoggedRelease, name: str) -> pa.DataType:
    column = release.columns[name]
    return pa.string() if column.policy is ColumnPolicy.HASH else ARROW_TYPES[column.type]


def _read(value: JsonValue, declared: ColumnType) -> FieldValue | None:
    """Return a value that the server took, so that it fits its column: nothing a client sends may stop the log."""
    if declared is ColumnType.TIMESTAMP:
        try:
            found = field_reader(declared, UTC)(value)
        except ValueError:  # within the years 1 to 9999 in the model's time zone, and beyond them in UTC
            return None
        return found.replace(tzinfo=UTC) if isinstance(found, datetime) else found
    if isinstance(value, str) and declared is ColumnType.TEXT:
        return value.encode("utf-8", "backslashreplace").decode("utf-8")  # JSON may hold half a character
    return field_reader(declared, UTC)(value)
