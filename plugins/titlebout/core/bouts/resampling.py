"""How sure a gain is: what every part of the holdout's days says of it.

Both models are scored on the same rows. The rows of one partition resemble each other, so whole partitions are taken or
left, and always for both models at once.

The gain is computed on every subset of the blocks. The lower bound is the one that at most 1 - confidence of all
subsets stay below, the empty one included. Of two equally good models either is as likely to be the better one of a
block, whatever the block's size, and then this bound is above zero in no more than 1 - confidence of all bouts:
exactly, for any number of blocks and however much they differ. A bound that is made of standard errors is not: with 14
blocks of very different size it promotes one of two equal models in 6 to 7 % of all bouts at 95 %, and finds fewer
better ones.

Below 5 blocks (at 95 %) there are too few subsets. The blocks are drawn with repetition then, and the more cautious of
two bounds holds: the percentile at the level at which it matches Student's t, and the estimate minus t standard errors,
which grow by sqrt(n / (n - 1)).

Source: J. A. Hartigan, Using Subsample Values as Typical Values, JASA 64 (1969) 1303-1317. For few blocks:
T. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69 (2015) 371-386, sections 3.2
and 5.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.block_errors import BlockErrors
from titlebout.core.specs.comparison_spec import ComparisonSection

Floats = NDArray[np.float64]

_TINY = float(np.finfo(np.float64).tiny)


class GainInterval(NamedTuple):
    """A gain and its one-sided bounds, as shares of the opponent's error; larger is better."""

    gain: float
    low: float
    high: float


def interval_fields(interval: GainInterval | None) -> dict[str, float | None]:
    """Return an interval as the fields of a verdict or a check."""
    gain, low, high = interval or (None, None, None)
    return {"gain": gain, "gain_low": low, "gain_high": high}


def compared_gain(
    comparison: ComparisonSection, challenger: BlockErrors, opponent: BlockErrors, *, blocks: int, seed: int
) -> GainInterval | None:
    """Return `gain_interval` by the rules of a spec; None below two blocks."""
    if blocks < 2:
        return None
    return gain_interval(
        challenger,
        opponent,
        blocks=blocks,
        confidence=comparison.confidence,
        resamples=comparison.resamples,
        seed=seed,
    )


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

    Args:
        challenger: Its errors.
        opponent: Those of the champion, or of what else it meets, on the same rows.
        blocks: How many there are, at least 2.
        confidence: Of each bound.
        resamples: So many subsets are drawn where there are more, and so many draws made where blocks are few.
        seed: Of the draws.

    Returns:
        Gain and bounds, at most 1; minus infinity where only the opponent is without error, or where a subset that
        counts has no error at all (one class only). NaN where an error of all blocks is none.

    >>> from titlebout.core.bouts.block_errors import SummedErrors
    >>> losses = np.array([9.0, 6.0, 9.0, 3.0, 7.0]), np.array([12.0, 9.0, 10.0, 5.0, 9.0])
    >>> errors = [SummedErrors(each, np.full(5, 24.0), 1.0) for each in losses]
    >>> interval = gain_interval(*errors, blocks=5, confidence=0.95, resamples=2000, seed=0)
    >>> [round(bound, 2) for bound in interval]  # 34 against 45; of all subsets the third day alone gains least
    [0.24, 0.1, 0.4]
    """
    estimate = _shares(challenger, opponent, np.ones((1, blocks))).item()
    if math.isnan(estimate):
        return GainInterval(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    if blocks >= fewest_blocks(confidence):
        low, high = _typical_bounds(challenger, opponent, _subsets(blocks, resamples, rng), 1 - confidence)
    else:
        draws = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(float)
        low, high = _cautious_bounds(_shares(challenger, opponent, draws), estimate, blocks, confidence)
    return GainInterval(_gain(estimate), _gain(min(low, estimate)), _gain(max(high, estimate)))


def fewest_blocks(confidence: float) -> int:
    """Return how many blocks it takes until one subset of them, the worst, is no more than 1 - confidence of all.

    >>> fewest_blocks(0.95), fewest_blocks(0.99)
    (5, 7)
    """
    return math.ceil(-math.log2(1 - confidence))


def _subsets(blocks: int, limit: int, rng: np.random.Generator) -> Floats:
    """Return all subsets but the empty one, as weights of 0 and 1, or `limit` of them by lot where there are more."""
    if blocks <= math.log2(limit + 1):
        bits = np.arange(1, 2**blocks)[:, None] >> np.arange(blocks)
    else:
        bits = rng.integers(0, 2, size=(limit, blocks))
        bits[~bits.any(axis=1)] = 1
    subsets: Floats = (bits & 1).astype(np.float64)
    return subsets


def _typical_bounds(
    challenger: BlockErrors, opponent: BlockErrors, subsets: Floats, beyond: float
) -> tuple[float, float]:
    """Return the bounds that at most a share `beyond` of the subsets lies outside of, on either side.

    A subset on which an error is not defined stands for the worst on either side. Where there are fewer subsets than
    it takes for one of them to be so small a share, nothing is ruled out; the spec refuses so few.
    """
    shares = _shares(challenger, opponent, subsets)
    last = math.floor(round(beyond * (len(shares) + 1), 9)) - 1
    if last < 0:
        return -1.0, 1.0
    low = np.sort(np.nan_to_num(shares, nan=-1.0))[last]
    high = np.sort(np.nan_to_num(shares, nan=1.0))[-1 - last]
    return float(low), float(high)


def _cautious_bounds(drawn: Floats, estimate: float, blocks: int, confidence: float) -> tuple[float, float]:
    """Return the more cautious of the expanded percentiles and Student's bounds."""
    wider = student_quantile(confidence, blocks - 1) * math.sqrt(blocks / (blocks - 1))
    level = NormalDist().cdf(wider)
    low, high = np.nan_to_num(drawn, nan=-1.0), np.nan_to_num(drawn, nan=1.0)
    return (
        min(float(np.quantile(low, 1 - level)), estimate - wider * float(low.std())),
        min(1.0, max(float(np.quantile(high, level)), estimate + wider * float(high.std()))),
    )


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
    low, high = 0.0, math.atan(math.inf)
    while low < (angle := (low + high) / 2) < high:  # until no float is left between them
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
    for power in range(2 + is_odd, degrees, 2):
        term *= math.cos(angle) ** 2 * (power - 1) / power
        total += term
    if not is_odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + math.sin(angle) * total)


def _shares(challenger: BlockErrors, opponent: BlockErrors, weights: Floats) -> Floats:
    """Return the difference of both errors as a share of their sum: gain and loss alike, between -1 and 1.

    So a model almost without error is a bounded number too, where the logarithm of a ratio is none.
    """
    ours, theirs = challenger.under(weights), opponent.under(weights)
    with np.errstate(invalid="ignore"):  # an infinite error is no number to compare either
        shares: Floats = (theirs - ours) / np.maximum(theirs + ours, _TINY)
    return shares


def _gain(share: float) -> float:
    """Return the share of the opponent's error that a difference of errors, as a share of their sum, stands for.

    >>> _gain(1 / 3), _gain(-1.0)  # half the error; any error where there was none
    (0.5, -inf)
    """
    return 2 * share / (1 + share) if share > -1 else -math.inf
