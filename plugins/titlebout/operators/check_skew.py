"""Operator of the step `check_skew`."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.errors import DeploymentError
from titlebout.project import load_model_spec
from titlebout.step_operator import ModelOperator, step_in_a_task
from titlebout.wiring import build_client, build_host, known_log_key


class CheckSkewOperator(ModelOperator):
    """Replays golden rows through the live server, and holds its log against what was delivered.

    Fails where the server answers otherwise than its version did offline. Features and scores of the log that differ
    go into the ledger and to whoever is told alerts; the task succeeds.

    Args:
        partition: Key of the partition whose log is compared; empty: the newest accepted ones (templated).
        server_conn_id: As in `DeployModelOperator` (templated).
        **kwargs: See `ModelOperator`.
    """

    template_fields: Sequence[str] = (*ModelOperator.template_fields, "partition", "server_conn_id")

    def __init__(self, *, partition: str = "", server_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partition = partition
        self.server_conn_id = server_conn_id

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Look for skew, and return what was found; values of single rows are not part of it."""
        del context
        with step_in_a_task():
            from titlebout.steps.check_skew import check_skew
            from titlebout.steps.golden_desk import GoldenDesk

            spec = load_model_spec(self.model)
            lake, ledger = self.lake(), self.ledger()
            host = build_host(spec, airflow_connection, conn_id=self.server_conn_id)
            report = check_skew(
                spec,
                lake=lake,
                ledger=ledger,
                desk=GoldenDesk(spec, lake, ledger, host, build_client()),
                log_key=known_log_key(spec.serving.log, airflow_connection),
                partition=spec.calendar.check(self.partition) if self.partition else None,
            )
            if report.golden.problem:
                raise DeploymentError(report.golden.problem)
        return report.without_examples().as_json()
