"""How far simpler models come than the one that was trained: one record per rung."""

from pydantic import Field

from titlebout.core.results import PartitionKey, Result


class Rung(Result):
    """One model, judged on the newest days of the training window."""

    name: str = Field(description="constant, seasonal_naive, linear, shallow or challenger.")
    error: float | None = Field(default=None, description="By the comparison's metric; empty where `reason` says why.")
    gain: float | None = Field(default=None, description="Share of this rung's error that the challenger gains.")
    gain_low: float | None = Field(default=None, description="Lower bound of the gain.")
    gain_high: float | None = None
    is_as_good: bool = Field(default=False, description="Simpler than the challenger, and not clearly worse.")
    reason: str = ""


class LadderReport(Result):
    """All rungs, the simplest first and the challenger last."""

    model: str
    partition: PartitionKey
    metric: str
    validation: tuple[PartitionKey, ...]
    rows: int = Field(description="Rows that the rungs learned from: a sample, where the window holds more.")
    validation_rows: int
    rungs: tuple[Rung, ...]

    @property
    def as_good(self) -> tuple[str, ...]:
        """Names of simpler rungs that are not clearly worse than the challenger."""
        return tuple(rung.name for rung in self.rungs if rung.is_as_good)

    def document(self) -> bytes:
        """Return the JSON that is stored: the same ladder, the same bytes."""
        return self.model_dump_json().encode()
