"""One canonical form, one hash, one file."""

import errno
import hashlib
import itertools
import random
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.lake import MemoryLake
from fakes.specs import demand_spec
from fakes.whole_tables import canonical_table, content_sha256
from titlebout.core.errors import CorruptObjectError, ObjectMissingError, PartitionUnreadableError, UnavailableError
from titlebout.core.results import SnapshotRef
from titlebout.core.snapshots import event_times, read_snapshot, write_snapshot

DATASET = demand_spec().dataset
ROWS = {
    "rentals": [5.0, 7.5, None, 5.0, 1.0],
    "day": ["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-01", None],
    "hour": [0, 1, 0, 1, 3],
    "temperature": [1.5, -0.0, float("nan"), None, 2.0],
    "weather": ["clear", "", "rain", None, "ß"],
    "note": ["left", "out", "of", "the", "snapshot"],
}


def raw(rows: dict | None = None) -> pa.Table:
    return pa.table(ROWS if rows is None else rows)


def ref(path: str, content: bytes) -> SnapshotRef:
    sha256 = hashlib.sha256(content).hexdigest()
    return SnapshotRef(partition="2024-01-01", revision=1, data_path=path, data_sha256=sha256, rows=5, max_time=None)


def test_only_declared_columns_stay_in_the_order_of_the_spec():
    assert canonical_table(raw(), DATASET).column_names == list(DATASET.columns)


def test_rows_are_sorted_by_key_and_then_by_everything_else():
    table = canonical_table(raw(), DATASET).select(["day", "hour", "temperature", "rentals"])
    first = date(2024, 1, 1)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (first, 0, None, None),
        (first, 1, 0.0, 7.5),
        (first, 1, None, 5.0),
        (date(2024, 1, 2), 0, 1.5, 5.0),
        (None, 3, 2.0, 1.0),
    ]


def test_a_canonical_table_has_one_chunk_and_stays_itself():
    table = canonical_table(pa.concat_tables([raw(), raw()]), DATASET)
    assert {column.num_chunks for column in table.columns} == {1}
    assert canonical_table(table, DATASET).equals(table)


@settings(max_examples=50)
@given(st.permutations(range(5)), st.lists(st.integers(0, 5), max_size=3))
def test_the_hash_knows_neither_the_order_nor_the_chunks_of_the_source(order: list[int], cuts: list[int]):
    expected = content_sha256(canonical_table(raw(), DATASET))
    shuffled = raw().take(order)
    bounds = [0, *sorted(cuts), 5]
    chunked = pa.concat_tables([shuffled.slice(a, b - a) for a, b in itertools.pairwise(bounds)])
    assert content_sha256(canonical_table(chunked, DATASET)) == expected


def test_the_hash_knows_neither_chunks_nor_slices_of_a_table():
    table = canonical_table(raw(), DATASET)
    pieces = pa.concat_tables([table.slice(0, 2), table.slice(2, 0), table.slice(2)])
    assert content_sha256(pieces) == content_sha256(table)
    assert content_sha256(pa.concat_tables([table, table]).slice(5)) == content_sha256(table)


def test_the_hash_is_the_same_tomorrow():
    """Snapshots are told apart by it for years: a change of it is a change of the format."""
    assert (
        content_sha256(canonical_table(raw(), DATASET))
        == "7704c326c638e6e851c4cc7671053d53c07448b48a5a58924880d63742d28a14"
    )


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("rentals", 0, 5.000001),
        ("rentals", 2, 0.0),  # was missing
        ("hour", 4, 4),
        ("temperature", 0, None),
        ("weather", 1, None),  # was the empty text
        ("weather", 1, " "),
        ("weather", 4, "ss"),
        ("day", 4, "2024-01-01"),
    ],
)
def test_any_other_value_gives_another_hash(column: str, row: int, value: object):
    changed = {name: list(values) for name, values in ROWS.items()}
    changed[column][row] = value
    assert content_sha256(canonical_table(raw(changed), DATASET)) != content_sha256(canonical_table(raw(), DATASET))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.date32(), [1, 2, None]),
        (pa.timestamp("us", tz="UTC"), [1, 2, None]),
        (pa.int64(), [1, 2, None]),
        (pa.bool_(), [True, False, None]),
        (pa.string(), ["a", "b", None]),
        (pa.float64(), [1.0, 2.0, None]),
    ],
)
def test_every_type_is_hashed_by_its_values_and_by_what_is_missing(kind: pa.DataType, values: list):
    tables = [pa.table({"a": pa.array(values[:end], kind)}) for end in range(4)]
    tables += [pa.table({"a": pa.array(values[::-1], kind)}), pa.table({"a": pa.nulls(3, kind)})]
    assert len({content_sha256(table) for table in tables}) == 6
    # What stands in the memory behind a null is no content.
    behind = pa.array([values[0], values[1], values[0]], kind)
    hidden = pa.Array.from_buffers(kind, 3, [pa.py_buffer(b"\x03"), *behind.buffers()[1:]])
    assert content_sha256(pa.table({"a": hidden})) == content_sha256(tables[3])


def test_texts_that_only_meet_at_another_place_give_another_hash():
    hashes = {content_sha256(pa.table({"a": texts})) for texts in (["ab", "c"], ["a", "bc"], ["abc", ""])}
    assert len(hashes) == 3


def test_another_name_or_type_gives_another_hash():
    tables = [pa.table({"a": [1]}), pa.table({"b": [1]}), pa.table({"a": pa.array([1], pa.int32())})]
    assert len({content_sha256(table) for table in tables}) == 3


@pytest.mark.parametrize("compression", ["zstd", "none", "snappy"])
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_the_hash_does_not_depend_on_the_encoding_of_the_file(tmp_path: Path, compression: str, use_dictionary: bool):
    table = canonical_table(raw(), DATASET)
    pq.write_table(table, tmp_path / "x", compression=compression, use_dictionary=use_dictionary, row_group_size=2)
    assert content_sha256(pq.read_table(tmp_path / "x")) == content_sha256(table)


def test_the_same_rows_give_the_same_file(tmp_path: Path):
    shuffled = list(range(5))
    random.Random(1).shuffle(shuffled)
    write_snapshot([canonical_table(raw(), DATASET)], DATASET, tmp_path / "a")
    write_snapshot([canonical_table(raw().take(shuffled), DATASET)], DATASET, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_snapshot_is_read_back_as_it_was_written(tmp_path: Path):
    table = canonical_table(raw(), DATASET)
    write_snapshot([table], DATASET, tmp_path / "data.parquet")
    content = (tmp_path / "data.parquet").read_bytes()
    lake = MemoryLake()
    lake.publish("a/data.parquet", content)
    assert read_snapshot(lake, ref("a/data.parquet", content)).equals(table)


def test_a_damaged_snapshot_is_never_parsed(monkeypatch: pytest.MonkeyPatch):
    lake = MemoryLake()
    lake.publish("a/data.parquet", b"damaged")
    monkeypatch.setattr(pq, "read_table", lambda source: pytest.fail("parsed before it was checked"))
    with pytest.raises(CorruptObjectError):
        read_snapshot(lake, ref("a/data.parquet", b"as it was"))


def test_a_snapshot_that_is_gone_or_no_parquet_is_told_apart():
    lake = MemoryLake()
    with pytest.raises(ObjectMissingError):
        read_snapshot(lake, ref("a/data.parquet", b""))
    lake.publish("a/data.parquet", b"text")
    with pytest.raises(CorruptObjectError, match="no Parquet file"):
        read_snapshot(lake, ref("a/data.parquet", b"text"))


def test_a_disk_that_refuses_is_unavailable_and_keeps_no_partial_file(tmp_path, monkeypatch):
    path = tmp_path / "data.parquet"

    def fill_the_disk(*args: object, **options: object) -> None:
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fill_the_disk)
    with pytest.raises(UnavailableError, match=r"cannot be written: No space left .* \d+ bytes are free"):
        write_snapshot([canonical_table(raw(), DATASET)], DATASET, path)
    assert not path.exists()


def test_event_times_are_the_first_and_the_last_in_utc():
    table = canonical_table(raw(), DATASET)
    assert event_times(table, "day") == (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    moments = pa.table({"at": pa.array([3_600_000_000, None, 1], pa.timestamp("us", tz="UTC"))})
    first, last = event_times(moments, "at")
    assert (first, last) == (datetime(1970, 1, 1, microsecond=1, tzinfo=UTC), datetime(1970, 1, 1, 1, tzinfo=UTC))
    assert last.tzinfo is UTC


def test_without_any_time_there_is_neither_first_nor_last():
    assert event_times(pa.table({"at": pa.nulls(3, pa.date32())}), "at") == (None, None)


@pytest.mark.parametrize("kind", [pa.timestamp("us", tz="UTC"), pa.date32()])
def test_a_time_beyond_the_calendar_is_refused(kind: pa.DataType):
    far = pa.array([2**62 if pa.types.is_timestamp(kind) else 2**30], pa.int64()).cast(
        pa.int64() if pa.types.is_timestamp(kind) else pa.int32()
    )
    with pytest.raises(PartitionUnreadableError, match="'at' holds a time outside the years 1 to 9999"):
        event_times(pa.table({"at": far.cast(kind)}), "at")
