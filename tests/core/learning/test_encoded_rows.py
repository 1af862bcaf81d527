import numpy as np
import pytest

from titlebout.core.errors import UnavailableError
from titlebout.core.learning import encoded_rows
from titlebout.core.learning.encoded_rows import EncodedRows

MATRIX = np.random.default_rng(0).normal(size=(103, 3)).astype(np.float32)
MATRIX[5, 1] = np.nan


@pytest.fixture(autouse=True)
def ten_rows_a_batch(monkeypatch):
    monkeypatch.setattr(encoded_rows, "BATCH_BYTES", 10 * 3 * 4)


@pytest.fixture(params=["memory", "disk"])
def where(request, tmp_path):
    return None if request.param == "memory" else tmp_path


@pytest.mark.parametrize("pieces", [1, 4, 103])
def test_rows_come_back_in_batches_of_one_size_whatever_pieces_they_came_in(where, pieces):
    encoded = EncodedRows(3, where)
    encoded.reserve(len(MATRIX))
    for piece in np.array_split(MATRIX, pieces):
        encoded.append(piece)
    for _ in range(2):
        found = [*encoded.batches(0, 103)]
        assert [part.stop - part.start for part, _ in found] == [10] * 10 + [3]
        np.testing.assert_array_equal(np.concatenate([batch for _, batch in found]), MATRIX)
    tail = [*encoded.batches(95, 103)]
    np.testing.assert_array_equal(tail[0][1], MATRIX[95:103])
    encoded.forget()


def test_no_rows_are_no_batches(where):
    assert [*EncodedRows(3, where).batches(0, 0)] == []


def test_a_file_has_no_name_that_could_be_left_behind(tmp_path):
    encoded = EncodedRows(3, tmp_path)
    encoded.append(MATRIX)
    assert [*tmp_path.iterdir()] == []
    encoded.forget()


def test_a_full_disk_is_worth_another_try(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encoded_rows.os, "write", full)
    with pytest.raises(UnavailableError, match="No space left on device; make room"):
        EncodedRows(3, tmp_path).append(MATRIX)
