"""The command `alerts`: what people would be told, and whether messages arrive."""

import argparse
import os
from datetime import UTC, datetime

from titlebout.channel_wiring import build_channels
from titlebout.cli.at_hand import open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.times import when
from titlebout.connection_fields import environment_connection
from titlebout.core.alerts.alerts import TITLES, Alert
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.report_words import visible
from titlebout.core.specs.alerts_spec import AlertCause
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec

_SHOWN = 20
_BASE_URL = "AIRFLOW__API__BASE_URL"


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "alerts", alerts, "show the messages that were sent, send what is due, or try it")
    parser.add_argument("model")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--send", action="store_true", help="send what is due, as the DAGs do after their tasks")
    doing.add_argument("--test", action="store_true", help="send a message of no consequence by every channel")


def alerts(options: argparse.Namespace) -> bool:
    """Show, send or try; False where alerts are off."""
    spec = load_model_spec(options.model)
    if not spec.alerts.is_on:
        print(f"{spec.name}: nobody is told anything; give alerts.mail_to or alerts.webhook in its spec")
        return False
    if options.test:
        _try(spec)
    elif options.send:
        from titlebout.steps.send_alerts import send_alerts

        channels = build_channels(spec.alerts, environment_connection)
        sent = send_alerts(spec, ledger=open_ledger(), channels=channels, ui_address=_ui_address())
        print("\n".join(visible(f"sent: {alert.subject}") for alert in sent) or f"{spec.name}: nothing is due")
    else:
        _show(spec)
    return True


def _try(spec: ModelSpec) -> None:
    now = when(datetime.now(tz=UTC))
    alert = Alert(
        model=spec.name,
        cause=AlertCause.CHAMPION_CHANGED,
        about=("test",),
        lines=(f"This is a test by `titlebout alerts {spec.name} --test` at {now}; nothing has happened.",),
        pages=(f"{_ui_address().rstrip('/')}/titlebout/{spec.name}",) if _ui_address() else (),
    )
    for channel in build_channels(spec.alerts, environment_connection):
        channel.send(alert)
        print(f"{channel.name}: sent")
    if not alert.pages:
        print(f"without a link: {_BASE_URL} is not set here; messages of the DAGs take Airflow's own [api] base_url")


def _ui_address() -> str:
    return os.environ.get(_BASE_URL, "")


def _show(spec: ModelSpec) -> None:
    entries = open_ledger().entries(spec.name, kinds={EntryKind.ALERT_SENT}, newest=_SHOWN)
    for entry in entries:
        told = entry.payload["about"]
        count = len(told) if isinstance(told, list) else 1
        print(f"{when(entry.recorded_at)}  {TITLES[AlertCause(str(entry.payload['cause']))]} ({count})")
    if not entries:
        print(f"{spec.name}: no message was sent yet")
