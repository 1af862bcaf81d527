"""Results about performance: of one partition, a finding, a warning, a report."""

from enum import StrEnum
from operator import not_

from pydantic import Field

from titlebout.core.performance.change_causes import CauseOfChange
from titlebout.core.results import PartitionKey, Result, Sha256


class Standing(StrEnum):
    """How an error is known."""

    REALISED = "realised"
    """From labels."""
    ESTIMATED = "estimated"
    """Without labels: what the scores, or losses on similar rows, let expect. It may be wrong."""


class ScoreSource(StrEnum):
    """Where the scores are from that were held against the labels."""

    LOG = "inference log"
    """A server gave them; they are booked on the partition in which it answered."""
    BATCH = "batch scores"
    """`score_partition` gave them, with the version that served when the partition ended."""
    REPLAYED = "replayed"
    """Nobody was given them: the version scored the rows afterwards."""


class JoinCounts(Result):
    """How scores and labels found each other.

    `scored` = `judged` + `waiting` + `unknown` + `contradicted` + `undefined`; repeated ones are not among them.
    """

    scored: int = Field(ge=0, description="Scored rows, each key once.")
    judged: int = Field(ge=0, description="Those with a label: what the error is of.")
    waiting: int = Field(default=0, ge=0, description="The row is known, its label is missing.")
    unknown: int = Field(default=0, ge=0, description="No accepted partition that was looked at has such a key.")
    contradicted: int = Field(default=0, ge=0, description="One delivery has the key several times, with other labels.")
    undefined: int = Field(default=0, ge=0, description="The metric says nothing of the row, as `mape` of a label 0.")
    repeated: int = Field(default=0, ge=0, description="Scored again by the version that day: the last score counts.")
    doubled: int = Field(default=0, ge=0, description="Further rows of a label's key that say the same.")
    unscored: int = Field(default=0, ge=0, description="Rows of the partition itself that have no score.")


class PartitionPerformance(Result):
    """The error of one version on one partition; days add up by `loss` and `rows`."""

    model: str
    partition: PartitionKey = Field(description="Of the prediction, however late the labels came.")
    version: str
    standing: Standing
    source: ScoreSource
    metric: str = Field(description="The spec's metric; log loss, where that one is no sum over rows.")
    unit: str
    rows: int = Field(ge=0, description="Rows that the error is of.")
    loss: float = Field(description="Sum of the rows' losses; of squared errors for rmse.")
    squares: float = Field(description="Sum of the squares of the rows' losses: how much rows differ.")
    error: float | None = Field(description="None without rows.")
    error_low: float | None = Field(default=None, description="Of an estimate: 90 % band, by how past estimates did.")
    error_high: float | None = None
    spec_metric: str | None = Field(default=None, description="The spec's metric, where `metric` is another.")
    spec_error: float | None = Field(default=None, description="By it; None where one partition does not define it.")
    counts: JoinCounts
    labels_from: tuple[PartitionKey, ...] = Field(default=(), description="Where the labels were looked for.")
    is_holdout: bool = Field(default=False, description="The version won its bout on this partition.")
    method: str | None = Field(default=None, description="How an estimate was made.")
    profile_path: str | None = Field(default=None, description="Profile of the scores in the lake.")
    profile_sha256: Sha256 | None = None
    evidence: str = Field(description="Same scores, labels and metric: same evidence.")

    @property
    def is_estimate(self) -> bool:
        """Whether no label stands behind it."""
        return self.standing is Standing.ESTIMATED


class PerformanceFinding(Result):
    """The champion predicts worse than when it won, by more than its own past explains."""

    model: str
    champion: str
    newest_partition: PartitionKey
    lost_partitions: tuple[PartitionKey, ...]
    metric: str
    unit: str
    error: float = Field(description="Over the lost partitions.")
    reference_error: float = Field(description="Over the partitions on which the champion won its bout.")
    loss: float = Field(description="Share of the reference error that the error is larger.")
    is_estimate: bool = Field(description="Whether no label stands behind it.")
    cause: CauseOfChange = CauseOfChange.PERFORMANCE_LOSS
    drifted_columns: tuple[str, ...] = Field(
        default=(), exclude_if=not_, description="Features that drifted at the same time: where to look."
    )
    fingerprint: str = Field(description="Same champion, standing and partitions: same fingerprint.")


class PerformanceWarning(Result):
    """Something about the predictions that a person should know and that starts nothing."""

    model: str
    champion: str
    newest_partition: PartitionKey
    partitions: tuple[PartitionKey, ...]
    cause: CauseOfChange
    is_estimate: bool
    text: str
    fingerprint: str


class PerformanceReport(Result):
    """What one look said; `finding` is empty when performance is no reason for a retrain."""

    model: str
    champion: str | None
    looked_at: tuple[PartitionKey, ...] = ()
    measured: tuple[PartitionPerformance, ...] = Field(default=(), description="What was measured in this look.")
    finding: PerformanceFinding | None = None
    warnings: tuple[PerformanceWarning, ...] = ()
    causes: tuple[CauseOfChange, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="What was left out, and why.")
    reason: str
