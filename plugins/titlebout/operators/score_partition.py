"""Operator of the step `score_partition`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from titlebout.core.errors import NobodyServedError
from titlebout.core.results import RunContext
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator

if TYPE_CHECKING:
    from titlebout.core.prediction_file import PartitionScores


class ScorePartitionOperator(StepOperator):
    """Writes what a version says of the partition's rows into the lake; skips where none served then.

    Args:
        version: A trained version, or `champion` for what serves now; empty: what served when the partition ended
            (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "version")

    def __init__(self, *, version: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> "PartitionScores":
        """Score, unless there is nobody to do it."""
        from titlebout.steps.score_partition import score_partition

        try:
            return score_partition(
                spec,
                run,
                lake=self.lake(),
                ledger=self.ledger(),
                version=self.version or None,
            )
        except NobodyServedError as error:
            raise AirflowSkipException(str(error)) from error
