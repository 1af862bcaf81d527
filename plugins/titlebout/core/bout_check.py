"""One check of a bout: part of the verdict."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class CheckState(StrEnum):
    """Whether a check lets the challenger pass; what is only shown decides nothing."""

    HELD = "held"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    SHOWN = "shown"


class BoutCheck(BaseModel):
    """What was asked of the challenger beside its gain. Errors are in the unit of their metric, smaller is better."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", defer_build=True)

    name: str
    state: CheckState
    reason: str
    rows: int
    challenger_error: float | None = None
    champion_error: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
