"""What a candidate showed in its serving image. Operators import this: it needs no numbers library."""

import hashlib

from pydantic import Field

from titlebout.core.results import Result, TrainedChallenger


class CandidateCheck(Result):
    """What a candidate showed in its serving image; `problems` is empty where it may serve."""

    model: str
    version: str
    image: str
    image_id: str = Field(description="Content id of the image; a tag may move.")
    problems: tuple[str, ...] = ()
    rows: int = Field(default=0, ge=0, description="Golden rows and hard ones that were replayed.")
    largest_difference: float | None = Field(
        default=None, description="From the offline scores, as a share of the score where that is above 1."
    )
    memory_mb: float | None = None
    size_mb: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def has_passed(self) -> bool:
        """Whether the candidate may serve."""
        return not self.problems and self.largest_difference is not None


def data_sha256(version: TrainedChallenger) -> str:
    """Return one hash for all rows that a version learned from."""
    named = "\n".join(f"{ref.partition} {ref.data_sha256}" for ref in version.proof.training)
    return hashlib.sha256(named.encode("ascii")).hexdigest()
