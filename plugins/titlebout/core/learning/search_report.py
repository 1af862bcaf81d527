"""What a search for training parameters did: one short record per trial, and what was chosen and why."""

from enum import StrEnum

from pydantic import Field

from titlebout.core.results import PartitionKey, Result

Params = dict[str, float | int | str]
"""Parameters of XGBoost by name; `rounds`, where it is among them, is the number of trees."""


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    FAILED = "failed"


class TrialOrigin(StrEnum):
    """Who proposed a trial."""

    CHAMPION = "champion"
    SPEC = "spec"
    SEARCH = "search"


class SearchTrial(Result):
    """One training with other parameters, judged on the newest days of the training window."""

    number: int = Field(ge=1)
    origin: TrialOrigin
    params: Params = Field(description="All of XGBoost's parameters that the spec or the search gives.")
    rounds: int = Field(ge=1)
    value: float | None = Field(description="Error by the comparison's metric; empty where the trial failed.")
    seconds: float = Field(ge=0)
    state: TrialState
    reason: str = Field(default="", description="Why it failed.")


class SearchReport(Result):
    """A search, or the reason why a night took its parameters over without one."""

    model: str
    partition: PartitionKey
    metric: str = Field(description="Of the values; they are errors, smaller is better.")
    seed: int
    validation: tuple[PartitionKey, ...] = Field(default=(), description="Newest days of the training window.")
    warm_start: str | None = Field(default=None, description="The champion whose parameters were tried first.")
    trials: tuple[SearchTrial, ...] = ()
    chosen: int | None = Field(default=None, description="Number of the best trial; empty: none was, see `reason`.")
    params: Params = Field(description="What the challenger is trained with.")
    rounds: int = Field(ge=1)
    reason: str = Field(description="Why these parameters.")

    def document(self) -> bytes:
        """Return the JSON that is stored."""
        return self.model_dump_json().encode()
