"""Samples of several files as one table."""

import pyarrow as pa
import pytest

from titlebout.core.drafts.draft_rows import Samples, all_rows
from titlebout.core.drafts.draft_sample import FileSample
from titlebout.core.errors import PartitionUnreadableError, SpecError
from titlebout.core.specs.dataset_spec import FileFormat


def sample(where="a.csv", kind=FileFormat.CSV, **columns):
    return FileSample(where, kind, pa.table(columns), is_whole=True)


def rows_of(*samples):
    return all_rows(samples, [None] * len(samples), is_whole=True)


def test_a_column_whose_type_changes_between_files_holds_both():
    assert rows_of(sample(x=[1]), sample(x=[1.5])).table.column("x").to_pylist() == [1.0, 1.5]
    assert rows_of(sample(x=[1]), sample(x=["a"])).table.column("x").to_pylist() == ["1", "a"]
    assert rows_of(sample(x=pa.nulls(1)), sample(x=[2])).table.column("x").to_pylist() == [None, 2]


def test_a_column_that_some_files_lack_cannot_be_read():
    found = rows_of(sample(x=[1], y=[1]), sample(x=[2]))
    assert found.table.column_names == ["x"]
    assert found.left_out["y"] == "1 of 2 files do not have it"


def test_files_of_two_kinds_are_refused():
    with pytest.raises(SpecError, match="files of one kind"):
        rows_of(sample(x=[1]), sample("b.parquet", FileFormat.PARQUET, x=[1]))


def test_a_bad_file_among_good_ones_is_noted_and_passed_over():
    def broken():
        message = "b.csv: is cut short"
        raise PartitionUnreadableError(message)

    samples = Samples()
    samples.take(lambda: sample(x=[1]), "2024-01-01")
    samples.take(broken, "2024-01-02")
    found = samples.rows(is_whole=True)
    assert [part.partition for part in found.parts] == ["2024-01-01"]
    assert "b.csv: is cut short" in found.remarks[0]
    assert not found.is_whole


def test_bad_files_alone_raise_what_is_wrong_with_them():
    def broken():
        message = "b.csv: is cut short"
        raise PartitionUnreadableError(message)

    samples = Samples()
    samples.take(broken, None)
    with pytest.raises(PartitionUnreadableError, match="cut short"):
        samples.rows(is_whole=True)
