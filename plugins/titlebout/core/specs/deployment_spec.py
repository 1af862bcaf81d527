"""What a candidate may cost where it shall serve."""

from pydantic import Field

from titlebout.core.specs.spec_section import SpecSection

# Three quarters of what the container of a model server may use: the rest is for large requests and for the moment
# at which two releases are loaded.
MEMORY_BUDGET_MEGABYTES = 768.0


class DeploymentBudgets(SpecSection):
    """What `check_candidate` measures in the serving image and holds a candidate against. Empty: only recorded."""

    memory_mb: float | None = Field(
        default=MEMORY_BUDGET_MEGABYTES, gt=0, description="Largest memory of the server's process, in MiB."
    )
    p99_ms: float | None = Field(
        default=None,
        gt=0,
        description="99 of 100 single-row requests are answered within it, in milliseconds, one after the other.",
    )
    size_mb: float | None = Field(default=None, gt=0, description="Size of booster, plan and golden rows, in MiB.")
