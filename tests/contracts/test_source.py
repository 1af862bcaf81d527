"""What every source does: the in-memory one of the tests, files, one file for all days, S3, and a query."""

import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from fakes.radosgw import radosgw
from fakes.s3_server import new_bucket
from fakes.source import MemorySource
from fakes.specs import demand_spec
from fakes.whole_tables import all_rows
from titlebout.adapters.databases.sql_source import SqlSourceReader
from titlebout.adapters.files_source import FilesSourceReader
from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_source import S3SourceReader
from titlebout.core.errors import (
    MAX_MESSAGE_CHARACTERS,
    PartitionEmptyError,
    PartitionKeyError,
    PartitionMissingError,
    PartitionUnreadableError,
)
from titlebout.core.ports import PartitionSource
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.partition_query import parse_query


@dataclass(frozen=True)
class Place:
    """A source, and how bytes get there."""

    source: PartitionSource
    deliver: Callable[[str, bytes], None]
    extension: str = "csv"


def memory(folder: Path) -> Place:
    source = MemorySource(demand_spec().dataset)
    return Place(source, source.files.__setitem__)


HIVE, OF_HIVE = "year={partition:%Y}/month={partition:%m}/day={partition:%d}", "year=%Y/month=%m/day=%d"
"""The folder of a day as a spec names it, and as a lake writes it."""


def files(
    folder: Path,
    *,
    extension: str = "csv",
    pattern: str = "day={partition}/part.%s",
    day_folder: str = "day=%Y-%m-%d",
) -> Place:
    file_format = extension.removesuffix(".gz")
    section = {"kind": "files", "path": pattern.replace("%s", extension), "format": file_format}

    def deliver(partition: str, content: bytes) -> None:
        path = folder / date.fromisoformat(partition).strftime(day_folder) / f"part.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return Place(FilesSourceReader(folder, demand_spec(dataset__source=section).dataset), deliver, extension)


def bucket(
    folder: Path,
    *,
    extension: str = "csv",
    settings: S3Settings | None = None,
    prefix: str = "day={partition}",
    day_folder: str = "day=%Y-%m-%d",
) -> Place:
    place = new_bucket(settings)
    section = {"kind": "s3", "bucket": place.name, "prefix": f"rides/{prefix}/", "format": extension}

    def deliver(partition: str, content: bytes) -> None:
        day = date.fromisoformat(partition).strftime(day_folder)
        place.put(f"rides/{day}/part.{extension}", content, metadata={}, only_if_absent=False)

    return Place(S3SourceReader(demand_spec(dataset__source=section).dataset, place), deliver, extension)


def table(folder: Path) -> Place:
    """Return a query's source; what is delivered is inserted as the texts of its CSV."""
    query = parse_query("rides", "SELECT * FROM rides WHERE delivery = :partition", "rides.sql")
    dataset = demand_spec(dataset__source={"kind": "sql", "query": "rides"}).dataset

    def deliver(partition: str, content: bytes) -> None:
        header, *lines = csv.reader(io.StringIO(content.decode()))
        marks = ", ".join("?" * (len(header) + 1))
        with closing(sqlite3.connect(folder / "rides.db")) as database, database:
            database.execute(f"CREATE TABLE IF NOT EXISTS rides (delivery, {', '.join(header)})")
            database.executemany(f"INSERT INTO rides VALUES ({marks})", [[partition, *line] for line in lines])

    return Place(SqlSourceReader(sa.make_url(f"sqlite:///{folder}/rides.db"), dataset, query), deliver)


MAKERS: dict[str, Callable[[Path], Place]] = {
    "memory": memory,
    "CSV files": files,
    "compressed CSV files": lambda folder: files(folder, extension="csv.gz"),
    "JSON lines files": lambda folder: files(folder, extension="jsonl"),
    "compressed JSON lines files": lambda folder: files(folder, extension="jsonl.gz"),
    "Parquet files": lambda folder: files(folder, extension="parquet"),
    "a glob of files": lambda folder: files(folder, pattern="day={partition}/*.%s"),
    "files by year, month and day": lambda folder: files(folder, pattern=f"{HIVE}/*.%s", day_folder=OF_HIVE),
    "CSV in S3": bucket,
    "objects by year, month and day": lambda folder: bucket(folder, prefix=HIVE, day_folder=OF_HIVE),
    "Parquet in S3": lambda folder: bucket(folder, extension="parquet"),
    "CSV in Ceph": lambda folder: bucket(folder, settings=radosgw().settings),
    "Parquet in Ceph": lambda folder: bucket(folder, extension="parquet", settings=radosgw().settings),
}
DAY = "2024-01-05"


@pytest.fixture(params=[*MAKERS, "a query"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return {**MAKERS, "a query": table}[request.param](tmp_path)


@pytest.fixture(params=MAKERS)
def byte_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return MAKERS[request.param](tmp_path)


def rows(**changes: list) -> pa.Table:
    columns = {
        "note": ["not", "declared"],
        "rentals": [10, 12],
        "weather": ["clear", "rain"],
        "temperature": [1.5, -3.0],
        "hour": [0, 1],
        "day": [date(2024, 1, 5), date(2024, 1, 4)],
    }
    return pa.table(columns | changes)


def encoded(place: Place, table: pa.Table) -> bytes:
    sink = io.BytesIO()
    if place.extension == "parquet":
        pq.write_table(table, sink)
    elif place.extension.startswith("jsonl"):
        sink.writelines(json.dumps(row, default=str).encode() + b"\n" for row in table.to_pylist())
    else:
        arrow_csv.write_csv(table, sink)
    content = sink.getvalue()
    return gzip.compress(content, mtime=0) if place.extension.endswith(".gz") else content


def refusal(place: Place, error: type[Exception], partition: str = DAY) -> str:
    with pytest.raises(error) as caught:
        all_rows(place.source.read(partition))
    message = str(caught.value)
    assert len(message) <= MAX_MESSAGE_CHARACTERS
    assert ";" in message or "memory:///" in message
    return message


class TestPartitionSource:
    def test_rows_come_in_declared_columns_and_types_and_none_is_dropped(self, place: Place):
        place.deliver(DAY, encoded(place, rows()))
        table = all_rows(place.source.read(DAY))
        assert table.schema == arrow_schema(demand_spec().dataset.columns)
        assert (
            table.to_pydict()
            == rows(rentals=[10.0, 12.0]).drop_columns("note").select(list(demand_spec().dataset.columns)).to_pydict()
        )

    def test_the_source_names_where_the_rows_came_from(self, place: Place):
        place.deliver(DAY, encoded(place, rows()))
        raw = place.source.read(DAY)
        assert "://" in raw.source_uri
        assert DAY in raw.source_uri or date.fromisoformat(DAY).strftime(OF_HIVE) in raw.source_uri

    def test_the_etag_changes_with_the_bytes_and_only_with_them(self, byte_place: Place):
        byte_place.deliver(DAY, encoded(byte_place, rows()))
        first = byte_place.source.read(DAY).source_etag
        byte_place.deliver(DAY, encoded(byte_place, rows()))
        assert byte_place.source.read(DAY).source_etag == first
        byte_place.deliver(DAY, encoded(byte_place, rows(rentals=[10, 13])))
        assert byte_place.source.read(DAY).source_etag != first

    def test_a_day_that_was_not_delivered_is_missing_and_named(self, place: Place):
        place.deliver("2024-01-04", encoded(place, rows()))
        assert DAY in refusal(place, PartitionMissingError)

    @pytest.mark.parametrize("key", ["", "..", "2024-01-05\n", "2024-1-5", "../2024-01-05", "2024-02-30", "*"])
    def test_a_key_that_is_no_day_is_refused_before_anything_is_read(self, place: Place, key: str):
        with pytest.raises(PartitionKeyError):
            place.source.read(key)

    def test_an_empty_object_is_an_empty_partition(self, byte_place: Place):
        byte_place.deliver(DAY, b"")
        assert "is empty" in refusal(byte_place, PartitionEmptyError)

    def test_a_schema_without_rows_is_an_empty_partition(self, byte_place: Place):
        byte_place.deliver(DAY, encoded(byte_place, rows().slice(0, 0)))
        assert "is empty" in refusal(byte_place, PartitionEmptyError)

    def test_a_truncated_object_is_unreadable(self, byte_place: Place):
        content = encoded(byte_place, rows())
        byte_place.deliver(DAY, content[: len(content) - 30])
        refusal(byte_place, PartitionUnreadableError)

    @pytest.mark.parametrize("content", [b"\x00\xff\xfe" * 50, b"<html>not found</html>"])
    def test_something_else_is_unreadable_and_no_empty_partition(self, byte_place: Place, content: bytes):
        byte_place.deliver(DAY, content)
        with pytest.raises(PartitionUnreadableError) as caught:
            all_rows(byte_place.source.read(DAY))
        assert not isinstance(caught.value, PartitionEmptyError)

    def test_a_missing_column_is_named(self, place: Place):
        place.deliver(DAY, encoded(place, rows().drop_columns("weather")))
        assert "column 'weather' is missing" in refusal(place, PartitionUnreadableError)

    def test_a_value_of_another_type_is_named(self, place: Place):
        place.deliver(DAY, encoded(place, rows(hour=["0", "noon"])))
        assert "column 'hour' holds 'noon'" in refusal(place, PartitionUnreadableError)

    def test_who_stops_reading_can_close_and_read_again(self, place: Place):
        place.deliver(DAY, encoded(place, rows()))
        with place.source.read(DAY) as raw:
            next(raw.batches)
        assert all_rows(place.source.read(DAY)).num_rows == 2

    def test_one_bad_day_does_not_hide_another(self, byte_place: Place):
        byte_place.deliver("2024-01-04", b"")
        byte_place.deliver(DAY, encoded(byte_place, rows()))
        refusal(byte_place, PartitionUnreadableError, "2024-01-04")
        assert all_rows(byte_place.source.read(DAY)).num_rows == 2
