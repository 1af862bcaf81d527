"""Follows Airflow's runs to their end."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from titlebout.demo.airflow_api import AirflowApi, Json
from titlebout.demo.failure import DemoError, wait_until
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Stage

Found = TypeVar("Found")
RUN_SECONDS = 300.0
BACKFILL_SECONDS = 600.0
PAUSE_SECONDS = 0.4
ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class RunWatch:
    """Waits for runs and says what went wrong in them."""

    api: AirflowApi
    folder: DemoFolder

    def backfill(self, stage: Stage, dag_id: str, days: Collection[str], *, failing: Collection[str] = ()) -> None:
        """Start Airflow's backfill over consecutive days and wait until every day's run has ended.

        Args:
            stage: Shows the counter.
            dag_id: The nightly DAG.
            days: Partition keys without a gap.
            failing: Days whose run must fail, because their data is broken; all others must succeed.

        Raises:
            DemoError: A run ended otherwise than it must, or did not end.
        """
        self.api.backfill(dag_id, min(days), max(days), max_active_runs=4)
        wanted = {day: "failed" if day in failing else "success" for day in days}

        def ended() -> bool | None:
            runs = [run for run in self.api.runs(dag_id) if run["run_type"] == "backfill"]
            states = {run["partition_key"]: run["state"] for run in runs if run["partition_key"] in wanted}
            for run in runs:
                day, state = run["partition_key"], run["state"]
                if day in wanted and state in ENDED and state != wanted[day]:
                    message = f"the backfill run of {day} ended as {state}, expected {wanted[day]}"
                    raise DemoError(message, log=self.failed_log(dag_id, run["dag_run_id"]))
            count = sum(state in ENDED for state in states.values())
            refused = sum(state == "failed" for state in states.values())
            stage.update(f"{count}/{len(days)} days" + (f", {refused} refused" if refused else ""))
            return True if count == len(days) else None

        self._wait(ended, BACKFILL_SECONDS, f"the backfill of {dag_id}")

    def run(self, stage: Stage, dag_id: str, run_id: str) -> None:
        """Wait until one run has succeeded.

        Raises:
            DemoError: It failed or did not end; the error shows the failed task's log.
        """

        def ended() -> str | None:
            tasks = self.api.tasks(dag_id, run_id)
            done = sum(task["state"] in {"success", "skipped"} for task in tasks.values())
            running = [name for name, task in tasks.items() if task["state"] == "running"]
            stage.update(f"{done}/{len(tasks)} tasks" + (f", {running[0]}" if running else ""))
            state = next((run["state"] for run in self.api.runs(dag_id) if run["dag_run_id"] == run_id), None)
            return state if state in ENDED else None

        if self._wait(ended, RUN_SECONDS, f"run {run_id} of {dag_id}") == "failed":
            message = f"run {run_id} of {dag_id} failed"
            raise DemoError(message, log=self.failed_log(dag_id, run_id))

    def run_beginning_with(self, dag_id: str, start: str) -> Json:
        """Wait until there is a run whose id begins with a text, and return it."""

        def look() -> Json | None:
            return next((run for run in self.api.runs(dag_id) if str(run["dag_run_id"]).startswith(start)), None)

        return self._wait(look, RUN_SECONDS, f"a run {start}... of {dag_id}")

    def task_state(self, dag_id: str, run_id: str, task_id: str, wanted: str) -> None:
        """Wait until a task of a run is in a state."""

        def look() -> bool | None:
            state = self.api.tasks(dag_id, run_id)[task_id]["state"]
            if state in {"failed", "upstream_failed"} and state != wanted:
                message = f"task {task_id} of {dag_id} failed"
                raise DemoError(message, log=self.failed_log(dag_id, run_id))
            return True if state == wanted else None

        self._wait(look, RUN_SECONDS, f"task {task_id} of {dag_id} becoming {wanted}")

    def failed_log(self, dag_id: str, run_id: str) -> Path | None:
        """Return the newest log of the task that failed first, where there is one."""
        tasks = sorted(self.api.tasks(dag_id, run_id).values(), key=lambda task: str(task["start_date"] or "9"))
        failed = next((task["task_id"] for task in tasks if task["state"] in {"failed", "up_for_retry"}), None)
        if failed is None:
            return None
        folder = self.folder.logs / "tasks" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={failed}"
        return max(folder.glob("attempt=*.log"), default=None, key=lambda path: path.stat().st_mtime)

    def _wait(self, look: Callable[[], Found | None], seconds: float, what: str) -> Found:
        log = self.folder.logs / "scheduler.log"
        return wait_until(look, deadline_seconds=seconds, what=what, log=log, pause_seconds=PAUSE_SECONDS)
