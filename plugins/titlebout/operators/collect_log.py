"""Operator of the step `collect_log`."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.core.partitions import to_timetable
from titlebout.project import load_model_spec
from titlebout.step_operator import step_in_a_task
from titlebout.step_retries import over_retry_defaults
from titlebout.wiring import build_host, build_lake, build_server_log


class CollectLogOperator(BaseOperator):
    """Brings what the model's server logged to the lake. It may run at any time and as often as wanted.

    Where it has an outlet, each partition that landed is an event; with nothing new it skips, so that there is none.

    Args:
        model: Name of the model spec (templated).
        lake_conn_id: Connection of the lake (templated).
        server_conn_id: As in `DeployModelOperator` (templated).
        **kwargs: See Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = ("model", "lake_conn_id", "server_conn_id")

    def __init__(
        self,
        *,
        model: str,
        lake_conn_id: str = "titlebout_lake",
        server_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**over_retry_defaults(kwargs))
        self.model = model
        self.lake_conn_id = lake_conn_id
        self.server_conn_id = server_conn_id

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Collect, and return how much there was."""
        with step_in_a_task():
            from titlebout.steps.collect_log import collect_log

            spec = load_model_spec(self.model)
            collected = collect_log(
                spec,
                lake=build_lake(airflow_connection(self.lake_conn_id)),
                host=build_host(spec, airflow_connection, conn_id=self.server_conn_id),
                server_log=build_server_log(),
            )
        if self.outlets and not collected.partitions:
            message = f"nothing new of {self.model} was logged"
            raise AirflowSkipException(message)
        for asset in self.outlets:
            for key in collected.partitions:
                context["outlet_events"][asset].add_partitions(to_timetable(key))
        return collected.as_json()
