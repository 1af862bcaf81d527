"""The report of one look at a trial of strategy ab: JSON in the lake, evidence in the ledger."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, FiniteFloat

from titlebout.core.results import PartitionKey, Result, Sha256
from titlebout.core.specs.split_spec import SplitRules


class SplitDecision(StrEnum):
    """What follows from a look."""

    CONTINUE = "continue"
    PROMOTE = "promote"
    KEEP = "keep"
    INCONCLUSIVE = "inconclusive"
    """The split itself is broken: whatever the outcomes say, they do not compare two equal groups."""


class Group(Result):
    """One of the two groups."""

    answered_rows: int = Field(default=0, ge=0, description="Rows that it answered during the trial.")
    answered_units: int = Field(default=0, ge=0, description="Requests, or keys of sticky_by, that it answered.")
    outcomes: int = Field(default=0, ge=0, description="Counted outcomes: one for each unit.")
    mean: FiniteFloat | None = Field(default=None, description="Of the outcomes, in their own unit.")
    variance: FiniteFloat | None = None


class SplitTally(Result):
    """What was left out, or waits."""

    mixed_requests: int = Field(default=0, description="Requests of several keys of sticky_by; they are in no group.")
    unjoinable_rows: int = Field(default=0, description="Answered rows without a full key.")
    asked_again: int = Field(default=0, description="Rows that were asked for more than once; the first answer counts.")
    waiting_rows: int = Field(default=0, description="Answered rows whose outcome is not known yet.")
    repeated_outcomes: int = Field(default=0, description="Outcomes of a key that had one before; the first counts.")
    early_outcomes: int = Field(default=0, description="Outcomes that were known before the answer; none counts.")
    not_numbers: int = Field(default=0, description="Outcomes that are no finite number; with one, nobody wins.")


class Share(Result):
    """Which share of the units the candidate answered, and between which values it lies in truth."""

    asked: float
    found: float | None
    low: float
    high: float


class PathPoint(Result):
    """The gain after so many outcomes, in the order in which they became known."""

    outcomes: int
    partition: PartitionKey
    gain: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


class LabelledPartition(Result):
    """A partition whose rows held outcomes."""

    partition: PartitionKey
    data_sha256: Sha256


class SplitReport(Result):
    """One look."""

    model: str
    trial: int
    version: str
    champion: str
    percent: int
    rules: SplitRules
    started_at: datetime
    ends_at: datetime
    looked_at: datetime
    decision: SplitDecision
    reasons: tuple[str, ...] = Field(min_length=1)
    groups: dict[str, Group] = Field(description="`champion` and `candidate`.")
    gain: FiniteFloat | None = Field(default=None, description="Candidate less champion; above zero is better.")
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    share: Share
    tally: SplitTally = SplitTally()
    partitions: tuple[LabelledPartition, ...] = ()
    path: tuple[PathPoint, ...] = ()

    @property
    def champion_group(self) -> Group:
        """Who got the champion."""
        return self.groups["champion"]

    @property
    def candidate_group(self) -> Group:
        """Who got the candidate."""
        return self.groups["candidate"]

    @property
    def interval(self) -> str:
        """Say gain and interval in words."""
        if self.gain is None or self.low is None or self.high is None:
            return "gain not known yet"
        return f"gain {self.gain:+.4g}, between {self.low:+.4g} and {self.high:+.4g}"
