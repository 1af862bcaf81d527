"""The fast count against the plain one, on all that a column may hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titlebout.core.drifting.dense_counts import MOST_DENSE_BITS, densely_counted
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import NumberSketch
from titlebout.core.drifting.number_tally import NumberTally

RARE = [0.0, -0.0, 1e-50, -1e-50, 1e-40, -1e-40, 3.4028234663852886e38, -3.4e38, 7.0, -7.0]
KINDS = {
    "normal": lambda rng: rng.normal(size=6000),
    "heavy": lambda rng: rng.standard_cauchy(6000) * 1e3,
    "positive": lambda rng: rng.lognormal(0, 2, 6000),
    "negative": lambda rng: -rng.lognormal(0, 2, 6000),
    "far away": lambda rng: 1e6 + rng.normal(size=6000),
    "whole": lambda rng: rng.poisson(3, 6000).astype(float),
    "tiny": lambda rng: rng.normal(size=6000) * 1e-39,
}


def tallied(pieces):
    tally = NumberTally()
    for piece in pieces:
        tally.add(piece)
    return tally.profile()


def pieces_of(kind, seed, missing=0.0, rare=()):
    rng = np.random.default_rng(seed)
    pieces = []
    for _ in range(4):
        piece = KINDS[kind](rng)
        piece[rng.random(len(piece)) < missing] = np.nan
        pieces.append(np.concatenate([piece, rng.permutation(np.array(rare, dtype=float))]))
    return pieces


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 99), missing=st.sampled_from([0.0, 0.1]), rare=st.lists(st.sampled_from(RARE), max_size=4))
@settings(max_examples=8)
def test_it_counts_as_the_sketches_and_moments_of_the_pieces_do(kind, seed, missing, rare):
    pieces = pieces_of(kind, seed, missing, rare)
    found = tallied(pieces)
    numbers = [piece[~np.isnan(piece)] for piece in pieces]
    assert found.missing == sum(int(np.isnan(piece).sum()) for piece in pieces)
    assert found.sketch == NumberSketch().with_numbers(np.concatenate(numbers))
    assert found.moments == sum((Moments.of(piece) for piece in numbers), Moments())


@pytest.mark.parametrize("kind", ["normal", "positive"])
def test_many_numbers_take_the_fast_way(kind, monkeypatch):
    """Else the tests above would compare the plain count with itself."""
    pieces = pieces_of(kind, 1)
    tally = NumberTally()
    tally.add(pieces[0])
    monkeypatch.setattr(NumberTally, "_add_with_care", lambda self, numbers: pytest.fail("the slow way"))
    for piece in pieces[1:]:
        tally.add(piece)
    assert tally.profile().sketch.rows == 4 * 6000


@pytest.mark.parametrize("number", [np.inf, -np.inf, 3.5e38, -1e300, np.nextafter(3.4028234663852886e38, np.inf)])
@pytest.mark.parametrize("before", [0, 1])
def test_what_float32_cannot_hold_is_refused_early_and_late(number, before):
    pieces = pieces_of("normal", 2)
    tally = NumberTally()
    for piece in pieces[:before]:
        tally.add(piece)
    with pytest.raises(ValueError, match="holds infinity or a number beyond"):
        tally.add(np.append(pieces[1], number))


def test_pieces_without_a_number_change_nothing():
    found = tallied([np.empty(0), np.array([np.nan, np.nan]), *pieces_of("normal", 3), np.empty(0)])
    assert (found.missing, found.moments.count) == (2, 24_000)
    assert tallied([]).sketch == NumberSketch()


def test_a_rare_number_keeps_a_piece_from_the_table():
    usual = np.random.default_rng(4).normal(size=100)
    assert densely_counted(usual, MOST_DENSE_BITS).sum() == 100
    for number in (np.nan, np.inf, -0.0, -1e-50):
        assert densely_counted(np.append(usual, number), MOST_DENSE_BITS) is None
