"""Late, empty and failed in a real Airflow: scheduler, triggerer and API server as processes of this machine."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from integration.airflow_project import AirflowProject, eventually
from titlebout.demo.stack import AIRFLOW_SERVICES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TODAY = datetime.now(UTC).date()
DAYS = [(TODAY - timedelta(days=age)).isoformat() for age in range(10, 0, -1)]
MODELS = {
    "comes_late": {"deadline_hours": 168, "poll_minutes": 0.05},
    "never_comes": {"deadline_hours": 168, "poll_minutes": 0.05},
    "stays_empty": {"deadline_hours": 168, "poll_minutes": 0.05, "when_empty": "skip"},
}


class LateProject(AirflowProject):
    """Three models whose newest day is not there yet."""

    def arrive(self, model: str, **arrival: Any) -> None:
        self.add_model(model, path=model + "/{partition}.csv", first=DAYS[0], dataset__arrival=arrival)

    def task(self, model: str, task_id: str = "ingest_partition") -> dict[str, Any]:
        return self.tasks(model)[task_id]

    def run_state(self, model: str) -> str:
        (run,) = self.stack.api.runs(f"{model}_nightly")
        return str(run["state"])

    def task_log(self, model: str) -> str:
        return self.log(model, "ingest_partition")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        eventually(condition, what, seconds=120)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LateProject]:
    works = LateProject.new(tmp_path_factory.mktemp("late"), "late")
    for model, arrival in MODELS.items():
        works.arrive(model, **arrival)
        for day in DAYS[:-1]:
            works.deliver(model, day)
    with works.running(MODELS):
        yield works


def test_a_run_waits_deferred_and_succeeds_when_the_day_arrives_though_the_triggerer_was_killed(works: LateProject):
    works.start_run("comes_late", DAYS[-1])
    works.wait_until(lambda: works.task_log("comes_late").count("not there yet") >= 2, "two looks")
    works.wait_until(lambda: works.task("comes_late")["state"] == "deferred", "deferred")
    kill_and_restart_triggerer(works)
    works.deliver("comes_late", DAYS[-1])
    works.wait_until(lambda: works.run_state("comes_late") in {"success", "failed"}, "ended")
    assert works.run_state("comes_late") == "success"
    assert works.task("comes_late")["try_number"] == 1
    assert "partition_late" not in {entry.kind for entry in works.entries("comes_late")}
    assert "verdict_reached" in {entry.kind for entry in works.entries("comes_late")}


def test_at_the_deadline_the_run_fails_at_once_and_the_ledger_knows(works: LateProject):
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    hours = (deadline - midnight) / timedelta(hours=1)
    works.arrive("never_comes", deadline_hours=hours, poll_minutes=0.05)
    works.start_run("never_comes", DAYS[-1])
    works.wait_until(lambda: works.task("never_comes")["state"] == "deferred", "deferred")
    works.wait_until(lambda: works.run_state("never_comes") == "failed", "failed")
    assert datetime.now(UTC) >= deadline
    assert works.task("never_comes")["try_number"] == 1
    assert works.task("never_comes", "train_challenger")["state"] == "upstream_failed"
    assert "PartitionLateError: " in works.task_log("never_comes")
    (late,) = works.entries("never_comes", "partition_late")
    assert late.payload["partition"] == DAYS[-1]


def test_an_empty_day_is_skipped_with_everything_after_it(works: LateProject):
    works.deliver("stays_empty", DAYS[-1], rows=0)
    works.start_run("stays_empty", DAYS[-1])
    works.wait_until(lambda: works.run_state("stays_empty") in {"success", "failed"}, "ended")
    assert {task["state"] for task in works.tasks("stays_empty").values()} == {"skipped"}
    assert "stays a gap" in works.task_log("stays_empty")


def kill_and_restart_triggerer(works: LateProject) -> None:
    (service,) = [each for each in works.stack.book.services() if each.name == "triggerer"]
    leader = psutil.Process(service.pid)
    environment = leader.environ()
    for process in [*leader.children(recursive=True), leader]:
        process.kill()
    leader.wait()
    command = [environment["PATH"].split(":")[0] + "/python", "-m", *AIRFLOW_SERVICES["triggerer"]]
    works.stack.book.start("triggerer", command, environment=environment, log=Path(service.log))
