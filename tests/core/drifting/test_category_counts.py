from functools import reduce
from operator import add

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.demand_days import shuffled
from titlebout.core.drifting import category_counts
from titlebout.core.drifting.category_counts import CategoryCounts

PARTS = st.lists(st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 9)), min_size=1, max_size=5)


@given(parts=PARTS, seed=st.integers(0, 9), split=st.integers(1, 4), most=st.sampled_from([3, 2048]))
@settings(max_examples=100)
def test_any_grouping_and_order_gives_the_same_counts(parts, seed, split, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(category_counts, "MOST_CATEGORIES", most)
        counts = [*map(CategoryCounts.of, parts)]
        mixed = [counts[at] for at in shuffled(range(len(counts)), seed)]
        grouped = reduce(add, mixed[:split]) + reduce(add, mixed[split:], CategoryCounts())
        names = {name for part in parts for name in part}
        whole = CategoryCounts.of({name: sum(part.get(name, 0) for part in parts) for name in names})
    assert grouped == whole
    assert whole.is_grouped is (len(names) > most)
    assert [*grouped.counts] == [*whole.counts] == sorted(whole.counts)


def test_more_names_than_are_kept_become_groups_of_names():
    names = {f"customer {number}": 1 for number in range(5000)}
    counts = CategoryCounts.of(names)
    assert counts.is_grouped
    assert len(counts.counts) <= category_counts.MOST_CATEGORIES
    assert counts.rows == 5000
    assert counts + CategoryCounts.of({"customer 7": 1}) == CategoryCounts.of(names | {"customer 7": 2})
