import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from titlebout.core.distance import leave_one_out, relative_entropy

COUNTS = arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(2, 8)), elements=st.integers(0, 50))


def test_the_reference_itself_is_at_no_distance():
    assert relative_entropy(np.array([50, 30, 20]), np.array([5000, 3000, 2000])) == pytest.approx(0, abs=1e-6)


def test_the_distance_is_that_of_scipy():
    counts, reference = np.array([3, 0, 9, 12]), np.array([10, 20, 30, 0])
    expected = stats.entropy(counts, reference + 0.5)
    assert relative_entropy(counts, reference) == pytest.approx(expected)


def test_what_training_never_saw_is_far_away_and_further_for_more_training():
    unseen = np.array([0, 0, 24])
    assert relative_entropy(unseen, np.array([500, 500, 0])) == pytest.approx(7.6, abs=0.01)
    assert relative_entropy(unseen, np.array([5000, 5000, 0])) > 9


@given(COUNTS)
def test_distances_are_finite_and_not_negative(counts):
    for found in (relative_entropy(counts, counts.sum(axis=0)), leave_one_out(counts)):
        assert found.shape == (len(counts),)
        assert np.isfinite(found).all()
        assert (found >= -1e-12).all()


@given(COUNTS, st.randoms())
def test_the_order_of_partitions_and_of_bins_does_not_matter(counts, random):
    rows, bins = list(range(counts.shape[0])), list(range(counts.shape[1]))
    random.shuffle(rows)
    random.shuffle(bins)
    np.testing.assert_allclose(leave_one_out(counts[rows][:, bins]), leave_one_out(counts)[rows], atol=1e-12)


def test_each_partition_is_held_against_the_others_only():
    counts = np.array([[10, 0], [10, 0], [0, 10]])
    found = leave_one_out(counts)
    assert found[2] == relative_entropy(counts[2], np.array([20, 0]))
    assert found[0] == found[1] < found[2]


def test_a_partition_without_rows_is_at_no_distance():
    assert relative_entropy(np.array([0, 0]), np.array([5, 5])) == 0
