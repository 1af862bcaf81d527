"""What a search for training parameters did: one short record per trial, and what was chosen and why."""

from enum import StrEnum
from operator import not_
from typing import Self

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
    by_block: tuple[float, ...] = Field(
        default=(), exclude_if=not_, description="The error on each validation partition, or day where they are hours."
    )
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
    chosen: int | None = Field(
        default=None, description="Number of the trial whose parameters are taken; empty: none was, see `reason`."
    )
    params: Params = Field(description="What the challenger is trained with.")
    rounds: int = Field(ge=1)
    reason: str = Field(description="Why these parameters.")

    def document(self) -> bytes:
        """Return the JSON that is stored."""
        return self.model_dump_json().encode()


class SearchPlan(Result):
    """What a search begins with. The first one that is written down stands, whatever serves by the time of a retry."""

    warm_start: str | None = Field(description="The champion whose parameters are tried first.")
    params: Params = Field(default_factory=dict, description="Those of the champion that the search may change.")

    def document(self) -> bytes:
        """Return the JSON that is stored."""
        return self.model_dump_json().encode()


class FoundParameters(Result):
    """What a search has come to, small enough for an XCom; the report lies in the lake."""

    model: str
    partition: PartitionKey
    report_path: str
    trials: int = Field(ge=0)
    chosen: int | None
    params: Params
    rounds: int = Field(ge=1)
    reason: str

    @classmethod
    def of(cls, report: SearchReport, path: str) -> Self:
        """Return the gist of a report."""
        return cls(
            model=report.model,
            partition=report.partition,
            report_path=path,
            trials=len(report.trials),
            chosen=report.chosen,
            params=report.params,
            rounds=report.rounds,
            reason=report.reason,
        )
