"""The serving image in memory: a real model answers, and a test says what is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from titlebout.core.candidates.examination import Answers, Questions
from titlebout.core.errors import UnavailableError
from titlebout.core.ports import ReleaseBundle
from titlebout.core.predictor import Predictor

IMAGE_ID = "sha256:" + "1" * 64


def unchanged(score: Any) -> JsonValue:
    return score


@dataclass
class MemoryBench:
    """Examine candidates in this process.

    Attributes:
        image: Content id of the image.
        changes: What other fields the answers have than an honest server would give.
        tamper: Changes every score.
        failure: Raised instead of an answer.
        is_down: Set it to make every call raise `UnavailableError`.
        examined: Labels of every examination, in order.
    """

    image: str = IMAGE_ID
    changes: Mapping[str, object] = field(default_factory=dict)
    tamper: Callable[[Any], JsonValue] = unchanged
    failure: Exception | None = None
    is_down: bool = False
    examined: list[Mapping[str, str]] = field(default_factory=list)

    def image_id(self) -> str:
        """Return the image that a test has set."""
        self._answer()
        return self.image

    def examine(self, image_id: str, bundle: ReleaseBundle, questions: Questions, labels: Mapping[str, str]) -> Answers:
        """Score the questions."""
        self._answer()
        self.examined.append(labels)
        if self.failure:
            raise self.failure
        scores = Predictor.load(bundle.booster, bundle.plan).predict_rows(questions.rows)
        tampered = tuple(self.tamper(score) for score in scores.tolist())
        honest = {"version": questions.version, "memory_bytes": 90 * 2**20, "p50_ms": 0.4, "p99_ms": 0.9}
        return Answers(**{"scores": tampered, "single_scores": tampered, **honest, **self.changes})

    def _answer(self) -> None:
        if self.is_down:
            message = "engine at memory:// does not answer; start it and clear this task"
            raise UnavailableError(message)
