"""What is asked of a candidate in its serving image, what came back, and the port to whatever asks it."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from titlebout.core.ports import ReleaseBundle

QUESTIONS_FILE = "questions.json"
STATE_FOLDER = "state"
"""Beside the files of a bundle, in the folder that the examined image finds: what to ask, and where its server may
write."""


class Questions(BaseModel):
    """What the server of a candidate is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    version: str
    rows: tuple[dict[str, JsonValue], ...] = Field(min_length=1)
    rounds: int = Field(ge=1, description="The quickest round counts: others may use the machine.")
    requests: int = Field(ge=1, description="Single-row requests of a round, one after the other.")


class Answers(BaseModel):
    """What the server of a candidate answered, and what it took. A score may be anything: nobody has judged it yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    scores: tuple[JsonValue, ...] = Field(description="All rows in one request.")
    single_scores: tuple[JsonValue, ...] = Field(description="The same rows, one request each.")
    memory_bytes: int = Field(ge=0, description="Largest resident memory of the server's process.")
    p50_ms: float = Field(ge=0)
    p99_ms: float = Field(ge=0)


class CandidateBench(Protocol):
    """Runs the server of a candidate where nobody can reach it, and takes it away again."""

    def image_id(self) -> str:
        """Return the content id of the image that is examined, and that a model server would be started from.

        Raises:
            DeploymentError: There is no such image.
            UnavailableError: The engine does not answer.
        """
        ...

    def examine(self, image_id: str, bundle: ReleaseBundle, questions: Questions, labels: Mapping[str, str]) -> Answers:
        """Run the image's server with a bundle and ask it. Whatever a killed try has left goes first.

        Raises:
            DeploymentError: The server did not come up, refused the bundle, ran out of memory or of time.
            UnavailableError: The engine does not answer.
        """
        ...
