"""Causes of a change in data or predictions: only a loss of performance is a reason to retrain."""

from enum import StrEnum


class CauseOfChange(StrEnum):
    """Why a model or its data look other than before."""

    BROKEN_DATA = "broken data"
    PERFORMANCE_LOSS = "performance loss"
    PREDICTION_DRIFT = "prediction drift"
    COVARIATE_DRIFT = "covariate drift without loss"


def tell_apart(
    *, has_broken_data: bool, has_lost: bool, is_judged: bool, has_moved_scores: bool, has_moved_features: bool
) -> tuple[CauseOfChange, ...]:
    """Return the causes that hold for the newest partitions, the gravest first.

    Drift of features is called harmless only where labels were there to say so; where they say the opposite, it
    explains the loss and is no cause of its own.

    Args:
        has_broken_data: One of them is in quarantine.
        has_lost: By labels the champion got worse.
        is_judged: Labels were there to say so.
        has_moved_scores: The distribution of the scores changed.
        has_moved_features: The distribution of a feature changed.
    """
    holds = {
        CauseOfChange.BROKEN_DATA: has_broken_data,
        CauseOfChange.PERFORMANCE_LOSS: has_lost,
        CauseOfChange.PREDICTION_DRIFT: has_moved_scores,
        CauseOfChange.COVARIATE_DRIFT: has_moved_features and is_judged and not has_lost,
    }
    return tuple(cause for cause, is_so in holds.items() if is_so)
