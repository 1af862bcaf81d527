from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titlebout.core.drifting import row_evidence
from titlebout.core.drifting.partition_profile import ProfiledColumn, ProfileQuestion
from titlebout.core.drifting.row_evidence import rows_told_apart
from titlebout.core.results import SnapshotRef
from titlebout.core.specs.dataset_spec import ColumnType

QUESTION = ProfileQuestion(
    columns={"x": ProfiledColumn(ColumnType.NUMBER, "numbers"), "c": ProfiledColumn(ColumnType.TEXT, "categories")}
)


@pytest.fixture
def snapshot(tmp_path):
    def written(number, *, rows=400, names=("a", "b"), mean=0.0):
        rng = np.random.default_rng(number)
        x = pa.array(rng.normal(size=rows) + mean, mask=rng.random(rows) < 0.1)
        table = pa.table({"x": x, "c": pa.array(rng.choice([*names], size=rows).tolist(), pa.string())})
        path = tmp_path / f"{number}.parquet"
        pq.write_table(table, path, row_group_size=100)
        sha256 = f"{number:064x}"
        return SnapshotRef(
            partition=f"2024-01-{number:02}",
            revision=1,
            data_path=str(path),
            data_sha256=sha256,
            rows=rows,
            max_time=None,
        )

    return written


def locate(ref):
    return Path(ref.data_path)


def test_the_column_that_changed_is_named_first(snapshot):
    training = [snapshot(at) for at in range(1, 6)]
    found = rows_told_apart(QUESTION, locate, training, [snapshot(9, names=("b", "z"))])
    assert found.low > 0.5
    assert next(iter(found.columns)) == "c"
    assert rows_told_apart(QUESTION, locate, training, [snapshot(9, mean=2.0)]).columns["x"] > 0.8


def test_the_same_snapshots_give_the_same_answer_and_no_more_rows_than_wanted(snapshot, monkeypatch):
    monkeypatch.setattr(row_evidence, "MOST_ROWS", 300)
    monkeypatch.setattr(row_evidence, "MOST_PARTITIONS", 3)
    training, newest = [snapshot(at) for at in range(1, 8)], [snapshot(8), snapshot(9)]
    read = []

    def counted(ref):
        read.append(ref.partition)
        return locate(ref)

    found = rows_told_apart(QUESTION, counted, training, newest)
    assert found == rows_told_apart(QUESTION, locate, training, newest)
    assert (found.reference_rows, found.rows) == (300, 300)
    assert read == ["2024-01-01", "2024-01-04", "2024-01-07", "2024-01-08", "2024-01-09"]


def test_a_few_rows_or_no_column_prove_nothing(snapshot):
    assert rows_told_apart(QUESTION, locate, [snapshot(1)], [snapshot(2, rows=3)]) is None
    assert rows_told_apart(ProfileQuestion(columns={}), locate, [snapshot(1)], [snapshot(2)]) is None
    assert rows_told_apart(QUESTION, locate, [], [snapshot(2)]) is None
