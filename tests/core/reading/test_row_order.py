"""In memory or through runs on disk: the same rows give the same order, the same hash and the same file."""

import errno
import random
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from fakes.whole_tables import canonical_table, content_sha256
from titlebout.core import snapshots
from titlebout.core.errors import PartitionUnreadableError, UnavailableError
from titlebout.core.reading.casting import arrow_schema, cast_table
from titlebout.core.reading.row_order import RowOrder
from titlebout.core.snapshots import WrittenRows, write_snapshot

COLUMNS = {
    "day": "date",
    "at": "timestamp",
    "hour": "integer",
    "temperature": "number",
    "weather": "text",
    "holiday": "flag",
}
DATASET = demand_spec(
    dataset__columns=COLUMNS,
    dataset__key_columns=["weather", "hour"],
    dataset__target="temperature",
    training__features={"numeric": ["hour"]},
).dataset
SCHEMA = arrow_schema(DATASET.snapshot_columns)

ROWS = st.lists(
    st.tuples(
        st.none() | st.dates(date(2024, 1, 1), date(2024, 1, 3)),
        # Far outside Python's calendar too.
        st.none() | st.sampled_from([-(2**62), -1, 0, 1, 2**62]),
        st.none() | st.integers(0, 2) | st.sampled_from([2**63 - 1, -(2**63)]),
        st.none() | st.sampled_from([0.0, -1.5, 1e300, float("inf"), float("-inf"), 5e-324]),
        st.none() | st.sampled_from(["", "a", "ab", "b", "Z", "ä", "\U0001f600", "\uffff", "a\0b"]),
        st.none() | st.booleans(),
    ),
    max_size=60,
)


def table(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[]] * len(SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(list(values), field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def written(pieces, path: Path) -> tuple[WrittenRows, bytes]:
    result = write_snapshot(pieces, DATASET, path)
    return result, path.read_bytes()


@settings(max_examples=75, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(ROWS, st.integers(1, 9), st.randoms(use_true_random=False), st.sampled_from([2, 3, 64]))
def test_both_ways_write_the_same_bytes(tmp_path: Path, rows, batch_rows: int, dice: random.Random, fan_in: int):
    rows = [(day, None if at and abs(at) > 1 else at, *rest) for day, at, *rest in rows]
    in_memory = canonical_table(table(rows), DATASET)
    expected = written([in_memory], tmp_path / "memory.parquet")
    assert expected[0].content_sha256 == content_sha256(in_memory)
    dice.shuffle(rows)
    order = RowOrder(DATASET, run_bytes=100, fan_in=fan_in)
    pieces = order.sort_stream(table(rows).to_batches(max_chunksize=batch_rows), tmp_path)
    assert written(pieces, tmp_path / "disk.parquet") == expected
    assert not list(tmp_path.glob("run-*"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(ROWS, st.integers(1, 9))
def test_runs_are_merged_into_the_order_of_memory(tmp_path: Path, rows, batch_rows: int):
    pieces = list(RowOrder(DATASET, run_bytes=100, fan_in=3).sort_stream(table(rows).to_batches(batch_rows), tmp_path))
    merged = pa.concat_tables(pieces)
    assert merged.equals(RowOrder(DATASET).sort(table(rows)))
    assert content_sha256(merged) == content_sha256(canonical_table(table(rows), DATASET))


def test_a_million_rows_go_through_pieces_of_a_bounded_size(tmp_path: Path):
    dice = random.Random(7)
    numbers = [dice.randrange(1000) for _ in range(200_000)]
    rows = pa.table({name: pa.nulls(len(numbers), SCHEMA.field(name).type) for name in SCHEMA.names})
    rows = rows.set_column(2, "hour", pa.array(numbers)).cast(SCHEMA)
    pieces = list(RowOrder(DATASET, run_bytes=1 << 20).sort_stream(rows.to_batches(max_chunksize=5_000), tmp_path))
    assert max(piece.nbytes for piece in pieces) < 12 << 20
    assert pa.concat_tables(pieces).column("hour").to_pylist() == sorted(numbers)


@pytest.mark.parametrize("rows_per_group", [1, 3, 7, 1000])
def test_where_pieces_end_is_no_part_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_group: int):
    monkeypatch.setattr(snapshots, "ROWS_PER_GROUP", rows_per_group)
    rows = [(date(2024, 1, 1), None, number, number / 3, "x" * (number % 5), None) for number in range(50)]
    whole = table(rows)
    expected = written([whole], tmp_path / "whole.parquet")
    for size in (1, 4, 9, 50):
        pieces = [whole.slice(start, size) for start in range(0, 50, size)]
        assert written([pieces[0].slice(0, 0), *pieces], tmp_path / "pieces.parquet") == expected


def test_where_pieces_end_is_no_part_of_a_page(tmp_path: Path):
    dice = random.Random(4)
    whole = table([(None, None, number, dice.random(), f"{dice.random():.12f}", None) for number in range(100_000)])
    expected = written([whole], tmp_path / "whole.parquet")
    pieces = [whole.slice(start, 999) for start in range(0, whole.num_rows, 999)]
    assert written(pieces, tmp_path / "pieces.parquet") == expected


def test_rows_in_other_types_are_cast_before_they_are_sorted(tmp_path: Path):
    rows = table([(None, None, 2, 1.0, "a", None), (None, None, 1, 1.0, "a", None)])
    narrow = rows.set_column(2, "hour", rows.column("hour").cast(pa.int8()))
    (piece,) = RowOrder(DATASET).sort_stream(narrow.to_batches(), tmp_path)
    assert piece.schema == SCHEMA
    assert piece.column("hour").to_pylist() == [1, 2]
    with pytest.raises(PartitionUnreadableError, match="'hour' is missing"):
        list(RowOrder(DATASET).sort_stream(rows.drop_columns("hour").to_batches(), tmp_path))


def test_a_full_disk_is_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pa.ipc, "new_file", fail)
    rows = cast_table(table([(None, None, 1, 1.0, "a", None)] * 20), DATASET.snapshot_columns, "x")
    with pytest.raises(UnavailableError, match="No space left on device; make room for temporary files"):
        list(RowOrder(DATASET, run_bytes=1).sort_stream(rows.to_batches(), tmp_path))


def test_who_stops_early_leaves_no_runs(tmp_path: Path):
    rows = table([(None, None, number, None, None, None) for number in range(100)])
    pieces = RowOrder(DATASET, run_bytes=100).sort_stream(rows.to_batches(max_chunksize=10), tmp_path)
    next(pieces)
    assert list(tmp_path.iterdir())
    pieces.close()
    assert not list(tmp_path.iterdir())
