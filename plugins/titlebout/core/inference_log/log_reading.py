"""The inference log in the lake: one folder a partition, one file for each segment that had rows of it.

<model>/inference_log/<partition>/<segment>-<start of the file's SHA-256>.parquet
"""

import hashlib
import io
import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from titlebout.core.errors import CorruptObjectError
from titlebout.core.inference_log.log_tables import SCHEMA
from titlebout.core.layout import inference_log_folder
from titlebout.core.partitions import checked_key
from titlebout.core.ports import Lake
from titlebout.core.reading.parquet_rows import parquet_table
from titlebout.core.wire import REPLAY_PREFIX

_FILE = re.compile(r"(?P<segment>[0-9a-f]{16}-[0-9]{8})-(?P<sha256>[0-9a-f]{12})\.parquet")


def publish_log(lake: Lake, model: str, partition: str, segment: str, table: pa.Table) -> bool:
    """Publish what a segment holds of a partition; False where it was published before.

    Raises:
        UnavailableError: The lake does not answer.
    """
    folder = inference_log_folder(model, partition)
    if any(_named(path, "segment") == segment for path in lake.list_paths(folder)):
        return False
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    content = buffer.getvalue()
    lake.publish(f"{folder}/{segment}-{hashlib.sha256(content).hexdigest()[:12]}.parquet", content)
    return True


def logged_partitions(lake: Lake, model: str, *, since: str | None = None) -> list[str]:
    """Return the keys of the partitions of which something was logged, oldest first."""
    return sorted({path.split("/")[-2] for path in log_files(lake, model, since=since)})


def log_files(lake: Lake, model: str, partition: str | None = None, *, since: str | None = None) -> Iterator[str]:
    """Yield the paths of the log's files, of one partition, of those since another one, or of all.

    A log of years has as many files as there were five minutes: who asks about the newest days says so.
    """
    folder = inference_log_folder(model, partition)
    paths = lake.list_paths(folder, after=inference_log_folder(model, since) if since else "")
    return (path for path in paths if _FILE.fullmatch(path.rpartition("/")[-1]))


def read_inference_log(lake: Lake, model: str, partition: str) -> pa.Table:
    """Return everything that was logged of a partition, in the order of time; no row comes twice.

    Left out is what `check_skew` asked the server itself: nobody was answered.
    Columns are those of `log_tables.SCHEMA`, then one for each field, `field_<name>`: null where a release had
    no such field or the policy of the columns dropped it. A field whose type or policy changed in between is text.

    Raises:
        CorruptObjectError: A file is not what was published.
        UnavailableError: The lake does not answer.
    """
    found = [_read(lake, path) for path in log_files(lake, model, checked_key(partition))]
    if not found:
        return SCHEMA.empty_table()
    rows = pa.concat_tables(_agreeing(found), promote_options="default")
    # A server that failed in the middle of a request writes it once more.
    first = rows.append_column("at", pa.array(range(rows.num_rows), pa.int64()))
    kept = first.group_by(["server", "number", "row"]).aggregate([("at", "min")])["at_min"]
    rows = rows.take(kept)
    rows = rows.filter(pc.invert(pc.starts_with(rows["request_id"], REPLAY_PREFIX)))
    return rows.sort_by([("time", "ascending"), ("server", "ascending"), ("number", "ascending"), ("row", "ascending")])


def _agreeing(tables: list[pa.Table]) -> list[pa.Table]:
    """Make text of the columns whose types differ."""
    types: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            types.setdefault(field.name, set()).add(field.type)
    differing = {name for name, found in types.items() if len(found) > 1}
    return [_as_texts(table, differing) for table in tables]


def _as_texts(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names & set(table.column_names):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.string()))
    return table


def _read(lake: Lake, path: str) -> pa.Table:
    content = lake.read(path)
    if hashlib.sha256(content).hexdigest()[:12] != _named(path, "sha256"):
        message = f"{lake.uri(path)}: the bytes are not those that its name promises; restore it from a backup"
        raise CorruptObjectError(message)
    return parquet_table(content)


def _named(path: str, part: str) -> str:
    matched = _FILE.fullmatch(path.rpartition("/")[-1])
    return matched[part] if matched else ""
