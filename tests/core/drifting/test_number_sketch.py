from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.demand_days import shuffled
from titlebout.core.drifting import number_sketch
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import MOST_BUCKETS, NumberSketch, numbers_at, places_of

FLOATS = st.floats(-(2.0**100), 2.0**100, width=32)
PARTS = st.lists(st.lists(FLOATS | st.integers(-9, 9).map(float), max_size=30), min_size=1, max_size=6)


def sketch_of(numbers):
    return NumberSketch().with_numbers(np.array(numbers, dtype=np.float64))


@pytest.fixture
def few_buckets(monkeypatch):
    monkeypatch.setattr(number_sketch, "MOST_BUCKETS", 16)


@given(parts=PARTS, seed=st.integers(0, 9), split=st.integers(1, 5), most=st.sampled_from([4, 16, MOST_BUCKETS]))
@settings(max_examples=80)
def test_any_grouping_and_order_of_merges_gives_the_same_sketch(parts, seed, split, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(number_sketch, "MOST_BUCKETS", most)
        whole = sketch_of([number for part in parts for number in part])
        sketches = shuffled([*map(sketch_of, parts)], seed) if len(parts) > 1 else [*map(sketch_of, parts)]
        left, right = sketches[:split], sketches[split:]
        grouped = reduce(add, left) + reduce(add, right, NumberSketch())
        fed = reduce(lambda sketch, part: sketch.with_numbers(np.array(part, dtype=float)), parts, NumberSketch())
    assert grouped == whole == fed
    assert whole.rows == sum(map(len, parts))


def test_numbers_of_many_sizes_are_rounded_to_their_sizes_and_no_further(few_buckets):
    sizes = 2.0 ** np.arange(-20, 20)
    sketch = sketch_of(np.concatenate([sizes, -1.5 * sizes]))
    assert (sketch.bits, len(sketch.codes)) == (0, 80)


@given(parts=PARTS, seed=st.integers(0, 9))
@settings(max_examples=60)
def test_moments_of_the_same_pieces_in_any_order_are_the_same_bits(parts, seed):
    pieces = [Moments.of(np.array(part, dtype=np.float64)) for part in parts]
    mixed = reduce(add, [pieces[at] for at in shuffled(range(len(pieces)), seed)])
    forward, backward = reduce(add, pieces), reduce(lambda right, left: left + right, reversed(pieces))
    assert mixed == forward == backward
    numbers = np.array([number for part in parts for number in part], dtype=np.float64)
    if len(numbers):
        assert forward.mean == pytest.approx(float(numbers.mean()), rel=1e-9, abs=1e-9 * float(np.abs(numbers).max()))


def test_moments_keep_a_small_spread_far_from_zero():
    numbers = 1.7e9 + np.random.default_rng(0).normal(size=10_000)
    pieces = [Moments.of(part) for part in np.array_split(numbers, 7)]
    assert reduce(add, pieces).deviation == pytest.approx(numbers.std(), rel=1e-6)


def test_few_different_numbers_are_kept_as_they_are():
    sketch = sketch_of([3, -1.5, 0.0, -0.0, 3, 7e20])
    assert sketch.bits == 23
    assert sketch.values.tolist() == [-1.5, 0.0, 3.0, np.float32(7e20)]
    assert sketch.counts.tolist() == [1, 2, 2, 1]


def test_many_are_rounded_to_as_many_bits_as_fit():
    numbers = np.random.default_rng(0).normal(size=50_000)
    sketch = sketch_of(numbers)
    assert MOST_BUCKETS / 2 < len(sketch.codes) <= MOST_BUCKETS
    assert sketch.bits < 23
    assert np.abs(np.repeat(sketch.values, sketch.counts) / np.sort(numbers) - 1).max() < 2.0**-sketch.bits


def test_what_lies_far_from_zero_and_close_together_is_told_apart():
    sketch = sketch_of(290 + np.random.default_rng(0).normal(size=50_000))
    assert sketch.bits >= 13


@given(st.lists(FLOATS, min_size=1, max_size=50))
def test_codes_stand_in_the_order_of_the_numbers_and_lead_back(numbers):
    ordered = np.unique(np.array(numbers, dtype=np.float64) + 0.0)
    places = places_of(ordered)
    assert (np.diff(places) > 0).all()
    assert numbers_at(places).tolist() == ordered.tolist()


@given(numbers=st.lists(FLOATS, min_size=1, max_size=60), at=st.lists(FLOATS, min_size=2, max_size=2))
def test_numbers_below_and_outside_are_counted_exactly_while_few(numbers, at):
    low, high = sorted(at)
    sketch, array = sketch_of(numbers), np.array(numbers)
    places = places_of(np.array([low, high]))
    assert sketch.below(places).tolist() == [(array < low).sum(), (array < high).sum()]
    assert sketch.outside(*places.tolist()) == (array < low).sum() + (array > high).sum()


def test_a_rounded_sketch_calls_only_what_is_surely_outside_outside(few_buckets):
    numbers = np.random.default_rng(0).normal(size=5000)
    sketch = sketch_of(numbers)
    low, high = places_of(np.array([numbers.min(), numbers.max()])).tolist()
    assert sketch.outside(low, high) == 0
    assert sketch_of(numbers * 3).outside(low, high) > 0


def test_quantiles_part_the_rows_into_equal_shares():
    sketch = sketch_of(np.random.default_rng(0).normal(size=100_000))
    below = sketch.below(sketch.quantile_places(20))
    assert below == pytest.approx(np.arange(1, 20) * 5000, abs=400)


def test_ties_have_fewer_bins():
    sketch = sketch_of([0.0] * 90 + [*range(1, 11)])
    assert sketch.below(sketch.quantile_places(20)).tolist() == [90, 95]
    assert len(sketch_of([7.0]).quantile_places(20)) == 0
