"""What a look for drift hands on."""

from operator import not_

from pydantic import Field

from titlebout.core.results import PartitionKey, Result

NOBODY_CAN_TELL = 0.5


class ToldApart(Result):
    """How well a small model tells newer rows from the training rows: evidence for a person, no judge."""

    auc: float = Field(ge=0, le=1, description="0.5: nobody can tell; 1: everybody can.")
    low: float = Field(ge=0, le=1, description="Lower bound of the 99 % interval.")
    high: float = Field(ge=0, le=1, description="Upper bound.")
    rows: int = Field(ge=0, description="Newer rows in the sample.")
    reference_rows: int = Field(ge=0, description="Training rows in the sample.")
    columns: dict[str, float] = Field(description="Column to its share of what tells rows apart, the largest first.")

    @property
    def words(self) -> str:
        """Say it in one line."""
        is_told = self.low > NOBODY_CAN_TELL
        told = "are told from" if is_told else "cannot be told from"
        by = ", ".join(f"{name} ({share:.0%})" for name, share in self.columns.items())
        of = f"AUC {self.auc:.2f}, {self.low:.2f} to {self.high:.2f}, {self.rows} against {self.reference_rows} rows"
        return f"newer rows {told} training rows ({of})" + (f", most of all by {by}" if is_told else "")


class DriftFinding(Result):
    """A measured, significant change against what the champion was trained on."""

    model: str
    champion: str
    newest_partition: PartitionKey
    drifted_partitions: tuple[PartitionKey, ...]
    columns: dict[str, float] = Field(description="Column to its largest change over the limit (1 = at the limit).")
    measures: dict[str, str] = Field(
        default={}, exclude_if=not_, description="Column to what changed most about it, in standard deviations."
    )
    fingerprint: str = Field(description="Same champion, partition and columns: same fingerprint.")
    told_apart: ToldApart | None = Field(default=None, exclude_if=not_, description="What tells the newer rows apart.")


class DriftReport(Result):
    """What one look at the newest partitions said; `finding` is empty when there is nothing to do."""

    model: str
    champion: str | None
    looked_at: tuple[PartitionKey, ...]
    finding: DriftFinding | None = None
    reason: str
