"""Rows of a log find the rows of a snapshot by all key columns together."""

import numpy as np
import pyarrow as pa

from titlebout.core.skew.compared_column import ComparedColumn
from titlebout.core.skew.joined_rows import joined
from titlebout.core.specs.dataset_spec import ColumnType


def key(logged, delivered, kind=None, declared=ColumnType.TEXT):
    kind = kind or pa.string()
    chunks = [pa.chunked_array([pa.array(part, kind) for part in (side[:2], side[2:])]) for side in (logged, delivered)]
    return ComparedColumn("k", declared, *chunks, is_hash=False)


def test_rows_are_matched_by_all_columns_and_what_is_not_is_counted():
    towns = key(["a", "b", "a", "a", None, "c", "b"], ["b", "a", "a", "d", None, "e", "e"])
    hours = key([1, 1, 1, 2, 1, 1, 9], [1, 2, 1, 1, 1, 5, 5], pa.int64(), ColumnType.INTEGER)
    found = joined([towns, hours])
    assert [*zip(found.logged.tolist(), found.delivered.tolist(), strict=True)] == [(0, 2), (1, 0), (2, 2), (3, 1)]
    assert (found.unknown, found.ambiguous, found.keyless, found.repeated) == (2, 0, 1, 1)


def test_a_key_that_is_missing_on_both_sides_is_no_match():
    found = joined([key([None, "a"], [None, "a"])])
    assert (found.logged.tolist(), found.keyless) == ([1], 1)


def test_a_key_that_was_delivered_twice_is_ambiguous_however_often_it_was_asked():
    found = joined([key(["e", "e", "f"], ["e", "e", "f"])])
    assert (found.logged.tolist(), found.ambiguous) == ([2], 2)


def test_zero_has_one_name():
    found = joined([key([-0.0, 1.5], [0.0, 1.5], pa.float64(), ColumnType.NUMBER)])
    assert found.delivered.tolist() == [0, 1]


def test_it_is_the_same_as_a_look_up_row_by_row():
    rng = np.random.default_rng(7)
    logged = [rng.integers(0, 12, 300).tolist() for _ in range(3)]
    delivered = [rng.integers(0, 12, 400).tolist() for _ in range(3)]
    columns = [key(one, other, pa.int64(), ColumnType.INTEGER) for one, other in zip(logged, delivered, strict=True)]
    places: dict[tuple, list[int]] = {}
    for place, row in enumerate(zip(*delivered, strict=True)):
        places.setdefault(row, []).append(place)
    wanted = [(n, places[row][0]) for n, row in enumerate(zip(*logged, strict=True)) if len(places.get(row, ())) == 1]
    found = joined(columns)
    assert [*zip(found.logged.tolist(), found.delivered.tolist(), strict=True)] == wanted
    assert len(wanted) > 20
    assert len(wanted) + found.unknown + found.ambiguous == 300


def test_nothing_was_asked_or_nothing_was_delivered():
    assert joined([key([], ["a"])]).logged.tolist() == []
    assert joined([key(["a"], [])]).unknown == 1
