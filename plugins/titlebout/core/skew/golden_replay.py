"""Compares a live server's answers to golden rows with the scores that the version gives offline."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import JsonValue

from titlebout.core.candidates.judged_answers import TOLERANCE, score_differences
from titlebout.core.ports import ServedScores
from titlebout.core.skew.skew_report import MOST_DIFFERENCES, GoldenDifference, Score

MOST_ALONE = 100
"""Rows that are also asked one by one, as a server is mostly asked: that is another way through its code."""


class Answered(NamedTuple):
    """What the server said of some golden rows, and what was promised.

    Attributes:
        first_row: Position of the first of them.
        is_alone: Whether it is a request of one row.
        promised: What that version says offline.
    """

    version: str
    first_row: int
    is_alone: bool
    scores: ServedScores
    promised: Sequence[JsonValue]


class Differences(NamedTuple):
    """What a replay adds up to.

    Attributes:
        answers: How many scores were compared.
        largest: The largest difference; infinite where an answer is no score of that form.
        found: All that differ, the largest first.
    """

    answers: int
    largest: float | None
    found: tuple[GoldenDifference, ...]

    @property
    def shown(self) -> tuple[GoldenDifference, ...]:
        """The first few."""
        return self.found[:MOST_DIFFERENCES]


def differences_of(answered: Iterable[Answered]) -> Differences:
    """Compare every answer with what was promised; equal means within 1e-6, as where a release proves itself."""
    count, largest, found = 0, list[float](), list[GoldenDifference]()
    for each in answered:
        sizes = score_differences([*each.scores], each.promised)
        count += len(sizes)
        largest.append(float(np.max(sizes)))
        # Not `sizes > TOLERANCE`: NaN has to count as a difference.
        for place in np.flatnonzero(~(sizes <= TOLERANCE)).tolist():
            found.append(_difference(each, place, float(sizes[place])))
    found.sort(key=lambda each: -each.difference)
    return Differences(count, max(largest, default=None), tuple(found))


def sentence(found: Differences, url: str) -> str | None:
    """Say what differs, or None."""
    if not found.found:
        return None
    first = found.found[0]
    how = "alone" if first.is_alone else "with all others"
    return (
        f"{url} scores golden rows otherwise than {first.version} does: {len(found.found)} of {found.answers} answers; "
        f"row {first.row}, asked {how}: {_shown(first.answered)} instead of {_shown(first.promised)}"
    )


def _difference(answered: Answered, place: int, size: float) -> GoldenDifference:
    return GoldenDifference(
        row=answered.first_row + place,
        is_alone=answered.is_alone,
        version=answered.version,
        promised=_score(answered.promised[place]),
        answered=_score(answered.scores[place]),
        difference=size,
    )


def _score(value: JsonValue | list[float]) -> Score:
    if isinstance(value, list):
        return tuple(float(each) for each in value if isinstance(each, int | float))
    return float(value) if isinstance(value, int | float) else None


def _shown(score: Score) -> str:
    if isinstance(score, tuple):
        return f"({', '.join(f'{each:.9g}' for each in score)})"
    return "nothing" if score is None else f"{score:.9g}"
