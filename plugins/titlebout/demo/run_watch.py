"""Follows Airflow's runs to their end."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from titlebout.demo.airflow_api import AirflowApi, Json
from titlebout.demo.failure import DemoError, wait_until
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Stage

Found = TypeVar("Found")
STILL_SECONDS = 600.0  # without a step forward; a day of the demo takes seconds, on a busy laptop minutes
PAUSE_SECONDS = 0.4
ENDED = frozenset({"success", "failed"})
FAILED = frozenset({"failed", "upstream_failed"})


class TaskOfRun(NamedTuple):
    """A task instance, by its names in Airflow."""

    dag_id: str
    run_id: str
    task_id: str


@dataclass(frozen=True)
class RunWatch:
    """Waits for runs and says what went wrong in them."""

    api: AirflowApi
    folder: DemoFolder

    def backfill(
        self,
        stage: Stage,
        dag_id: str,
        days: Collection[str],
        *,
        failing: Collection[str] = (),
        max_active_runs: int = 4,
        run_backwards: bool = False,
    ) -> None:
        """Start Airflow's backfill over consecutive days and wait until every day's run has ended.

        Args:
            stage: Shows the counter.
            dag_id: The nightly DAG.
            days: Partition keys without a gap.
            failing: Days whose run must fail, because their data is broken; all others must succeed.
            max_active_runs: Runs side by side.
            run_backwards: The newest day first.

        Raises:
            DemoError: A run ended otherwise than it must, or did not end.
        """
        backfill_id = self.api.backfill(
            dag_id, min(days), max(days), max_active_runs=max_active_runs, run_backwards=run_backwards
        )
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

        self._wait(ended, f"the backfill of {dag_id}", stage)
        self.api.close_backfill(backfill_id)

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

        if self._wait(ended, f"run {run_id} of {dag_id}", stage) == "failed":
            message = f"run {run_id} of {dag_id} failed"
            raise DemoError(message, log=self.failed_log(dag_id, run_id))

    def run_started_by(self, sensor: TaskOfRun, dag_id: str, start: str) -> Json:
        """Wait for the run that a sensor's finding starts, and return it.

        Raises:
            DemoError: The sensor looked and found nothing, or failed.
        """

        def look() -> Json | None:
            if self.api.tasks(sensor.dag_id, sensor.run_id)[sensor.task_id]["state"] in {"deferred", *FAILED}:
                message = f"{sensor.task_id} of {sensor.dag_id} looked and found nothing"
                raise DemoError(message, log=self.log(sensor))
            return next((run for run in self.api.runs(dag_id) if str(run["dag_run_id"]).startswith(start)), None)

        return self._wait(look, f"a run {start}... of {dag_id}")

    def task_state(self, task: TaskOfRun, wanted: str) -> None:
        """Wait until a task is in a state.

        Raises:
            DemoError: It failed, or does not get there.
        """

        def look() -> bool | None:
            state = self.api.tasks(task.dag_id, task.run_id)[task.task_id]["state"]
            if state in FAILED:
                message = f"task {task.task_id} of {task.dag_id} failed"
                raise DemoError(message, log=self.log(task))
            return True if state == wanted else None

        self._wait(look, f"task {task.task_id} of {task.dag_id} becoming {wanted}")

    def failed_log(self, dag_id: str, run_id: str) -> Path | None:
        """Return the newest log of the task of a run that failed first, where there is one."""
        tasks = sorted(self.api.tasks(dag_id, run_id).values(), key=lambda task: str(task["start_date"] or "9"))
        failed = next((task["task_id"] for task in tasks if task["state"] == "failed"), None)
        return self.log(TaskOfRun(dag_id, run_id, failed)) if failed else None

    def log(self, task: TaskOfRun) -> Path | None:
        """Return the newest log of a task, where there is one."""
        run = self.folder.logs / "tasks" / f"dag_id={task.dag_id}" / f"run_id={task.run_id}"
        logs = (run / f"task_id={task.task_id}").glob("attempt=*.log")
        return max(logs, default=None, key=lambda path: path.stat().st_mtime)

    def _wait(self, look: Callable[[], Found | None], what: str, stage: Stage | None = None) -> Found:
        return wait_until(
            look,
            deadline_seconds=STILL_SECONDS,
            what=what,
            log=self.folder.logs / "scheduler.log",
            pause_seconds=PAUSE_SECONDS,
            mark=lambda: stage.detail if stage else None,
        )
