import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titlebout.core.reading.parquet_rows import parquet_table

READS = """
import sys
from datetime import UTC
from pathlib import Path
from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.reading.parquet_rows import parquet_table
table = parquet_table(Path(sys.argv[1]).read_bytes())
assert list(SnapshotColumn(table, "a", "integer", UTC).numbers())[::2] == [1, 3]
assert list(SnapshotColumn(table, "b", "text", UTC).map(len))[::2] == [1, 2]
sys.exit("pandas" in sys.modules)
"""

COUNTS_THREADS = """
import os, sys
from pathlib import Path
from titlebout.core.reading.parquet_rows import parquet_table
data, threads = Path(sys.argv[1]).read_bytes(), Path("/proc/self/task")
before = len([*threads.iterdir()])
parquet_table(data)
sys.exit(len([*threads.iterdir()]) - before)
"""


def written(table: pa.Table, **options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def lengths(table: pa.Table) -> list[list[int]]:
    return [[len(chunk) for chunk in column.chunks if len(chunk)] for column in table.columns]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_whole_file_has_a_chunk_per_row_group_as_arrow_itself_reads_it(rows):
    table = pa.table({"a": pa.array(range(rows), pa.int64()), "b": pa.array(["x", None, "y", "x", "z"][:rows])})
    data = written(table, row_group_size=2)
    found, usual = parquet_table(data), pq.read_table(io.BytesIO(data))
    assert found.equals(usual, check_metadata=True)
    assert lengths(found) == lengths(usual)


def test_what_is_no_parquet_is_an_error_of_arrow():
    with pytest.raises(pa.ArrowException):
        parquet_table(b"PAR1 and then nothing")


def test_reading_a_whole_file_and_its_values_loads_no_pandas(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(written(pa.table({"a": pa.array([1, None, 3]), "b": pa.array(["x", None, "xx"])})))
    subprocess.run([sys.executable, "-c", READS, path], check=True)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list the threads of a process")
def test_no_thread_is_left_that_could_abort_a_process_that_ends_right_afterwards(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(written(pa.table({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})))
    assert subprocess.run([sys.executable, "-c", COUNTS_THREADS, path], check=False).returncode == 0
