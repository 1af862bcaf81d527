"""A model's ledger in one line."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from titlebout.core.ledgers.ledger import PartitionStatus, ServedVersion


class ModelSummary(BaseModel):
    """A model in one line of an overview."""

    model_config = ConfigDict(frozen=True)

    model: str
    sequence: int = Field(description="Of the last entry.")
    recorded_at: datetime = Field(description="Of the last entry.")
    champion: ServedVersion | None = None
    partitions: dict[PartitionStatus, int] = Field(default={}, description="How many stand where; no zeros.")
