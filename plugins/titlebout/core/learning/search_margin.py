"""Whether a search has found parameters that are clearly better than the spec's own, or only ones that were lucky."""

import math
from collections.abc import Sequence

import numpy as np

from titlebout.core.bouts.resampling import student_quantile
from titlebout.core.learning.search_report import SearchTrial

_FEWEST_BLOCKS = 2


def proven_gain(best: SearchTrial, own: SearchTrial, *, confidence: float) -> float | None:
    """Return the lower bound of the share of the own error that the best trial gains, paired by validation block.

    Each block has one vote, whatever its size: the difference of both errors as a share of their sum, which treats
    gain and loss alike and stays bounded where an error is zero. Their mean, less Student's quantile of its standard
    errors, is turned back into a share. A few blocks are all there is, so this guards against the luck of single
    days; it takes no account of the best having been picked among many. The bout does, on days nobody has seen.

    Returns:
        At most 1, at a one-sided confidence; None where fewer than two blocks have an error by both.

    >>> days = {"number": 1, "origin": "spec", "params": {}, "rounds": 9, "seconds": 1, "state": "complete"}
    >>> own = SearchTrial(value=10, by_block=(10, 12, 8, 10), **days)
    >>> round(proven_gain(SearchTrial(value=8, by_block=(8, 10, 6.5, 7.5), **days), own, confidence=0.95), 3)
    0.158
    """
    if len(best.by_block) != len(own.by_block):
        return None
    shares = (_share(*pair) for pair in zip(own.by_block, best.by_block, strict=True))
    known = [share for share in shares if math.isfinite(share)]
    if len(known) < _FEWEST_BLOCKS:
        return None
    standard_error = float(np.std(known, ddof=1)) / math.sqrt(len(known))
    low = max(float(np.mean(known)) - student_quantile(confidence, len(known) - 1) * standard_error, -1.0)
    return 2 * low / (1 + low) if low > -1 else -math.inf


def _share(own: float, best: float) -> float:
    return 0.0 if own == best else (own - best) / (own + best)


def spec_trial(trials: Sequence[SearchTrial], params: dict[str, float | int | str], rounds: int) -> SearchTrial | None:
    """Return the trial of the spec's own parameters, whoever proposed them; None where it failed or never began."""
    return next((t for t in trials if (t.params, t.rounds) == (params, rounds) and t.value is not None), None)
