"""A bounded sample of any file, or one clear error."""

import bz2
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titlebout.core.drafts.draft_reading import sample_file
from titlebout.core.drafts.draft_sample import Budget
from titlebout.core.errors import PartitionEmptyError, PartitionUnreadableError
from titlebout.core.specs.dataset_spec import FileFormat

BUDGET = Budget(bytes=1 << 20, rows=1000)


def sample(content, where="rides.csv", budget=BUDGET, delimiter=None):
    return sample_file(io.BytesIO(content), where, budget, delimiter)


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    lines = ["day,price,note", "2024-01-01,1,a", "2024-01-02,2,b"]
    found = sample("\n".join(lines).replace(",", delimiter).encode())
    assert (found.format, found.delimiter, found.is_whole) == (FileFormat.CSV, delimiter, True)
    assert found.table.column_names == ["day", "price", "note"]


def test_decimal_commas_are_not_taken_for_delimiters():
    found = sample(b"a;b\n1,5;2,5\n3,5;4,5\n")
    assert found.delimiter == ";"
    assert found.table.column("a").to_pylist() == ["1,5", "3,5"]


def test_a_byte_order_mark_is_no_part_of_a_name():
    assert sample(b"\xef\xbb\xbfday,x\n2024-01-01,1\n").table.column_names == ["day", "x"]


def test_quoted_names_and_values_may_span_lines():
    found = sample(b'"a ""b""","c\nd"\n"1\n2",3\n')
    assert found.table.to_pydict() == {'a "b"': ["1\n2"], "c\nd": ["3"]}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_compressed_text_is_known_by_its_bytes(pack):
    found = sample(pack(b"day,x\n2024-01-01,1\n"), "rides.bin")
    assert found.is_compressed
    assert found.table.num_rows == 1


def test_the_index_of_a_pandas_frame_is_no_column():
    found = sample(parquet(pa.table({"x": [1, 2], "__index_level_0__": [7, 3]})))
    assert found.table.column_names == ["x"]
    assert "index of a pandas frame" in found.left_out["__index_level_0__"]


def test_columns_that_no_spec_can_name_are_left_out_with_the_reason():
    found = sample(b"day,x,x,," + b"n" * 129 + b"\n1,2,3,4,5\n")
    assert found.table.column_names == ["day"]
    assert "2 columns have this name" in found.left_out["x"]
    assert "it has no name" in found.left_out.values()
    assert len(found.left_out) == 3


def test_lines_with_other_fields_are_counted():
    found = sample(b"a,b\n" + b"1,2\n" * 20 + b"1,2,3\n")
    assert (found.table.num_rows, found.bad_lines) == (20, 1)


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", PartitionEmptyError, "no content"),
        (b" \n\n", PartitionEmptyError, "no content"),
        (b"a,b\n", PartitionEmptyError, "one line, the header"),
        (b"\x00\x01\x02garbage" * 50, PartitionUnreadableError, "null bytes"),
        ("größe;x\n1;2\n".encode("latin-1"), PartitionUnreadableError, "UTF-8"),
        (b"day\n2024-01-01\n", PartitionUnreadableError, "no delimiter"),
        (b"1,2\n3,4\n", PartitionUnreadableError, "holds values, not names"),
        (b"PK\x03\x04rest", PartitionUnreadableError, "workbook"),
        (b"PAR1 and nothing else", PartitionUnreadableError, "Parquet"),
        (b'[{"a": 1}]', PartitionUnreadableError, "JSON array"),
        (b'{"a": 1}\n{"a":\n', PartitionUnreadableError, "line 2"),
        (b'{"a": 1}\n{} 3\n', PartitionUnreadableError, "line 2"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:30], PartitionUnreadableError, "cut short"),
    ],
)
def test_what_cannot_be_read_has_one_clear_error(content, error, said):
    with pytest.raises(error, match=said):
        sample(content)


def test_a_large_csv_is_sampled_from_all_over_it_in_bounded_rows():
    lines = b"".join(b"%d,%d\n" % (number, number % 7) for number in range(400_000))
    found = sample(b"n,x\n" + lines, budget=Budget(bytes=100_000, rows=5000))
    numbers = [int(number) for number in found.table.column("n").to_pylist()]
    assert not found.is_whole
    assert len(numbers) <= 5000
    assert numbers[0] == 0
    assert numbers[-1] == 399_999
    assert numbers == sorted(numbers)


def test_a_large_parquet_is_sampled_from_all_over_it():
    table = pa.table({"n": range(100_000)})
    found = sample(parquet(table, row_group_size=5000), budget=Budget(bytes=1, rows=800))
    assert (found.format, found.is_whole, found.table.num_rows) == (FileFormat.PARQUET, False, 800)
    assert found.table.column("n")[-1].as_py() > 90_000


def test_types_that_no_spec_can_read_are_left_out():
    found = sample(parquet(pa.table({"n": [1], "list": [[1]], "bytes": [b"x"], "nothing": pa.nulls(1)})))
    assert found.table.column_names == ["n", "nothing"]
    assert set(found.left_out) == {"list", "bytes"}


def test_an_empty_parquet_is_empty():
    with pytest.raises(PartitionEmptyError):
        sample(parquet(pa.table({"n": pa.array([], pa.int64())})))


def test_json_lines_keep_their_types_and_mixed_ones_become_texts():
    rows = [{"n": 1, "x": 0.5, "s": "a", "mixed": 1, "deep": {"a": 1}}, {"n": 2, "mixed": "b", "huge": 10**30}]
    found = sample("\n".join(map(json.dumps, rows)).encode())
    assert found.format is FileFormat.JSONL
    assert found.table.column("n").to_pylist() == [1, 2]
    assert found.table.column("mixed").to_pylist() == ["1", "b"]
    assert found.table.column("huge").type == pa.string()
    assert set(found.left_out) == {"deep"}
