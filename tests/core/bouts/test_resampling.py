import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from titlebout.core.bouts import resampling
from titlebout.core.bouts.block_errors import SummedErrors
from titlebout.core.bouts.resampling import fewest_blocks, student_quantile

FIXED = {"exponent": 0.5, "confidence": 0.95, "resamples": 400, "seed": 0}


def gain_interval(challenger, opponent, *, exponent, **rules):
    """Compare two models by their sums of losses in each block."""
    errors = [SummedErrors(sums, np.full(len(sums), 24.0), exponent) for sums in (challenger, opponent)]
    return resampling.gain_interval(*errors, blocks=len(challenger), **rules)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 6, 7, 13, 30, 365])
@pytest.mark.parametrize("probability", [0.501, 0.6, 0.8, 0.95, 0.99, 0.999])
def test_quantiles_of_student_are_those_of_scipy(probability, degrees):
    assert student_quantile(probability, degrees) == pytest.approx(special.stdtrit(degrees, probability), rel=1e-9)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7])
def test_the_median_of_student_is_nought_and_not_nearly_so(degrees):
    assert student_quantile(0.5, degrees) == 0.0


def test_the_gain_is_the_share_of_the_opponents_error():
    interval = gain_interval(np.array([4.0, 5.0]), np.array([16.0, 20.0]), **FIXED)
    assert interval.gain == pytest.approx(0.5)  # errors: half, because losses are a quarter
    assert interval == pytest.approx((0.5, 0.5, 0.5))


def test_equal_losses_are_no_gain_at_all():
    losses = np.array([4.0, 5.0, 9.0])
    assert gain_interval(losses, losses.copy(), **FIXED) == (0.0, 0.0, 0.0)


def test_the_same_seed_gives_the_same_interval():
    losses = np.array([4.0, 5.0, 9.0, 3.0]), np.array([5.0, 5.0, 8.0, 6.0])
    assert gain_interval(*losses, **FIXED) == gain_interval(*losses, **FIXED)
    assert gain_interval(*losses, **FIXED) != gain_interval(*losses, **{**FIXED, "seed": 1})


def test_nan_gives_nan_and_never_a_bound():
    interval = gain_interval(np.array([1.0, math.nan]), np.array([2.0, 2.0]), **FIXED)
    assert all(map(math.isnan, interval))


def test_an_opponent_without_error_cannot_be_beaten():
    interval = gain_interval(np.array([1.0, 2.0]), np.array([0.0, 0.0]), **{**FIXED, "exponent": 1.0})
    assert interval == (-math.inf, -math.inf, -math.inf)
    half = gain_interval(np.array([1.0] * 5), np.array([0.0, 2.0, 3.0, 2.0, 3.0]), **{**FIXED, "exponent": 1.0})
    assert half.low == -math.inf < half.gain < half.high < 1  # the first day alone is one of 31 subsets


@pytest.mark.parametrize("blocks", [2, 3, 4, 5, 9, 30])
def test_a_challenger_next_to_perfect_beats_a_champion_with_a_real_error(blocks):
    """Days without any error beside days with a little: no bound may take that for uncertainty about the winner."""
    champion = np.linspace(1.0, 3.0, blocks)
    challenger = np.where(np.arange(blocks) % 2, 1e-12, 0.0)
    low, high = (gain_interval(*pair, **FIXED) for pair in ((challenger, champion), (champion, challenger)))
    assert low.low > 0.99
    assert high.high < -1e3


def test_two_models_without_any_error_are_equal():
    assert gain_interval(np.zeros(6), np.zeros(6), **FIXED) == (0.0, 0.0, 0.0)


def test_a_subset_of_days_that_has_no_error_counts_as_the_worst_on_either_side():
    """As a day of one class alone, by the area under the curve: it makes the bounds wider and not the bout void."""

    class Undefined(SummedErrors):
        def under(self, weights):
            return np.where(weights[:, 1:].any(axis=1), super().under(weights), np.nan)

    rows, confidence = np.full(7, 24.0), 0.95
    losses, champion = np.linspace(1, 2, 7), np.full(7, 2.0)
    rules = {"blocks": 7, "resamples": 400, "seed": 0}
    sums = [kind(each, rows, 1.0) for kind in (SummedErrors, Undefined) for each in (losses, champion)]
    whole = resampling.gain_interval(*sums[:2], confidence=confidence, **rules)
    partly = resampling.gain_interval(*sums[2:], confidence=confidence, **rules)
    assert partly.gain == whole.gain
    assert -math.inf < partly.low <= whole.low
    assert 1 > partly.high >= whole.high
    # Of 127 subsets 1 has no error. Where no more than that may lie outside, the bound is that subset.
    strict = resampling.gain_interval(*sums[2:], confidence=0.99, **rules)
    assert (strict.low, strict.high) == (-math.inf, 1.0)


def test_too_few_subsets_rule_nothing_out():
    losses = np.linspace(1, 2, 7), np.full(7, 2.0)
    few = gain_interval(*losses, **{**FIXED, "exponent": 1.0, "resamples": 18})  # 1 of 18 is more than 5 %
    assert (few.low, few.high) == (-math.inf, 1.0)
    enough = gain_interval(*losses, **{**FIXED, "exponent": 1.0, "resamples": 19})
    assert -math.inf < enough.low < few.gain < enough.high < 1


POSITIVE = st.floats(0.01, 1e6)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=12), st.randoms())
@settings(max_examples=60)
def test_bounds_enclose_the_gain_and_the_unit_does_not_matter(pairs, random):
    challenger, opponent = (np.array(values) for values in zip(*pairs, strict=True))
    interval = gain_interval(challenger, opponent, **FIXED)
    assert interval.low <= interval.gain <= interval.high <= 1
    scaled = gain_interval(challenger * 1024, opponent * 1024, **FIXED)
    assert scaled == pytest.approx(interval, rel=1e-6, abs=1e-9)


def test_more_confidence_asks_for_more():
    losses = np.array([4.0, 5.0, 9.0, 3.0]), np.array([5.0, 5.0, 8.0, 6.0])
    sure, surer = (gain_interval(*losses, **{**FIXED, "confidence": level}) for level in (0.8, 0.99))
    assert surer.low < sure.low < sure.gain < sure.high < surer.high


def equal_models(rng, *, bouts, blocks, spread):
    """Simulate squared losses of two models that are equally good.

    Both share the noise of the target, whose size differs from day to day by `spread`; each adds an error of its own,
    a tenth of which is common to the whole day.
    """
    size = np.exp(rng.normal(size=(bouts, blocks, 1)) * spread)
    noise = rng.normal(size=(bouts, blocks, 24)) * size

    def losses():
        own = rng.normal(size=(bouts, blocks, 24)) * math.sqrt(0.9) + rng.normal(size=(bouts, blocks, 1)) * math.sqrt(
            0.1
        )
        return ((noise + 0.3 * own * size) ** 2).sum(axis=2)

    return losses(), losses()


@given(st.floats(0.9, 0.999999), st.integers(200, 400), st.integers(9, 24), st.integers(0, 99))
@settings(max_examples=60)
def test_a_bound_is_never_the_estimate_itself_for_want_of_resamples(confidence, resamples, blocks, seed):
    rng = np.random.default_rng(seed)
    losses = rng.normal(100, 10, blocks), rng.normal(104, 10, blocks)
    interval = gain_interval(*losses, exponent=1.0, confidence=confidence, resamples=resamples, seed=0)
    assert interval.low < interval.gain < interval.high


@pytest.mark.parametrize(("blocks", "spread"), [(3, 0.5), (5, 1.0), (7, 0.0), (7, 1.0), (14, 1.0)])
def test_of_two_equal_models_no_more_than_the_chosen_rate_are_promoted(blocks, spread):
    bouts = 800
    challenger, champion = equal_models(np.random.default_rng(blocks), bouts=bouts, blocks=blocks, spread=spread)
    promoted = sum(gain_interval(c, o, **FIXED).low > 0 for c, o in zip(challenger, champion, strict=True))
    # Chosen: 5 %. In 1,000 series of bouts at that rate, 999 have no more; the plain percentile gives 8 to 20 %.
    assert 0 < promoted <= special.bdtrik(0.999, bouts, 0.05)


def test_a_clearly_better_model_is_found():
    rng = np.random.default_rng(7)
    champion, _ = equal_models(rng, bouts=200, blocks=7, spread=0.5)
    challenger = champion * rng.normal(0.8, 0.05, size=champion.shape)
    promoted = sum(gain_interval(c, o, **FIXED).low > 0 for c, o in zip(challenger, champion, strict=True))
    assert promoted / 200 > 0.95


@pytest.mark.parametrize(("blocks", "confidence", "outside"), [(5, 0.95, 1), (9, 0.95, 25), (8, 0.8, 51)])
def test_a_bound_is_the_gain_that_so_many_of_all_subsets_of_the_days_stay_below(blocks, confidence, outside):
    """Worked out a second time, subset by subset: of 2 ** blocks of them, so many are allowed outside of a bound."""
    rng = np.random.default_rng(blocks)
    challenger, opponent = np.exp(rng.normal(size=(2, blocks)))
    gains = sorted(
        1 - math.sqrt(sum(challenger[day] for day in days) / sum(opponent[day] for day in days))
        for size in range(1, blocks + 1)
        for days in itertools.combinations(range(blocks), size)
    )
    found = gain_interval(challenger, opponent, **{**FIXED, "confidence": confidence, "resamples": 1000})
    assert found == pytest.approx(
        (1 - math.sqrt(challenger.sum() / opponent.sum()), gains[outside - 1], gains[-outside]), rel=1e-9
    )


def test_where_there_are_more_subsets_than_resamples_lots_are_drawn():
    rng = np.random.default_rng(1)
    losses = np.exp(rng.normal(size=(2, 12)) * 0.5)
    drawn, every = (gain_interval(*losses, **{**FIXED, "resamples": number}) for number in (2000, 4095))
    assert drawn != every
    assert drawn == pytest.approx(every, abs=0.02)
    assert gain_interval(*losses, **{**FIXED, "resamples": 4095, "seed": 1}) == every
    assert gain_interval(*losses, **{**FIXED, "resamples": 2000, "seed": 1}) != drawn


def test_of_three_days_there_are_seven_subsets_and_fewer_resamples_are_drawn_by_lot():
    every = resampling._subsets(3, 7, np.random.default_rng(0))
    assert sorted(map(tuple, every)) == [days for days in itertools.product((0, 1), repeat=3) if any(days)]
    assert resampling._subsets(3, 6, np.random.default_rng(0)).shape == (6, 3)


class KnownErrors:
    """Errors worked out by hand, one for each way to weigh the days."""

    def __init__(self, errors):
        self.errors = errors

    def under(self, weights):
        assert len(weights) == len(self.errors)
        return self.errors


def typical_bounds(shares, beyond):
    """Bounds where each subset says one share: it is half the difference of two errors that are 2 together."""
    errors = KnownErrors(1 - shares), KnownErrors(1 + shares)
    return resampling._typical_bounds(*errors, np.eye(len(shares)), beyond)


@pytest.mark.parametrize(
    ("subsets", "beyond", "place"),
    [
        (9, 0.1, 1),  # of 10 subsets, the empty one included, 1 may stay outside
        (28, 0.1, 2),  # of 29 only 2
        (29, 0.1, 3),
        (39, 0.1, 4),
        (29, 1 - 0.9, 3),  # 0.09999999999999998
        (29, 0.1 - 1e-11, 3),  # 2.9999999997 subsets are 3: nobody means the rounding of a spec's number
        (29, 0.1 - 1e-10, 2),  # 2.999999997 are not
    ],
)
def test_a_bound_is_the_last_subset_that_may_be_outside_counted_from_the_outermost(subsets, beyond, place):
    shares = np.arange(subsets) / 64
    assert typical_bounds(shares[::-1], beyond) == (shares[place - 1], shares[-place])


def test_a_subset_without_an_error_is_the_outermost_on_either_side():
    assert typical_bounds(np.array([0.25, math.nan, 0.5] * 3), 0.1) == (-1.0, 1.0)
    assert typical_bounds(np.array([0.25, math.nan, 0.5] + [0.375] * 6), 0.2) == (0.25, 0.5)


def test_of_few_days_a_draw_without_an_error_is_a_whole_loss_to_one_bound_and_a_whole_gain_to_the_other():
    drawn = np.array([0.125, math.nan, 0.25, 0.1875])
    low, high = resampling._cautious_bounds(drawn, 0.1875, 4, 0.6)
    wider = special.stdtrit(3, 0.6) * math.sqrt(4 / 3)
    assert low == pytest.approx(0.1875 - wider * np.std([0.125, -1.0, 0.25, 0.1875]))
    assert high == pytest.approx(0.1875 + wider * np.std([0.125, 1.0, 0.25, 0.1875]))


def test_no_lot_falls_on_no_day_at_all():
    drawn = resampling._subsets(8, 200, np.random.default_rng(1))
    assert drawn.shape == (200, 8)
    assert drawn.any(axis=1).all()
    assert not np.random.default_rng(1).integers(0, 2, size=(200, 8)).any(axis=1).all()


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_fewest_days_are_those_whose_worst_subset_is_no_more_than_is_allowed(confidence):
    fewest = fewest_blocks(confidence)
    assert 2**-fewest <= 1 - confidence < 2 ** -(fewest - 1)


def test_for_few_days_each_bound_is_the_more_cautious_of_the_expanded_percentile_and_students():
    """Worked out a second time, by SciPy's distributions; each way decides for some losses, on either side."""
    decided = set()
    for case in range(12):
        blocks = 3 + case % 2
        losses = np.exp(np.random.default_rng(case).normal(size=(2, blocks)) * (0.2 + case % 3))
        draws = np.random.default_rng(0).multinomial(blocks, [1 / blocks] * blocks, size=400)
        drawn = [math.tanh(math.log((draw @ losses[1]) / (draw @ losses[0])) / 4) for draw in draws]
        whole = math.tanh(math.log(losses[1].sum() / losses[0].sum()) / 4)
        wider = special.stdtrit(blocks - 1, 0.95) * math.sqrt(blocks / (blocks - 1))
        worst = np.quantile(drawn, special.ndtr(-wider)), whole - wider * np.std(drawn)
        best = np.quantile(drawn, special.ndtr(wider)), whole + wider * np.std(drawn)
        decided |= {("low", int(np.argmin(worst))), ("high", int(np.argmax(best)))}
        shares = (whole, max(-1.0, *sorted(worst)[:1]), min(1.0, *sorted(best)[1:]))
        expected = [2 * share / (1 + share) if share > -1 else -math.inf for share in shares]
        assert gain_interval(*losses, **FIXED) == pytest.approx(expected, rel=1e-9)
    assert ("low", 1) in decided
    assert ("high", 1) in decided
