"""A rollback: what a person asks for, and what comes of it when it is looked at."""

from pydantic import Field

from titlebout.core.decisions import PERSON, PersonName, PersonReason, PersonsWord
from titlebout.core.errors import DecisionRefusedError, did_you_mean
from titlebout.core.ledgers.ledger import LedgerState, ServedVersion
from titlebout.core.ledgers.withdrawals import before_champion, reign
from titlebout.core.results import PartitionKey, Result


class RollbackRequest(PersonsWord):
    """What a person asks for: to have a version serve that served before."""

    to: str | None = Field(default=None, description="The version; None: what served before the champion.")


class Rehearsal(Result):
    """The newest accepted partition as both versions score it; errors where its labels are known."""

    partition: PartitionKey
    rows: int
    metric: str
    score_now: float | None = Field(description="Mean score of what serves; None where it could not score the rows.")
    score_then: float = Field(description="Mean score of the version that shall serve.")
    error_now: float | None = None
    error_then: float | None = None


class RollbackPlan(Result):
    """A rollback that was looked at: it goes from this version to that one, and from no other one.

    A plan does not age into another one. If something else serves by the time it is carried out, it is refused;
    if it was carried out before, carrying it out again changes nothing.
    """

    model: str
    away: str | None = Field(description="What is withdrawn; None where `to` serves already.")
    to: str
    away_token: int | None = Field(default=None, description="Release with which `away` came to serve.")
    by: PersonName
    reason: PersonReason
    note: str = Field(default="", description="What else there is to know, in one sentence.")
    rehearsal: Rehearsal | None = None

    @property
    def actor(self) -> str:
        """Who answers for the ledger entries."""
        return f"{PERSON}{self.by}"

    def is_about(self, state: LedgerState) -> bool:
        """Whether what it goes away from still serves, and has not been away since it was planned."""
        began = reign(state.releases)
        return began is not None and began.version == self.away and self.away_token in {None, began.token}


def planned(model: str, state: LedgerState, request: RollbackRequest) -> RollbackPlan:
    """Find the version that a rollback goes to; nothing is read but the ledger's state.

    Raises:
        DecisionRefusedError: Nothing serves, nothing else served before, or the version never served.
    """
    champion = state.champion
    if champion is None:
        message = f"{model}: nothing has served yet, so there is nothing to roll back"
        raise DecisionRefusedError(message)
    to, note = _target(model, state, request, champion)
    away = None if to == champion.version else champion.version
    began = reign(state.releases)
    token = began.token if began and away else None
    said = {"by": request.by, "reason": request.reason, "note": note}
    return RollbackPlan(model=model, away=away, to=to, away_token=token, **said)


def _target(model: str, state: LedgerState, request: RollbackRequest, champion: ServedVersion) -> tuple[str, str]:
    """Return the version, and a note where there is nothing to do."""
    began = reign(state.releases)
    since = f"serves already, since {began.since:%Y-%m-%d %H:%M}Z by {began.actor}" if began else "serves already"
    if request.to is not None:
        served = [each.version for each in state.releases]
        if request.to not in served:
            message = (
                f"{request.to!r} never served {model}; a rollback goes only to a version that did: "
                f"{did_you_mean(request.to, dict.fromkeys(served))}"
            )
            raise DecisionRefusedError(message)
        return request.to, since if request.to == champion.version else ""
    if began and began.withdraws:  # asked twice, by one person or by two: once is enough
        return champion.version, f"{since}, instead of {began.withdraws}; to go further back name a version with --to"
    earlier = before_champion(state.releases)
    if earlier is None:
        message = f"{model}: no other version served before {champion.version}, so there is nothing to roll back to"
        raise DecisionRefusedError(message)
    return earlier.version, ""
