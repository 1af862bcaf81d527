"""Alert messages: which are due, what they say, and the port by which they are sent."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import Field

from titlebout.core.alerts.happenings import Happening
from titlebout.core.ledgers.ledger import LedgerEntry
from titlebout.core.results import Result
from titlebout.core.specs.alerts_spec import AlertCause

MOST_LINES = 10
TITLES: Mapping[AlertCause, str] = {
    AlertCause.PARTITION_REJECTED: "data in quarantine",
    AlertCause.PARTITION_LATE: "data is late",
    AlertCause.DRIFT_FOUND: "data has drifted",
    AlertCause.RETRAIN_STOPPED: "retrains were stopped",
    AlertCause.PERFORMANCE_LOST: "predictions got worse, or may have",
    AlertCause.CHAMPION_CHANGED: "a new champion serves",
    AlertCause.RELEASE_ASKED: "a winner waits for a person's word",
    AlertCause.TRIAL_KEPT: "a trial ended, the champion stays",
    AlertCause.TRIAL_FAILED: "a trial on live requests failed",
    AlertCause.RELEASE_FAILED: "a release failed",
    AlertCause.ROLLED_BACK: "rolled back",
    AlertCause.CHAMPION_STALE: "the champion is old",
    AlertCause.SKEW_FOUND: "the server and the data disagree",
    AlertCause.LEDGER_TAMPERED: "the ledger was changed",
}
ADVICE: Mapping[AlertCause, str] = {
    AlertCause.PARTITION_REJECTED: "Look at the report, then: titlebout quarantine --help",
    AlertCause.PARTITION_LATE: "Deliver it; the next night brings it in, or clear ingest_partition.",
    AlertCause.DRIFT_FOUND: "A retrain is asked for where the budget allows it: titlebout retrain {model}",
    AlertCause.RETRAIN_STOPPED: "Nights go on. See why: titlebout retrain {model}; go on: add --resume --reason TEXT",
    AlertCause.PERFORMANCE_LOST: "By labels: a retrain is asked for. Without: watch titlebout performance {model}",
    AlertCause.CHAMPION_CHANGED: "If it answers badly: titlebout rollback {model} --reason TEXT",
    AlertCause.RELEASE_ASKED: "Answer in Airflow, under Required Actions; without an answer what serves now serves on.",
    AlertCause.TRIAL_KEPT: "Nights go on, and the next winner is tried. See both groups: titlebout trial {model}",
    AlertCause.TRIAL_FAILED: "The champion serves on. To try the winner again, clear start_trial.",
    AlertCause.RELEASE_FAILED: "Repair what the message names, then clear check_candidate or deploy_model.",
    AlertCause.ROLLED_BACK: "Find out why before the next night: titlebout lineage {model} VERSION",
    AlertCause.SKEW_FOUND: "A retrain does not help; find out who sends or scores what: titlebout skew {model}",
    AlertCause.CHAMPION_STALE: "See why no challenger wins: titlebout ledger show {model}",
    AlertCause.LEDGER_TAMPERED: "Stop the DAGs; then: titlebout ledger verify {model}",
}


_NEVER_QUIET = frozenset({AlertCause.RELEASE_ASKED})
"""A question that is held back would be told when its time is over."""


class Alert(Result):
    """One message about one cause."""

    model: str
    cause: AlertCause
    about: tuple[str, ...] = Field(min_length=1, description="What it tells; none of it is told again.")
    lines: tuple[str, ...]
    pages: tuple[str, ...] = Field(default=(), description="Addresses in a browser.")

    @property
    def subject(self) -> str:
        """Return the message in a few words."""
        count = f" ({len(self.about)})" if len(self.about) > 1 else ""
        return f"{self.model}: {TITLES[self.cause]}{count}"

    @property
    def text(self) -> str:
        """Return the whole message as plain text."""
        more = len(self.lines) - MOST_LINES
        lines = [*self.lines[:MOST_LINES], *([f"and {more} more"] if more > 0 else [])]
        advice = ADVICE[self.cause].format(model=self.model)
        return "\n".join([*lines, "", advice, *self.pages[:MOST_LINES]])


class AlertChannel(Protocol):
    """A way by which messages leave."""

    @property
    def name(self) -> str:
        """How the ledger names it: no address, no secret."""
        ...

    def send(self, alert: Alert) -> None:
        """Send one message.

        Raises:
            UnavailableError: It did not leave; another try may help.
            ConnectionSettingsError: The connection is wrong.
        """
        ...


def due_alerts(
    model: str,
    found: Iterable[Happening],
    sent: Sequence[LedgerEntry],
    *,
    now: datetime,
    quiet: timedelta,
    ui_address: str = "",
) -> list[Alert]:
    """Return one message for each cause that has something new and was not told a short while ago.

    What is held back is not lost: it is part of the next message of its cause.

    Args:
        model: Name of the model.
        found: What happened, oldest first.
        sent: Entries of messages that left.
        now: The present moment, with a time zone.
        quiet: So long after a message nothing more of its cause is sent.
        ui_address: Address of Airflow's UI; empty: messages bear no links.
    """
    told = {(entry.payload["cause"], about) for entry in sent for about in _texts(entry.payload["about"])}
    # In either direction: a clock that was years ahead once must not silence a cause until its time comes.
    silent = {entry.payload["cause"] for entry in sent if abs(now - entry.recorded_at) < quiet} - _NEVER_QUIET
    waiting: dict[AlertCause, dict[str, Happening]] = {}
    for each in found:
        if (each.cause, each.about) not in told and each.cause not in silent:
            waiting.setdefault(each.cause, {})[each.about] = each
    return [
        Alert(
            model=model,
            cause=cause,
            about=tuple(new),
            lines=tuple(each.line for each in new.values()),
            pages=_pages(ui_address, model, new.values()),
        )
        for cause, new in waiting.items()
    ]


def _pages(ui_address: str, model: str, found: Iterable[Happening]) -> tuple[str, ...]:
    """Return where to look; what has no page of its own is seen on the model's."""
    if not ui_address:
        return ()
    return tuple(dict.fromkeys(f"{ui_address.rstrip('/')}/{each.page or f'titlebout/{model}'}" for each in found))


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
