import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
from titlebout.core.drifting import parquet_profile
from titlebout.core.drifting.parquet_profile import profile_parquet
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.errors import CorruptObjectError, FieldError, PartitionUnreadableError
from titlebout.core.partitions import keys_between

QUESTION = ProfileQuestion.of(demand_spec())
ROWS = pa.concat_tables([demand_rows(key) for key in keys_between("2024-01-01", "2024-01-08")])


def written(folder, rows=ROWS, **options):
    pq.write_table(rows, folder / "rows.parquet", **options)
    return folder / "rows.parquet"


def replaced(name, values):
    return ROWS.set_column(ROWS.column_names.index(name), name, values)


def test_a_file_has_the_profile_of_its_rows(tmp_path):
    assert profile_parquet(QUESTION, written(tmp_path), threads=1) == PartitionProfile.of_pieces(QUESTION, [ROWS])


@pytest.mark.parametrize("threads", [2, 5, 50])
def test_parallel_workers_make_the_same_profile_as_one(tmp_path, threads):
    path = written(tmp_path, row_group_size=11)
    assert profile_parquet(QUESTION, path, threads=threads) == profile_parquet(QUESTION, path, threads=1)


def test_it_is_read_in_bounded_pieces_with_the_same_counts(tmp_path, monkeypatch):
    path = written(tmp_path, row_group_size=50)
    whole = profile_parquet(QUESTION, path, threads=1)
    monkeypatch.setattr(parquet_profile, "ROWS_PER_PIECE", 7)
    pieces = profile_parquet(QUESTION, path, threads=1)
    assert (pieces.rows, pieces.columns["weather"]) == (whole.rows, whole.columns["weather"])
    assert pieces.columns["rentals"].sketch == whole.columns["rentals"].sketch
    assert pieces.columns["rentals"].moments.mean == pytest.approx(whole.columns["rentals"].moments.mean)


@pytest.mark.parametrize("is_dictionary", [True, False])
def test_names_are_counted_by_the_files_dictionary_and_without_one(tmp_path, is_dictionary):
    holes = [None, None, *ROWS["weather"].to_pylist()[2:]]
    path = written(tmp_path, replaced("weather", pa.array(holes)), row_group_size=40, use_dictionary=is_dictionary)
    found = profile_parquet(QUESTION, path, threads=1).columns["weather"]
    assert found.missing == 2
    assert found.categories.counts == {name: holes.count(name) for name in ("clear", "cloudy", "rain")}


def test_missing_numbers_and_whole_numbers_are_read_as_they_are(tmp_path):
    hours = ROWS["hour"].to_pylist()
    path = written(tmp_path, replaced("hour", pa.array([None, *hours[1:]], pa.int64())), row_group_size=40)
    found = profile_parquet(QUESTION, path, threads=1).columns["hour"]
    assert (found.missing, found.present) == (1, len(hours) - 1)
    assert found.moments.mean == pytest.approx(np.mean(hours[1:]))


def test_what_was_ingested_under_another_spec_is_cast(tmp_path):
    path = written(tmp_path, replaced("temperature", ROWS["temperature"].cast(pa.float32())))
    found = profile_parquet(QUESTION, path, threads=1).columns["temperature"]
    assert found.sketch == profile_parquet(QUESTION, written(tmp_path), threads=1).columns["temperature"].sketch


def test_a_column_that_is_missing_or_cannot_become_what_is_declared_is_an_error(tmp_path):
    with pytest.raises(PartitionUnreadableError, match=r"day 7: column 'hour' is missing among 4 columns; found: "):
        profile_parquet(QUESTION, written(tmp_path, ROWS.drop_columns(["hour"])), threads=1, where="day 7")
    with pytest.raises(PartitionUnreadableError, match="'temperature' holds 'warm', which is no number"):
        profile_parquet(QUESTION, written(tmp_path, replaced("temperature", pa.array(["warm"] * len(ROWS)))), threads=1)


def test_a_number_that_no_model_could_score_is_named_with_its_column_and_partition(tmp_path):
    path = written(tmp_path, replaced("temperature", pa.array([np.inf] * len(ROWS))))
    with pytest.raises(FieldError, match=r"'temperature' in snapshot of 2024-01-07 holds infinity or a number beyond"):
        profile_parquet(QUESTION, path, threads=2, where="snapshot of 2024-01-07")


def test_what_is_no_parquet_file_is_corrupt(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(CorruptObjectError, match="is no Parquet file; ingest it again"):
        profile_parquet(QUESTION, tmp_path / "rows.parquet", threads=1)
