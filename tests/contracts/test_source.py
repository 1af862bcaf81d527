"""What every source does: the in-memory one of the tests, files, and S3."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from fakes.demand_days import demand_rows
from fakes.s3_server import new_bucket, s3_client
from fakes.source import MemorySource
from fakes.specs import demand_spec
from titlebout.adapters.files_source import FilesSourceReader
from titlebout.adapters.s3_source import S3SourceReader
from titlebout.core.casting import arrow_schema
from titlebout.core.errors import (
    MAX_MESSAGE_CHARACTERS,
    PartitionKeyError,
    PartitionMissingError,
    PartitionUnreadableError,
)
from titlebout.core.ports import PartitionSource

KEY, OTHER_KEY = "2024-01-05", "2024-01-06"


@dataclass(frozen=True)
class Counter:
    """A source, and where a day's file is handed in or taken back."""

    source: PartitionSource
    format: str
    deliver: Callable[[str, bytes], object]
    take_back: Callable[[str], object]

    def encoded(self, table: pa.Table) -> bytes:
        sink = io.BytesIO()
        write = pyarrow.csv.write_csv if self.format == "csv" else pq.write_table
        write(table, sink)
        return sink.getvalue()


def dataset(kind: str, file_format: str, **fields: str):
    return demand_spec(dataset__source={"kind": kind, "format": file_format, **fields}).dataset


def memory(file_format: str, folder: Path) -> Counter:
    source = MemorySource(dataset("files", file_format, path="{partition}"))
    return Counter(source, file_format, source.deliveries.__setitem__, source.deliveries.pop)


def files(file_format: str, folder: Path) -> Counter:
    def path(key: str) -> Path:
        return folder / f"{key}.{file_format}"

    source = FilesSourceReader(folder, dataset("files", file_format, path=f"{{partition}}.{file_format}"))
    return Counter(source, file_format, lambda key, data: path(key).write_bytes(data), lambda key: path(key).unlink())


def objects(file_format: str, folder: Path) -> Counter:
    bucket, client = new_bucket(), s3_client()

    def place(key: str) -> dict[str, str]:
        return {"Bucket": bucket.name, "Key": f"rides/day={key}/part-0.{file_format}"}

    section = dataset("s3", file_format, bucket=bucket.name, prefix="rides/day={partition}/")
    return Counter(
        S3SourceReader(section, bucket),
        file_format,
        lambda key, data: client.put_object(**place(key), Body=data),
        lambda key: client.delete_object(**place(key)),
    )


@pytest.fixture(params=["csv", "parquet"])
def file_format(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[memory, files, objects], ids=lambda maker: maker.__name__)
def counter(request: pytest.FixtureRequest, file_format: str, tmp_path: Path) -> Counter:
    return request.param(file_format, tmp_path)


class TestSource:
    def test_a_day_is_read_in_declared_columns_and_types(self, counter: Counter):
        rows = demand_rows(KEY)
        wider = rows.append_column("note", [["x"] * rows.num_rows]).select(["note", *reversed(rows.column_names)])
        counter.deliver(KEY, counter.encoded(wider))
        raw = counter.source.read(KEY)
        assert raw.table.schema == arrow_schema(demand_spec().dataset.columns)
        assert raw.table.equals(rows.cast(raw.table.schema))
        assert KEY in raw.source_uri
        assert "://" in raw.source_uri

    def test_the_same_delivery_has_the_same_etag_and_another_one_another(self, counter: Counter):
        counter.deliver(KEY, counter.encoded(demand_rows(KEY)))
        first, again = counter.source.read(KEY), counter.source.read(KEY)
        counter.deliver(KEY, counter.encoded(demand_rows(KEY, level=2.0)))
        other = counter.source.read(KEY)
        assert first.source_etag == again.source_etag != other.source_etag
        assert first.source_etag
        assert not other.table.equals(first.table)

    def test_a_day_without_a_delivery_is_missing(self, counter: Counter):
        counter.deliver(OTHER_KEY, counter.encoded(demand_rows(OTHER_KEY)))
        with pytest.raises(PartitionMissingError, match=KEY):
            counter.source.read(KEY)

    def test_a_delivery_that_is_gone_again_is_missing(self, counter: Counter):
        counter.deliver(KEY, counter.encoded(demand_rows(KEY)))
        counter.source.read(KEY)
        counter.take_back(KEY)
        with pytest.raises(PartitionMissingError, match=KEY):
            counter.source.read(KEY)

    def test_a_delivery_without_rows_is_unreadable(self, counter: Counter):
        for content in (b"", b" \n", counter.encoded(demand_rows(KEY).slice(0, 0))):
            counter.deliver(KEY, content)
            with pytest.raises(PartitionUnreadableError, match=f"{KEY}.*is empty"):
                counter.source.read(KEY)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
    def test_a_cut_delivery_is_unreadable(self, counter: Counter, share: float):
        content = counter.encoded(demand_rows(KEY))
        cut = content[: int(len(content) * share)]
        if counter.format == "csv":
            cut = cut[: cut.rindex(b",")]  # in a whole line's last field nobody can tell
        counter.deliver(KEY, cut)
        with pytest.raises(PartitionUnreadableError, match="cut short"):
            counter.source.read(KEY)

    def test_a_delivery_of_another_format_is_unreadable(self, counter: Counter):
        counter.deliver(KEY, b"\x1f\x8b\x08\x00" + bytes(range(256)) * 4)
        with pytest.raises(PartitionUnreadableError, match=KEY):
            counter.source.read(KEY)

    def test_a_delivery_without_a_declared_column_is_unreadable(self, counter: Counter):
        rows = demand_rows(KEY).rename_columns(["day", "hour", "temprature", "weather", "rentals"])
        counter.deliver(KEY, counter.encoded(rows))
        with pytest.raises(PartitionUnreadableError, match="'temperature' is missing .* did you mean 'temprature'"):
            counter.source.read(KEY)

    def test_a_value_of_another_type_is_unreadable(self, counter: Counter):
        rows = demand_rows(KEY)
        hours = pc.cast(rows["hour"], pa.string())
        rows = rows.set_column(1, "hour", pc.if_else(pc.equal(hours, "7"), "seven", hours))
        counter.deliver(KEY, counter.encoded(rows))
        with pytest.raises(PartitionUnreadableError, match="column 'hour' holds 'seven'") as caught:
            counter.source.read(KEY)
        assert len(str(caught.value)) <= MAX_MESSAGE_CHARACTERS

    @pytest.mark.parametrize("key", ["", "2024-1-5", "../2024-01-05", "2024-01-05\n", "*", "2024-02-30"])
    def test_what_is_no_day_is_refused_before_anything_is_read(self, counter: Counter, key: str):
        with pytest.raises(PartitionKeyError):
            counter.source.read(key)
