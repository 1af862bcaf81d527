"""Causes told apart: what has changed, and what each of the changes leads to."""

from enum import StrEnum
from typing import NamedTuple


class CauseOfChange(StrEnum):
    """Why a model or its data look other than before."""

    BROKEN_DATA = "broken data"
    PERFORMANCE_LOSS = "performance loss"
    PREDICTION_DRIFT = "prediction drift"
    COVARIATE_DRIFT = "covariate drift without loss"


class Signs(NamedTuple):
    """What was found about the newest partitions.

    Attributes:
        has_broken_data: One of them is in quarantine.
        has_lost: By labels the champion got worse.
        is_judged: Whether labels of them were there to say so.
        has_moved_scores: The distribution of the scores changed.
        has_moved_features: The distribution of a feature changed.
    """

    has_broken_data: bool
    has_lost: bool
    is_judged: bool
    has_moved_scores: bool
    has_moved_features: bool


def tell_apart(signs: Signs) -> tuple[CauseOfChange, ...]:
    """Return the causes that hold, the gravest first.

    Drift of features is called harmless only where labels were there to say so; where they say the opposite, it
    explains the loss and is no cause of its own.

    >>> tell_apart(Signs(False, has_lost=True, is_judged=True, has_moved_scores=False, has_moved_features=True))
    (<CauseOfChange.PERFORMANCE_LOSS: 'performance loss'>,)
    """
    holds = {
        CauseOfChange.BROKEN_DATA: signs.has_broken_data,
        CauseOfChange.PERFORMANCE_LOSS: signs.has_lost,
        CauseOfChange.PREDICTION_DRIFT: signs.has_moved_scores,
        CauseOfChange.COVARIATE_DRIFT: signs.has_moved_features and signs.is_judged and not signs.has_lost,
    }
    return tuple(cause for cause, is_so in holds.items() if is_so)
