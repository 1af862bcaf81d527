"""What persons said about a promotion, as the ledger keeps it."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.results import Result, Verdict

APPROVAL_KINDS = frozenset({EntryKind.RELEASE_APPROVED, EntryKind.RELEASE_DECLINED})
WHY_CHARACTERS = 200


class Approval(Result):
    """One answer to the question whether a challenger may take the champion's place."""

    model: str
    version: str
    champion: str | None
    is_approved: bool
    by: str | None = Field(default=None, description="Who answered; None where nobody did in time.")
    why: str = ""

    @property
    def kind(self) -> EntryKind:
        """How the ledger records it."""
        return EntryKind.RELEASE_APPROVED if self.is_approved else EntryKind.RELEASE_DECLINED

    def __str__(self) -> str:
        """Say it in one line."""
        if self.by is None:
            return "nobody approved it in time"
        said = "approved" if self.is_approved else "declined"
        return f"{said} by {self.by}" + (f": {self.why}" if self.why else "")


def newest_approval(entries: Iterable[LedgerEntry], verdict: Verdict) -> Approval | None:
    """Return the last answer about this challenger against this champion, if there was one.

    An answer about another pair is worth nothing: the person saw other numbers.
    """
    asked = (verdict.challenger, verdict.champion)
    answers = [_approval(entry) for entry in entries if entry.kind in APPROVAL_KINDS]
    return next((each for each in reversed(answers) if (each.version, each.champion) == asked), None)


def approval_before(entries: Iterable[LedgerEntry], version: str, moment: datetime) -> Approval | None:
    """Return the agreement by which a version came to serve at a moment, if one was asked for."""
    given = [
        _approval(entry)
        for entry in entries
        if entry.kind is EntryKind.RELEASE_APPROVED and entry.recorded_at <= moment
    ]
    return next((each for each in reversed(given) if each.version == version), None)


def _approval(entry: LedgerEntry) -> Approval:
    return entry.read(Approval, "approval")
