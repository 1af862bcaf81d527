"""The document of a drift report: everything that its page shows."""

from typing import NamedTuple

from pydantic import Field, JsonValue

from titlebout.core.drift_accounts.staleness import Staleness
from titlebout.core.drifting.drift_results import DriftReport
from titlebout.core.results import PartitionKey, Result


class DayAccount(Result):
    """One partition on the time axis.

    Attributes:
        status: Where it stands in the ledger; `missing` where nothing was ever ingested.
        is_trained: The champion learned from it.
        is_looked_at: It is one of the newest, on which the finding rests.
    """

    partition: PartitionKey
    status: str
    rows: int = 0
    is_trained: bool = False
    is_looked_at: bool = False


class ChangeAccount(NamedTuple):
    """The most unusual thing about a column on a day.

    Attributes:
        change: In standard deviations of a row.
        excess: Change over its limit; above 1 the column drifts.
    """

    measure: str
    change: float
    excess: float


class ShareAccount(NamedTuple):
    """How often something occurs: 0 to 1."""

    name: str
    reference: float
    newest: float


class DistributionAccount(Result):
    """A column of the newest partitions against the reference.

    Attributes:
        is_numeric: Bins are intervals in order, not names.
        bins: Shares of the rows that have a value, so that both sides add up to 1.
        missing: Share of the rows without a value.
        unseen: Share of values outside the range, or with a name, that the reference never held.
        is_grouped: Names are too many to be counted one by one.
    """

    is_numeric: bool
    bins: tuple[ShareAccount, ...]
    missing: ShareAccount
    unseen: ShareAccount
    is_grouped: bool = False


class DistanceAccount(Result):
    """Distances of the newest partitions from the reference; None where one is not defined. None of them decides."""

    population_stability: float | None = None
    jensen_shannon: float | None = None
    kolmogorov_smirnov: float | None = None
    wasserstein: float | None = None


class ColumnAccount(Result):
    """One column, on all days that could be judged."""

    name: str
    is_target: bool = False
    changes: dict[PartitionKey, ChangeAccount] = Field(default_factory=dict)
    distances: DistanceAccount = DistanceAccount()
    distribution: DistributionAccount | None = Field(default=None, description="Of the most changed columns alone.")


class EventAccount(Result):
    """Something that happened, at the partition that it is about."""

    partition: PartitionKey
    kind: str
    words: str


class ErrorAccount(Result):
    """Errors of the bout of one night, on its holdout; None where one is not known.

    Attributes:
        champion: Of the model that served or defended then.
        challenger: Of the model that was trained that night.
        constant: Of a constant prediction.
    """

    partition: PartitionKey
    champion: float | None = None
    challenger: float | None = None
    constant: float | None = None


class PerformanceAccount(Result):
    """How well the predictions of one partition came true, or are thought to.

    Attributes:
        version: Whose predictions.
        realised: Error by labels.
        estimated: Error as it was estimated without labels, with its band.
    """

    partition: PartitionKey
    version: str
    realised: float | None = None
    estimated: float | None = None
    estimated_low: float | None = None
    estimated_high: float | None = None


class ScoreAccount(Result):
    """What a version answered at one partition: quartiles of its scores."""

    partition: PartitionKey
    version: str
    low: float
    middle: float
    high: float


class DriftAccount(Result):
    """One look at the newest partitions of a model.

    Attributes:
        partition: The newest partition at that time.
        trained: First and last partition that the champion learned from.
        rules: The section `drift` of the spec that judged.
        days: The time axis, oldest first.
        columns: The most changed one first.
        events: Oldest first.
        metric: In which `errors` are measured.
        performance_metric: In which `performance` is measured.
        decided: What became of the look: what was asked for, what was not and why.
    """

    report: DriftReport
    partition: PartitionKey
    cadence: str = "daily"
    trained: tuple[PartitionKey, PartitionKey] | None = None
    rules: dict[str, JsonValue] = Field(default_factory=dict)
    days: tuple[DayAccount, ...] = ()
    columns: tuple[ColumnAccount, ...] = ()
    events: tuple[EventAccount, ...] = ()
    metric: str = ""
    errors: tuple[ErrorAccount, ...] = ()
    performance_metric: str = ""
    performance: tuple[PerformanceAccount, ...] = ()
    scores: tuple[ScoreAccount, ...] = ()
    decided: tuple[str, ...] = ()
    staleness: Staleness = Staleness()

    def document(self) -> bytes:
        """Return the bytes that lie in the lake."""
        return self.model_dump_json().encode()
