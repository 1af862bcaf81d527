"""Operator of the step `prune_log`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from pydantic import JsonValue

from titlebout.connections import airflow_connection
from titlebout.project import load_model_spec
from titlebout.step_operator import failures_in_one_line, over_retry_defaults
from titlebout.wiring import build_lake, build_ledger


class PruneLogOperator(BaseOperator):
    """Deletes the partitions of the inference log that are older than `serving.log.retention_days`.

    Args:
        model: Name of the model spec (templated).
        lake_conn_id: Connection of the lake (templated).
        ledger_conn_id: Connection of the ledger (templated).
        **kwargs: See Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = ("model", "lake_conn_id", "ledger_conn_id")

    def __init__(
        self,
        *,
        model: str,
        lake_conn_id: str = "titlebout_lake",
        ledger_conn_id: str = "titlebout_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**over_retry_defaults(kwargs))
        self.model = model
        self.lake_conn_id = lake_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Delete what is too old, and return what that was."""
        with failures_in_one_line():
            from titlebout.steps.prune_log import prune_log

            pruned = prune_log(
                load_model_spec(self.model),
                now=datetime.now(UTC),
                actor=context["dag_run"].run_id,
                lake=build_lake(airflow_connection(self.lake_conn_id)),
                ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
            )
        return pruned.as_json()
