"""How sure a gain is: a paired bootstrap over partitions, widened for the few partitions of a holdout."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.block_errors import BlockErrors

_TINY = float(np.finfo(np.float64).tiny)


class GainInterval(NamedTuple):
    """A gain and its one-sided bounds, as shares of the opponent's error; larger is better."""

    gain: float
    low: float
    high: float


def gain_interval(
    challenger: BlockErrors,
    opponent: BlockErrors,
    *,
    blocks: int,
    confidence: float,
    resamples: int,
    seed: int,
) -> GainInterval:
    """Estimate by which share the challenger's error is smaller than its opponent's.

    Both models are scored on the same rows. The rows of one partition resemble each other, so whole
    partitions are drawn, and always for both models at once. What is resampled is the logarithm of the ratio of
    errors: it is additive and treats gain and loss alike.

    The plain percentile interval is too narrow for few blocks: with 7 of them a bound at 95 % promotes one of
    two equal models in 8 to 12 % of all bouts. Two corrections are computed and the more cautious one holds; in the
    same simulations that promotes in 4 to 6 % for 3 to 14 blocks, and in up to 7 % where days differ wildly in size:

    - the percentile at the level at which it matches Student's t (expanded percentile interval);
    - the estimate minus t standard errors, where the bootstrap's standard error grows by sqrt(n / (n - 1)).

    Source: T. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69 (2015)
    371-386, sections 3.2 and 5 (narrowness bias, expanded percentiles). Source of drawing whole clusters:
    A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application (1997), section 3.8.

    Args:
        challenger: Its errors under weights of the blocks.
        opponent: The same of the opponent, on the same rows.
        blocks: Number of blocks, at least 2.
        confidence: One-sided, of each bound.
        resamples: How often the blocks are drawn.
        seed: Same seed, same interval.

    Returns:
        Gain and bounds, at most 1; enormous losses, down to minus infinity, where the opponent made no error in
        some draw.

    >>> from titlebout.core.bouts.block_errors import SummedErrors
    >>> losses = np.array([90.0, 60.0, 90.0, 30.0]), np.array([120.0, 90.0, 100.0, 50.0])
    >>> errors = [SummedErrors(each, np.full(4, 24.0), 1.0) for each in losses]
    >>> interval = gain_interval(*errors, blocks=4, confidence=0.95, resamples=2000, seed=0)
    >>> [round(bound, 2) for bound in interval]  # 270 against 360 is a gain of a quarter
    [0.25, 0.09, 0.38]
    """
    draws = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(float)
    estimate = _log_ratio(challenger, opponent, np.ones((1, blocks)))[0]
    drawn = _log_ratio(challenger, opponent, draws)
    narrowness = math.sqrt(blocks / (blocks - 1))
    quantile = student_quantile(confidence, blocks - 1)
    level = NormalDist().cdf(quantile * narrowness)
    reach = quantile * narrowness * drawn.std()
    worst = max(float(np.quantile(drawn, level)), float(estimate + reach))
    best = min(float(np.quantile(drawn, 1 - level)), float(estimate - reach))
    return GainInterval(*(_gain(ratio) for ratio in (float(estimate), worst, best)))


def student_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t distribution above its median.

    Source: M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4, solved for
    the angle by bisection. SciPy has it too, but nothing else here needs SciPy.

    Args:
        probability: In [0.5, 1).
        degrees: Degrees of freedom, at least 1.

    >>> round(student_quantile(0.95, 6), 4)
    1.9432
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # halves the angle to below the spacing of floats
        angle = (low + high) / 2
        if 0.5 + _central_probability(angle, degrees) / 2 < probability:
            low = angle
        else:
            high = angle
    return math.sqrt(degrees) * math.tan(low)


def _central_probability(angle: float, degrees: int) -> float:
    """Return P(|T| < t) for t = sqrt(degrees) * tan(angle): a finite series in the cosine."""
    is_odd = degrees % 2
    term = math.cos(angle) if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for power in range(2 + is_odd, degrees - 1, 2):
        term *= math.cos(angle) ** 2 * (power - 1) / power
        total += term
    if not is_odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + math.sin(angle) * total)


def _log_ratio(challenger: BlockErrors, opponent: BlockErrors, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of challenger over opponent; a model without any error counts as almost without."""
    challenger_logs, opponent_logs = (np.log(np.maximum(each.under(weights), _TINY)) for each in (challenger, opponent))
    ratio: NDArray[np.float64] = challenger_logs - opponent_logs
    return ratio


def _gain(log_ratio: float) -> float:
    try:
        return -math.expm1(log_ratio)
    except OverflowError:
        return -math.inf
