"""Why a model is retrained besides its nightly run, and what is different in such a run."""

from enum import StrEnum

from pydantic import Field

from titlebout.core.specs.spec_section import SpecSection


class RetrainReason(StrEnum):
    """What a run between the scheduled ones is for."""

    DRIFT = "drift"
    PERFORMANCE_LOSS = "performance_loss"
    NEW_REVISION = "new_revision"
    CHANGED_RECIPE = "changed_recipe"
    STALENESS = "staleness"
    PERSON = "person"


AUTOMATIC = tuple(reason for reason in RetrainReason if reason is not RetrainReason.PERSON)
"""In the order in which they are asked for, where several hold at once."""
OF_A_CHANGED_WORLD = frozenset({RetrainReason.DRIFT, RetrainReason.PERFORMANCE_LOSS, RetrainReason.STALENESS})
"""Where the model does not know the present world; the others repeat what a night does with other rows or rules."""


class RetrainSection(SpecSection):
    """What a run for drift, performance loss or staleness does otherwise than a night. The holdout is the night's."""

    window_days: int | None = Field(
        default=None, ge=1, le=3650, description="In place of training.window_days: shorter forgets the old world."
    )
    half_life_days: float | None = Field(default=None, gt=0, description="In place of training.half_life_days.")
    search: bool = Field(default=False, description="Search for parameters, whatever training.search.when says.")
