import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.arrow_numpy import fixed_width_values, flag_values, presence

# Slices start in the middle of a byte of bits and of a buffer.
NUMBERS = pa.chunked_array([pa.array([9, 1, None, 3, 4]).slice(1), pa.array([], pa.int64()), pa.array([5])])
FLAGS = pa.chunked_array([pa.array([True] * 3 + [False, None, True, False, True, True]).slice(3), pa.array([False])])


def test_numbers_of_sliced_chunks_come_in_order():
    assert fixed_width_values(NUMBERS, np.int64)[[0, 2, 3, 4]].tolist() == [1, 3, 4, 5]


def test_flags_are_unpacked_from_any_bit():
    values = flag_values(FLAGS)

    assert values[[0, 2, 3, 4, 5, 6]].tolist() == [0, 1, 0, 1, 1, 0]


@pytest.mark.parametrize(("column", "missing"), [(NUMBERS, [1]), (FLAGS, [1])], ids=["numbers", "flags"])
def test_missing_values_are_found_in_sliced_chunks(column, missing):
    assert np.flatnonzero(~presence(column)).tolist() == missing


def test_where_nothing_is_missing_there_is_no_mask():
    assert presence(pa.chunked_array([[1, 2]])) is None
    assert presence(NUMBERS.slice(2)) is None


def test_no_rows_give_empty_arrays():
    assert len(fixed_width_values(pa.chunked_array([], pa.float64()), np.float64)) == 0
    assert len(flag_values(pa.chunked_array([], pa.bool_()))) == 0
