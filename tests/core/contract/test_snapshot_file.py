"""What a Parquet file's footer says of its columns, and which of its rows stand for all."""

import numpy as np
import pyarrow as pa
import pytest

from fakes.judged_days import stored
from titlebout.core.contract import snapshot_file
from titlebout.core.contract.snapshot_file import Extent, SnapshotFile, numbers, spread
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.suites.decoded_column import DecodedColumn

TABLE = pa.table(
    {
        "number": pa.array([None, 2.5, -1.0, 2.5]),
        "whole": pa.array([3, 3, 3, 3], pa.int64()),
        "text": pa.array(["b", None, "a", "c"]),
        "flag": pa.array([True, True, None, True]),
        "empty": pa.array([None] * 4, pa.float64()),
        "day": pa.array([19783, 19784, 19783, 19783], pa.date32()),
    }
)
EXTENTS = {
    "number": Extent(1, -1.0, 2.5),
    "whole": Extent(0, 3, 3),
    "text": Extent(1, b"a", b"c"),
    "flag": Extent(1, True, True),
    "empty": Extent(4, None, None),
    "day": Extent(0, 19783, 19784),
}


@pytest.mark.parametrize("name", EXTENTS)
@pytest.mark.parametrize("options", [{}, {"row_group_size": 1}, {"write_statistics": False}])
def test_nulls_and_extremes_are_the_same_with_and_without_statistics_in_the_footer(name, options):
    found = SnapshotFile(stored(TABLE, **options), TABLE.column_names).extent(name)
    assert found == EXTENTS[name]


def test_texts_too_long_for_a_footer_are_read():
    table = pa.table({"text": ["b" * 9000, "a"]})
    assert SnapshotFile(stored(table), ["text"]).extent("text") == Extent(0, b"a", b"b" * 9000)


@pytest.mark.parametrize("small_rows", [0, 10])
def test_a_column_is_the_same_in_a_small_and_in_a_large_file(small_rows, monkeypatch):
    monkeypatch.setattr(snapshot_file, "_SMALL_ROWS", small_rows)
    file = SnapshotFile(stored(TABLE, row_group_size=3), ["number", "text"])
    assert numbers(DecodedColumn("number", file.column("number"))).tolist()[1:] == [2.5, -1.0, 2.5]
    text = DecodedColumn("text", file.column("text"))
    assert [text.shown(row) for row in range(4)] == ["b", None, "a", "c"]
    assert len(file.sample("number")) == (3 if not small_rows else 4)


def test_a_sample_holds_the_same_rows_of_every_column():
    rows = 20_000
    table = pa.table({"one": pa.array(range(rows), pa.int64()), "other": pa.array(map(float, range(rows)))})
    file = SnapshotFile(stored(table), table.column_names)
    one, other = (DecodedColumn(name, file.sample(name)).values for name in table.column_names)
    assert len(one) == 5000
    assert one.tolist() == other.tolist() == file.sampled_rows.tolist()


def test_evenly_spread_rows_are_in_no_step_with_a_pattern():
    counts = np.bincount(spread(960_000, 4000) % 4)
    assert counts.min() > 950


@pytest.mark.parametrize(("rows", "wanted"), [(0, 5), (5, 5), (6, 5), (10**7, 1000)])
def test_rows_are_chosen_once_and_in_order(rows, wanted):
    chosen = spread(rows, wanted)
    assert len(chosen) == min(rows, wanted)
    assert (np.diff(chosen) > 0).all()
    assert not len(chosen) or (chosen[0] >= 0 and chosen[-1] < rows)


@pytest.mark.parametrize(
    ("extent", "inside"),
    [
        (Extent(0, 5, 9), True),
        (Extent(0, 5, 10), False),
        (Extent(0, 4, 9), False),
        (Extent(1, 5, 9), False),
        (Extent(3, None, None), False),
    ],
)
def test_only_a_full_column_inside_the_bounds_lies_within(extent, inside):
    assert extent.lies_within(5, 10) is inside


def test_infinity_is_no_number():
    column = DecodedColumn("x", pa.chunked_array([pa.array([1.0, float("inf"), None])]))
    assert np.isnan(numbers(column)).tolist() == [False, True, True]


def test_a_file_that_is_no_parquet_is_unreadable(tmp_path):
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1 or so")
    with pytest.raises(PartitionUnreadableError, match="ingest the partition again"):
        SnapshotFile(path, [])


@pytest.mark.parametrize("small_rows", [0, 10_000])
@pytest.mark.parametrize("read", [SnapshotFile.column, SnapshotFile.sample])
def test_pages_that_cannot_be_decoded_are_unreadable(tmp_path, read, small_rows, monkeypatch):
    monkeypatch.setattr(snapshot_file, "_SMALL_ROWS", small_rows)
    path = stored(pa.table({"x": pa.array(range(5000), pa.int64())}), write_page_checksum=False)
    content = bytearray(path.read_bytes())
    content[4:2000] = bytes(1996)
    broken = tmp_path / "data.parquet"
    broken.write_bytes(content)
    file = SnapshotFile(broken, ["x"])
    with pytest.raises(PartitionUnreadableError):
        read(file, "x")
