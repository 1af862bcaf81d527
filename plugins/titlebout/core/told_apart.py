"""What a model that tells newer rows from the champion's training rows goes by."""

from pydantic import BaseModel, ConfigDict, Field

NOBODY_CAN_TELL = 0.5


class ToldApart(BaseModel):
    """How well a small model tells newer rows from the training rows: evidence for a person, no judge."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

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
