import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from titlebout.core.bouts import resampling
from titlebout.core.bouts.block_errors import SummedErrors
from titlebout.core.bouts.resampling import student_quantile

FIXED = {"exponent": 0.5, "confidence": 0.95, "resamples": 400, "seed": 0}


def gain_interval(challenger, opponent, *, exponent, **rules):
    """Compare two models by their sums of losses in each block."""
    errors = [SummedErrors(sums, np.full(len(sums), 24.0), exponent) for sums in (challenger, opponent)]
    return resampling.gain_interval(*errors, blocks=len(challenger), **rules)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 6, 7, 13, 30, 365])
@pytest.mark.parametrize("probability", [0.501, 0.6, 0.8, 0.95, 0.99, 0.999])
def test_quantiles_of_student_are_those_of_scipy(probability, degrees):
    assert student_quantile(probability, degrees) == pytest.approx(special.stdtrit(degrees, probability), rel=1e-9)


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
    assert interval.gain < -1e300
    half = gain_interval(np.array([1.0, 1.0, 1.0]), np.array([0.0, 2.0, 3.0]), **{**FIXED, "exponent": 1.0})
    assert half.low < -1e300
    worse = gain_interval(np.array([1e9, 1e9, 1e9]), np.array([0.0, 2.0, 3.0]), **{**FIXED, "exponent": 1.0})
    assert worse.low == -math.inf


POSITIVE = st.floats(0.01, 1e6)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=12), st.randoms())
@settings(max_examples=60, deadline=None)
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


@pytest.mark.parametrize(("blocks", "spread"), [(3, 0.0), (7, 0.0), (7, 0.5), (14, 0.5)])
def test_of_two_equal_models_at_most_eight_percent_are_promoted(blocks, spread):
    bouts = 600
    challenger, champion = equal_models(np.random.default_rng(blocks), bouts=bouts, blocks=blocks, spread=spread)
    promoted = sum(gain_interval(c, o, **FIXED).low > 0 for c, o in zip(challenger, champion, strict=True))
    assert 0.005 < promoted / bouts <= 0.08  # nominal: 0.05; the plain percentile gives 0.08 to 0.2


def test_a_clearly_better_model_is_found():
    rng = np.random.default_rng(7)
    champion, _ = equal_models(rng, bouts=200, blocks=7, spread=0.5)
    challenger = champion * rng.normal(0.8, 0.05, size=champion.shape)
    promoted = sum(gain_interval(c, o, **FIXED).low > 0 for c, o in zip(challenger, champion, strict=True))
    assert promoted / 200 > 0.95


def test_each_bound_is_the_more_cautious_of_the_expanded_percentile_and_students():
    """Worked out a second time, by SciPy's distributions; each way decides for some losses, on either side."""
    decided = set()
    for case in range(12):
        rng = np.random.default_rng(case)
        losses, blocks = np.exp(rng.normal(size=(2, 9)) * (0.2 + case % 3)), 9
        draws = np.random.default_rng(0).multinomial(blocks, [1 / blocks] * blocks, size=400)
        drawn = np.log((draws @ losses[0]) / (draws @ losses[1])) / 2
        whole = math.log(losses[0].sum() / losses[1].sum()) / 2
        wider = special.stdtrit(blocks - 1, 0.95) * math.sqrt(blocks / (blocks - 1))
        worst = np.quantile(drawn, special.ndtr(wider)), whole + wider * drawn.std()
        best = np.quantile(drawn, special.ndtr(-wider)), whole - wider * drawn.std()
        decided |= {("low", int(np.argmax(worst))), ("high", int(np.argmin(best)))}
        expected = (1 - math.exp(whole), 1 - math.exp(max(worst)), 1 - math.exp(min(best)))
        assert gain_interval(*losses, **FIXED) == pytest.approx(expected, rel=1e-9)
    assert len(decided) == 4
