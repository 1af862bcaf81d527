"""Operator of the step `check_candidate`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, XComArg
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.connections import docker_engine
from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.errors import TitleboutError
from titlebout.core.results import RunContext, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import StepOperator, read_input
from titlebout.wiring import build_bench

if TYPE_CHECKING:
    from titlebout.adapters.docker_host import ThrowawayBench


class CheckCandidateOperator(StepOperator):
    """Runs a winner in the real serving image, in a container that is thrown away. Skips where nothing was won.

    The container is made by the engine of a Docker provider's connection. The provider's `DockerOperator` is not its
    base: it takes no rights away, copies nothing in and pulls what it does not find; see ADR 21.

    Args:
        verdict: Result of `compare_with_champion`, usually `compare.output` (templated).
        docker_conn_id: Connection of the engine that runs the model servers (templated).
        **kwargs: See `StepOperator` and Airflow's `BaseOperator`.
    """

    template_fields: Sequence[str] = (*StepOperator.template_fields, "verdict", "docker_conn_id")

    def __init__(
        self,
        *,
        verdict: XComArg | Mapping[str, JsonValue],
        docker_conn_id: str = "titlebout_docker",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verdict = verdict
        self.docker_conn_id = docker_conn_id
        self._bench: ThrowawayBench | None = None

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> CandidateCheck:
        """Check the candidate.

        Raises:
            AirflowSkipException: There is nothing to check.
        """
        from titlebout.steps.check_candidate import check_candidate

        engine, url = docker_engine(self.docker_conn_id)
        self._bench = build_bench(spec, run, engine, engine_url=url)
        check = check_candidate(
            spec,
            run,
            verdict=read_input(Verdict, self.verdict, "verdict"),
            lake=self.lake(),
            ledger=self.ledger(),
            bench=self._bench,
        )
        if isinstance(check, str):
            raise AirflowSkipException(check)
        return check

    def on_kill(self) -> None:
        """Remove the container of a task that is ended from outside."""
        if self._bench is not None:
            with suppress(TitleboutError):  # the next try removes it otherwise
                self._bench.remove_leftovers(self.model)
