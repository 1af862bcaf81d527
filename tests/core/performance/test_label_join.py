import math

import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.performance.label_join import KeyedLabels, find_labels


def keys(*numbers, town="Oslo"):
    return pa.table({"call": pa.array(numbers, pa.int64()), "town": pa.array([town] * len(numbers), pa.string())})


def delivery(numbers, labels):
    return KeyedLabels(keys(*numbers), np.array(labels, dtype=float))


def test_labels_are_found_by_key_whatever_the_order():
    found = find_labels(keys(3, 1, 2), [delivery([1, 2, 3], [10, 20, 30])])
    assert found.labels.tolist() == [30, 10, 20]
    assert found[1:] == (0, 0, 0, 0)


def test_a_key_is_all_its_columns():
    assert find_labels(keys(1, town="Bergen"), [delivery([1], [10])]).unknown == 1


def test_a_missing_label_waits_and_a_missing_key_is_unknown():
    found = find_labels(keys(1, 2, None), [delivery([1], [math.nan])])
    assert np.isnan(found.labels).all()
    assert (found.waiting, found.unknown, found.contradicted) == (1, 2, 0)


def test_a_missing_key_is_not_the_same_as_another_missing_key():
    assert find_labels(keys(None), [delivery([None], [7.0])]).unknown == 1


def test_the_newest_delivery_that_says_something_counts():
    deliveries = [delivery([1, 2], [11, math.nan]), delivery([1, 2, 3], [10, 20, 30])]
    found = find_labels(keys(1, 2, 3), deliveries)
    assert found.labels.tolist() == [11, 20, 30]
    assert (found.waiting, found.unknown) == (0, 0)


@pytest.mark.parametrize("other", [20.0, 0.0])
def test_a_delivery_that_contradicts_itself_says_nothing_and_no_older_one_is_asked(other):
    found = find_labels(keys(1, 2), [delivery([1, 1, 2], [10, other, 5]), delivery([1], [10])])
    assert np.isnan(found.labels[0])
    assert (found.labels[1], found.contradicted, found.waiting, found.doubled) == (5, 1, 0, 0)


def test_a_key_twice_with_one_label_counts_once():
    found = find_labels(keys(1, 2), [delivery([1, 1, 1, 2, 2], [10, 10, 10, math.nan, 5])])
    assert found.labels.tolist() == [10, 5]
    assert (found.doubled, found.contradicted) == (3, 0)


def test_nothing_scored_and_nothing_delivered():
    assert find_labels(keys(), [delivery([1], [10])]).labels.tolist() == []
    assert find_labels(keys(1), []).unknown == 1


def test_a_key_that_is_a_number_in_one_place_and_a_wider_one_in_the_other_is_the_same():
    narrow = pa.table({"call": pa.array([1], pa.int32())})
    wide = KeyedLabels(pa.table({"call": pa.array([1], pa.int64())}), np.array([10.0]))
    assert find_labels(narrow, [wide]).labels.tolist() == [10]


def test_each_row_is_exactly_one_of_the_four():
    rng = np.random.default_rng(0)
    for _ in range(20):
        asked = keys(*rng.choice(40, 25, replace=False).tolist())
        said = [delivery(rng.integers(0, 40, 30).tolist(), rng.choice([0.0, 1.0, math.nan], 30)) for _ in range(3)]
        found = find_labels(asked, said)
        labelled = int(np.isfinite(found.labels).sum())
        assert labelled + found.waiting + found.unknown + found.contradicted == 25
