"""What the tasks of a trial hand on."""

from pydantic import Field

from titlebout.core.results import Result


class TrialTicket(Result):
    """What `start_trial` hands to who watches."""

    model: str
    token: int | None = Field(description="The trial; None where there is nothing to watch.")
    reason: str


class TrialLook(Result):
    """What one look at a trial said; a trial that has failed is an error instead."""

    model: str
    token: int | None
    is_over: bool = Field(description="Whether nothing is left to wait for.")
    summary: str
