"""The results of a check for skew: golden rows on the live server, and partitions of its log."""

from enum import StrEnum

from pydantic import Field, JsonValue

from titlebout.core.results import PartitionKey, Result

Score = float | tuple[float, ...] | None

MOST_EXAMPLES = 3
MOST_DIFFERENCES = 10


class SkewKind(StrEnum):
    """What was found to differ."""

    GOLDEN = "golden"
    """The live server scores golden rows otherwise than the version did, or is another version."""
    FEATURES = "features"
    """The server was asked with other features than were delivered for the same rows."""
    SCORES = "scores"
    """The log holds other scores than the version gives for the features beside them."""


class GoldenDifference(Result):
    """A golden row that the server scored otherwise."""

    row: int = Field(ge=0, description="Position among the golden rows.")
    is_alone: bool = Field(description="Asked alone, and not in one request with all others.")
    version: str = Field(description="What answered.")
    promised: Score
    answered: Score
    difference: float = Field(description="As a share of the promised score where that is above 1.")


class GoldenReplay(Result):
    """Golden rows, asked of the live server."""

    version: str | None = Field(default=None, description="What serves by the ledger.")
    url: str | None = None
    rows: int = 0
    answers: int = Field(default=0, description="Scores that were compared: all rows at once, then one by one.")
    by_candidate: int = Field(default=0, description="How many of them a candidate on trial gave.")
    largest_difference: float | None = None
    differing: int = 0
    differences: tuple[GoldenDifference, ...] = Field(default=(), max_length=MOST_DIFFERENCES)
    problem: str | None = Field(default=None, description="What is wrong; None: nothing.")
    note: str = Field(default="", description="Why nothing was asked.")


class SkewExample(Result):
    """A row of which a feature differs. Hashed values are shown as hashes."""

    request_id: str
    keys: dict[str, JsonValue]
    logged: JsonValue
    recomputed: JsonValue


class FieldSkew(Result):
    """How a feature of the log compares with the delivered one."""

    column: str
    compared: int = Field(ge=0)
    differing: int = Field(default=0, ge=0)
    only_logged: int = Field(default=0, ge=0, description="A value in the log, none delivered.")
    only_delivered: int = Field(default=0, ge=0, description="A value delivered, none in the log.")
    other_differs: int = Field(
        default=0, ge=0, description="One of both is a category that the version knows, the other one is *other*."
    )
    largest: float | None = Field(default=None, description="Largest difference: the column's unit; days; seconds.")
    typical: float | None = Field(default=None, description="Median difference of the rows that differ.")
    is_hash: bool = Field(default=False, description="Compared by hashes: equal or not.")
    is_history: bool = Field(
        default=False,
        description="A history feature: the server's is as old as the version, so it is told and no more.",
    )
    examples: tuple[SkewExample, ...] = Field(default=(), max_length=MOST_EXAMPLES)

    @property
    def share(self) -> float:
        """Share of compared rows that differ."""
        return self.differing / self.compared if self.compared else 0.0


class ScoreSkew(Result):
    """How the scores of one version in the log compare with those recomputed from the features beside them."""

    version: str
    rows: int = Field(ge=0)
    differing: int = Field(default=0, ge=0)
    largest: float | None = None
    typical: float | None = None
    note: str = Field(default="", description="Why they were not recomputed.")


class PartitionSkew(Result):
    """The rows of the log that speak of one partition, compared with its accepted snapshot."""

    partition: PartitionKey
    logged_rows: int = Field(default=0, ge=0, description="Rows that somebody was answered.")
    compared_rows: int = Field(default=0, ge=0, description="Of them: rows whose key the snapshot holds once.")
    unknown_rows: int = Field(default=0, ge=0, description="No row was delivered under their key.")
    ambiguous_rows: int = Field(default=0, ge=0, description="Several rows were delivered under their key.")
    keyless_rows: int = Field(default=0, ge=0, description="A part of their key is missing.")
    repeated_rows: int = Field(default=0, ge=0, description="Asked before under the same key; each was compared.")
    versions: dict[str, int] = Field(default={}, description="How many rows each version answered.")
    fields: tuple[FieldSkew, ...] = ()
    not_compared: dict[str, str] = Field(default={}, description="Feature to why it was not compared.")
    scores: tuple[ScoreSkew, ...] = ()
    note: str = Field(default="", description="Why features were not compared.")


class SkewFinding(Result):
    """Skew that a person should know of. It is no reason to retrain: the data did not change, somebody's code did."""

    model: str
    kind: SkewKind
    version: str
    newest_partition: PartitionKey
    columns: dict[str, float] = Field(default={}, description="Feature or version to the share of rows that differ.")
    message: str
    fingerprint: str


class SkewReport(Result):
    """Everything that one look for skew saw."""

    model: str
    golden: GoldenReplay
    partitions: tuple[PartitionSkew, ...] = ()
    findings: tuple[SkewFinding, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.golden.problem is None and not self.findings

    def without_examples(self) -> "SkewReport":
        """Leave out what may be personal: values that clients sent must not outlive the log's retention."""
        partitions = tuple(
            each.model_copy(
                update={"fields": tuple(field.model_copy(update={"examples": ()}) for field in each.fields)}
            )
            for each in self.partitions
        )
        return self.model_copy(update={"partitions": partitions})
