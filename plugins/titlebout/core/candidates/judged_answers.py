"""What is wrong with what the server of a candidate answered."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.candidates.examination import Answers
from titlebout.core.specs.deployment_spec import DeploymentBudgets

TOLERANCE = 1e-6


def problems_of(
    answers: Answers, offline: Sequence[JsonValue], budgets: DeploymentBudgets, check: CandidateCheck
) -> Iterator[str]:
    """Yield what speaks against a candidate, worst first."""
    if answers.version != check.version:
        yield f"its server said that it serves {answers.version[:80]}"
    for how, scores in (("", answers.scores), (" one by one", answers.single_scores)):
        if problem := _score_problem(scores, offline):
            yield f"asked{how}, {problem}" if how else problem
    for name, unit in (("memory_mb", "MiB"), ("size_mb", "MiB"), ("p99_ms", "ms")):
        budget, found = getattr(budgets, name), getattr(check, name)
        if budget is not None and (found is None or not found <= budget):
            spent = "was not measured" if found is None else f"is {found:.4g} {unit}"
            yield f"{name} {spent}, deployment.budgets allows {budget:.4g}"


def _score_problem(found: Sequence[JsonValue], offline: Sequence[JsonValue]) -> str | None:
    if len(found) != len(offline):
        return f"{len(offline)} rows got {len(found)} scores"
    # Not `any(difference > allowed)`: NaN has to count as a difference.
    wrong = np.flatnonzero(~(score_differences(found, offline) <= TOLERANCE)).tolist()
    if not wrong:
        return None
    row = wrong[0]
    return (
        f"{len(wrong)} of {len(offline)} rows score differently in the image; "
        f"row {row}: {_shown(found[row])} instead of {_shown(offline[row])}"
    )


def score_differences(found: Sequence[JsonValue], wanted: Sequence[JsonValue]) -> NDArray[np.float64]:
    """Return how far scores are from those wanted: float64, shape (n_rows,), infinite for what is no finite number.

    A score of several numbers, one per class, counts by the one that is farthest.

    >>> score_differences([1.0, None, [0.2, 0.5]], [1.0, 2.0, [0.2, 0.8]]).round(3).tolist()
    [0.0, inf, 0.3]
    """
    return np.array([_difference(one, other) for one, other in zip(found, wanted, strict=True)], dtype=np.float64)


def _difference(found: JsonValue, wanted: JsonValue) -> float:
    one, other = _numbers(found), _numbers(wanted)
    if one is None or other is None or one.shape != other.shape or isinstance(found, list) != isinstance(wanted, list):
        return float("inf")
    return float(np.max(np.abs(one - other) / np.maximum(1, np.abs(other))))


def _numbers(score: JsonValue) -> NDArray[np.float64] | None:
    values = score if isinstance(score, list) else [score]
    # A flag is an integer to Python, and no score.
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    is_whole = len(numbers) == len(values) and bool(np.isfinite(numbers).all())
    return np.array(numbers) if numbers and is_whole else None


def _shown(score: JsonValue) -> str:
    return f"{score:.9g}" if isinstance(score, float) else str(score)[:60]
