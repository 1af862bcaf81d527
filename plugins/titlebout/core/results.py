"""What steps hand to each other: frozen, JSON-sized, validated again on read."""

import json
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from operator import not_
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from titlebout.core.bout_check import BoutCheck

Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
# The forms of all cadences; whether the calendar has such an hour, day, week or month is asked where one is computed.
PartitionKey = Annotated[str, Field(pattern=r"\A[0-9]{4}-([0-9]{2}|[0-9]{2}-[0-9]{2}(T[0-9]{2})?|W[0-9]{2})\z")]


class Result(BaseModel):
    """Base of all results: frozen, and unknown keys are refused."""

    # NaN and infinity stay readable in JSON: a verdict has to be able to say that a score was one.
    # Built when first used: every DAG file that is read imports most of these, and uses none.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", defer_build=True)

    def as_json(self) -> dict[str, JsonValue]:
        """Return plain JSON for an XCom or the ledger; NaN and infinity are text, as no JSON number can be one."""
        # Not `model_dump(mode="json")`: it leaves NaN a float.
        document: dict[str, JsonValue] = json.loads(self.model_dump_json())
        return document


class RunKind(StrEnum):
    """Why Airflow made this run. Only a live one may change what serves."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"


class RunContext(Result):
    """What a step knows about the run it works for."""

    partition: PartitionKey
    run_id: str
    kind: RunKind
    reason: str = "schedule"

    @property
    def actor(self) -> str:
        """Who answers for what the step writes into the ledger."""
        return f"run:{self.run_id}"

    @property
    def is_live(self) -> bool:
        """Whether this run may change what serves."""
        return self.kind is not RunKind.BACKFILL


class Snapshot(Result):
    """An immutable Parquet file of one partition at one revision: its manifest."""

    model: str
    partition: PartitionKey
    revision: int = Field(ge=1)
    data_path: str = Field(description="Path in the lake.")
    data_sha256: Sha256 = Field(description="Of the Parquet file's bytes.")
    content_sha256: Sha256 = Field(description="Of the logical content: schema, values and row order.")
    size_bytes: int = Field(ge=0)
    rows: int = Field(ge=0)
    left_out_rows: int = Field(default=0, ge=0, description="Delivered rows outside `dataset.keep`.")
    columns: dict[str, str]
    min_time: datetime | None
    max_time: datetime | None
    source_uri: str
    source_etag: str | None = None
    code_version: str


class SnapshotRef(Result):
    """The bytes of one partition, by name and hash: an entry of a training manifest."""

    partition: PartitionKey
    revision: int = Field(ge=1)
    data_path: str
    data_sha256: Sha256
    rows: int = Field(ge=0)
    max_time: datetime | None


class Severity(StrEnum):
    """What a failed expectation leads to: quarantine, or a note."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class ExpectationFailure(Result):
    """One expectation that did not hold."""

    expectation: str
    column: str | None
    severity: Severity
    observed: JsonValue
    expected: dict[str, JsonValue]
    unexpected_rows: int | None = None
    examples: tuple[JsonValue, ...] = Field(default=(), max_length=20)

    def __str__(self) -> str:
        """Say it in one line."""
        where = f" of {self.column}" if self.column else ""
        wanted = ", ".join(f"{name}={value}" for name, value in self.expected.items())
        return f"{self.expectation}{where}: found {self.observed}, wanted {wanted}"


def is_passed(evaluated: int, failures: Iterable[ExpectationFailure]) -> bool:
    """Whether something was checked, and nothing critical failed."""
    return evaluated > 0 and not any(failure.severity is Severity.CRITICAL for failure in failures)


class ValidationReport(Result):
    """What the suite said about one snapshot."""

    model: str
    partition: PartitionKey
    revision: int
    data_sha256: Sha256
    suite: str
    evaluated: int = Field(ge=0)
    failures: tuple[ExpectationFailure, ...] = ()
    report_path: str = Field(description="Path of the full JSON report in the lake.")

    @property
    def is_accepted(self) -> bool:
        """Whether the partition may be trained on."""
        return is_passed(self.evaluated, self.failures)


class TrainingProof(Result):
    """What the challenger has seen, so that a comparison can check that it never saw the holdout."""

    training: tuple[SnapshotRef, ...]
    holdout: tuple[SnapshotRef, ...]
    history: tuple[SnapshotRef, ...] = Field(
        default=(),
        # A proof without history features is written as it was before there were any.
        exclude_if=not_,
        description="Snapshots outside the training window that history features are made of: older ones for the "
        "training rows, newer ones for the table that serves.",
    )


Baseline = float | tuple[float, ...]
"""A constant prediction: a number, or the probability of each class."""


class TrainedChallenger(Result):
    """A trained model version: content-addressed, complete in the lake, tracked in MLflow."""

    model: str
    version: str = Field(description="Partition key plus the start of the SHA-256 of its recipe.")
    partition: PartitionKey
    model_path: str
    model_sha256: Sha256
    model_bytes: int | None = Field(default=None, ge=0, description="Not in the oldest manifests; null is unknown.")
    plan_path: str
    plan_sha256: Sha256
    profile_path: str | None = Field(default=None, exclude_if=not_, description="In manifests of before; not read.")
    profile_sha256: Sha256 | None = Field(default=None, exclude_if=not_)
    golden_path: str
    golden_sha256: Sha256
    recipe_path: str
    recipe_sha256: Sha256
    proof: TrainingProof
    training_rows: int
    baseline: Baseline = Field(description="What a constant prediction would be, learned from the training rows.")
    metrics: dict[str, float] = Field(default_factory=dict, description="Numbers of the training, for the registry.")
    code_version: str


class Outcome(StrEnum):
    """How a bout can end."""

    PROMOTE = "promote"
    KEEP = "keep"
    INCONCLUSIVE = "inconclusive"


class Verdict(Result):
    """The result of one bout, with every number that led to it."""

    model: str
    partition: PartitionKey
    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    challenger: str
    champion: str | None
    metric: str
    unit: str = ""
    rows: int = 0
    blocks: int = 0
    challenger_error: float | None = None
    champion_error: float | None = None
    baseline_error: float | None = None
    gain: float | None = Field(default=None, description="Share of the opponent's error; larger is better.")
    gain_low: float | None = None
    gain_high: float | None = None
    min_gain: float = 0.0
    holdout: tuple[PartitionKey, ...] = ()
    checks: tuple[BoutCheck, ...] = Field(default=(), description="Guards, slices, calibration, size.")
    area_p: float | None = Field(default=None, description="DeLong's two-sided p, where the metric is auc.")


class ReleaseStatus(StrEnum):
    """How far a release came."""

    SETTLED = "settled"
    SKIPPED = "skipped"


class Release(Result):
    """One change of what serves."""

    model: str
    version: str
    status: ReleaseStatus
    token: int | None = Field(default=None, description="Fencing token: the ledger sequence that started the release.")
    url: str | None = None
    reason: str = ""
