"""The section `scoring` of a model spec: what a model says of whole partitions."""

from pydantic import Field

from titlebout.core.specs.spec_section import SpecSection


class ScoringSection(SpecSection):
    """Predictions for whole partitions, as files in the lake."""

    nightly: bool = Field(
        default=False,
        description="Score every accepted partition, each with the version that served when the partition ended.",
    )
