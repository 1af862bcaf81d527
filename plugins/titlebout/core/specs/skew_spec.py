"""Section `serving.skew` of a model spec: when what the server is asked differs too much from what is delivered."""

from pydantic import Field

from titlebout.core.specs.spec_section import SpecSection


class SkewSection(SpecSection):
    """When logged features that differ from the delivered ones are worth telling."""

    max_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of compared rows in which a feature may differ from the delivered one; 1: never told.",
    )
    min_rows: int = Field(default=20, ge=1, description="Fewer compared rows of a partition are no evidence.")
