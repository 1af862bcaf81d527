"""Step `send_alerts`: tell people what the ledger says and they have not been told."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from titlebout.core.alerts.alerts import Alert, AlertChannel, due_alerts
from titlebout.core.alerts.happenings import TOLD_KINDS, Happening, happenings, staleness
from titlebout.core.errors import LedgerClockError, LedgerTamperedError, TitleboutError, UnavailableError, bounded
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, ServedVersion
from titlebout.core.ports import Ledger
from titlebout.core.specs.alerts_spec import AlertCause
from titlebout.core.specs.spec import ModelSpec

logger = logging.getLogger(__name__)

ACTOR = "step:send_alerts"
REMEMBERED = timedelta(days=31)
"""What happened longer ago is no news, for a model whose alerts are switched on late."""


def send_alerts(
    spec: ModelSpec,
    *,
    ledger: Ledger,
    channels: Sequence[AlertChannel],
    ui_address: str = "",
    now: datetime | None = None,
) -> tuple[Alert, ...]:
    """Send what is due, and record each message that left by one channel at least.

    A message is recorded after it left: where the process dies in between it is sent twice, never not at all.

    Returns:
        The messages that left.

    Raises:
        UnavailableError: A message left by no channel; it stays due.
        LedgerClockError: What left cannot be recorded by this clock, and will be sent again.
    """
    try:
        alerts = _due(spec, ledger, ui_address, now or datetime.now(tz=UTC))
    except LedgerTamperedError as error:
        alerts = _tampered(spec, error)
    problems, wrong_clock = list[str](), None
    for alert in alerts:
        try:
            left = _sent(alert, channels)
        except UnavailableError as error:
            problems.append(str(error))  # what one message meets must not hold back those about other causes
            continue
        if alert.cause is not AlertCause.LEDGER_TAMPERED:
            payload = alert.model_dump(mode="json", include={"cause", "about"}) | {"channels": left}
            try:
                ledger.append(spec.name, EntryKind.ALERT_SENT, payload, actor=ACTOR)
            except LedgerClockError as error:
                wrong_clock = error  # the other messages leave all the same
    if problems:
        raise UnavailableError(bounded("; ".join(problems)))
    if wrong_clock:
        raise wrong_clock
    return tuple(alerts)


def _tampered(spec: ModelSpec, error: LedgerTamperedError) -> list[Alert]:
    """Nothing can be recorded in such a ledger, so this is told each time."""
    cause = AlertCause.LEDGER_TAMPERED
    alert = Alert(model=spec.name, cause=cause, about=("ledger",), lines=(str(error),))
    return [alert] if cause in spec.alerts.causes else []


def _due(spec: ModelSpec, ledger: Ledger, ui_address: str, now: datetime) -> list[Alert]:
    state = ledger.state(spec.name)  # also proves that its last entry is the one that was written last
    entries = ledger.entries(spec.name, kinds=TOLD_KINDS, since=now - REMEMBERED)
    again = _served_again(state)
    news = [
        each for each in entries if each.kind is not EntryKind.RELEASE_SETTLED or ServedVersion.of(each) not in again
    ]
    found: list[Happening] = [*happenings(news)]
    if spec.alerts.stale_after_days is not None:
        found += staleness(state, spec.alerts.stale_after_days)
    return due_alerts(
        spec.name,
        (each for each in found if each.cause in spec.alerts.causes),
        ledger.entries(spec.name, kinds={EntryKind.ALERT_SENT}),
        now=now,
        quiet=timedelta(hours=spec.alerts.quiet_hours),
        ui_address=ui_address,
    )


def _served_again(state: LedgerState) -> list[ServedVersion]:
    """Return the releases after which nothing else served than before: a server had lost its champion, say."""
    both = pairwise(state.releases)
    return [later for before, later in both if later.version == before.version and later.withdraws is None]


def _sent(alert: Alert, channels: Sequence[AlertChannel]) -> list[str]:
    """Send a message by every channel and return the names of those that took it."""
    left, problems = list[str](), list[str]()
    for channel in channels:
        try:
            channel.send(alert)
        except TitleboutError as error:
            problems.append(f"{channel.name}: {error}")
            logger.warning("%s was not sent by %s", alert.subject, problems[-1])
        else:
            left.append(channel.name)
            logger.info("%s was sent by %s", alert.subject, channel.name)
    if not left:
        message = f"{alert.subject}: the message left by no channel ({'; '.join(problems) or 'there is none'})"
        raise UnavailableError(message)
    return left
