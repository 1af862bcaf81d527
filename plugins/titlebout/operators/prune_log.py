"""Operator of the step `prune_log`."""

from datetime import UTC, datetime

from airflow.sdk import Context
from pydantic import JsonValue

from titlebout.project import load_model_spec
from titlebout.step_operator import ModelOperator, step_in_a_task


class PruneLogOperator(ModelOperator):
    """Deletes the partitions of the inference log that are older than `serving.log.retention_days`.

    Its arguments are those of `ModelOperator`.
    """

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Delete what is too old, and return what that was."""
        with step_in_a_task():
            from titlebout.steps.prune_log import prune_log

            pruned = prune_log(
                load_model_spec(self.model),
                now=datetime.now(UTC),
                actor=context["dag_run"].run_id,
                lake=self.lake(),
                ledger=self.ledger(),
            )
        return pruned.as_json()
