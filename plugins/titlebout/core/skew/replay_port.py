"""The port to a model server for replaying golden rows: scores, and the version that gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from titlebout.core.ports import ServedRelease, ServedScores, ServerAddress


@dataclass(frozen=True)
class ServedAnswer:
    """Scores, and the version that gave them: while a trial runs it may be the candidate."""

    version: str
    scores: ServedScores


class ReplayClient(Protocol):
    """The conversation with a model server whose every answer bears its version."""

    def served(self, address: ServerAddress) -> ServedRelease | None:
        """Return what the server serves now; None when it serves nothing yet.

        Raises:
            UnavailableError: It does not answer.
        """
        ...

    def ask(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]], *, request_id: str) -> ServedAnswer:
        """Score rows by the way that callers take, under a name of the request's own.

        Raises:
            DeploymentError: The server refused the rows; the message names the field.
            UnavailableError: It does not answer, or serves no release yet.
        """
        ...
