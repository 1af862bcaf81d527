"""Airflow notifier that tells people what the ledger says."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseNotifier, Context

from titlebout.channel_wiring import build_channels
from titlebout.connections import airflow_connection
from titlebout.core.errors import TitleboutError
from titlebout.core.specs.spec import ModelSpec
from titlebout.project import load_model_spec
from titlebout.step_operator import quiet_libraries
from titlebout.wiring import build_ledger


class LedgerAlerts(BaseNotifier):
    """Sends a model's messages that are due. Whatever goes wrong is logged: a task never fails for a message.

    What to tell is read from the ledger and not from the task, so a callback that was lost costs nothing: the next
    one tells it.

    Args:
        model: Name of the model spec (templated).
        ledger_conn_id: Connection of the ledger (templated).
    """

    template_fields: Sequence[str] = ("model", "ledger_conn_id")

    def __init__(self, *, model: str, ledger_conn_id: str = "titlebout_ledger") -> None:
        super().__init__()
        self.model = model
        self.ledger_conn_id = ledger_conn_id

    def notify(self, context: Context) -> None:
        """Send what is due."""
        del context
        quiet_libraries()
        from airflow.configuration import conf

        from titlebout.steps.send_alerts import send_alerts

        try:
            spec = load_model_spec(self.model)
            send_alerts(
                spec,
                ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
                channels=build_channels(spec.alerts, airflow_connection),
                ui_address=conf.get("api", "base_url", fallback="") or "",
            )
        except TitleboutError as error:
            self.log.warning("no message was sent: %s: %s", type(error).__name__, error)


def alert_callbacks(spec: ModelSpec, *states: str) -> dict[str, Any]:
    """Return operator arguments that send messages when a task ends in one of the states; none where alerts are off.

    Args:
        spec: The model spec.
        states: `success`, `failure`, `skipped`.
    """
    return {f"on_{state}_callback": notifier for state in states for notifier in alert_notifiers(spec)}


def alert_notifiers(spec: ModelSpec) -> list[BaseNotifier]:
    """Return who tells a person something while a task waits; nobody where alerts are off."""
    return [LedgerAlerts(model=spec.name)] if spec.alerts.is_on else []
