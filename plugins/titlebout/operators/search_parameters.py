"""Operator of the step `search_parameters`: one of the workers that share a search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from titlebout.core.learning.search_report import FoundParameters
from titlebout.core.results import RunContext
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator
from titlebout.step_retries import RETRY_DEFAULTS
from titlebout.wiring import build_search

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import MappedOperator


class SearchParametersOperator(StepOperator):
    """Searches for parameters together with the other mapped instances of its task; map it over `worker`.

    Each instance that succeeds has seen the whole search to its end, so what follows need only wait for one of them.

    Args:
        worker: Number of this worker, from 1 (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "worker")

    def __init__(self, *, worker: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.worker = worker

    @classmethod
    def shared(cls, *, workers: int, **arguments: Any) -> "MappedOperator":
        """Return the task, mapped over so many workers; runs of a backfill do not multiply them.

        Args:
            workers: How many.
            **arguments: Of each of them.
        """
        # A mapped task reads no defaults from the operator's own: the scheduler would retry it otherwise.
        task = cls.partial(default_args={**RETRY_DEFAULTS}, max_active_tis_per_dag=workers, **arguments)
        return task.expand(worker=[*range(1, workers + 1)])

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> FoundParameters:
        """Search, and return what was found and where the report lies."""
        from titlebout.steps.search_parameters import report_of, search_parameters
        from titlebout.steps.train_challenger import training_proof

        lake = self.lake()
        ledger = self.ledger()
        proof = training_proof(spec, run.partition, ledger)
        report = search_parameters(
            spec, run, proof=proof, lake=lake, ledger=ledger, search=build_search(), worker=int(self.worker)
        )
        return FoundParameters.of(report, report_of(spec, run, proof))
