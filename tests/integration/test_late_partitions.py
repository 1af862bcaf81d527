"""Late, empty and failed in a real Airflow: scheduler, triggerer and API server as processes of this machine."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pyarrow.csv as arrow_csv
import pytest
import yaml

from fakes.demand_days import demand_rows
from fakes.specs import demand_document
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import LedgerEntry
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Progress
from titlebout.demo.stack import AIRFLOW_SERVICES, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROJECT = Path(__file__).resolve().parents[2]
TODAY = datetime.now(UTC).date()
DAYS = [(TODAY - timedelta(days=age)).isoformat() for age in range(10, 0, -1)]
SUITE = {"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rentals"}}]}
MODELS = {
    "comes_late": {"deadline_hours": 168, "poll_minutes": 0.05},
    "never_comes": {"deadline_hours": 168, "poll_minutes": 0.05},
    "stays_empty": {"deadline_hours": 168, "poll_minutes": 0.05, "when_empty": "skip"},
}


@dataclass
class Works:
    """A project of three models in a running Airflow."""

    folder: DemoFolder
    stack: Stack
    runs: dict[str, str] = field(default_factory=dict)

    def write_spec(self, model: str, **arrival: Any) -> None:
        document = demand_document(
            name=model,
            dataset__source={"kind": "files", "path": model + "/{partition}.csv"},
            dataset__first_partition=DAYS[0],
            dataset__arrival=arrival,
            deployment__target="none",
            schedule__start_date="2100-01-01",
        )
        path = self.folder.project / "include" / "models" / f"{model}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def deliver(self, model: str, day: str, *, rows: int = 24) -> None:
        path = self.folder.source / model / f"{day}.csv"
        path.parent.mkdir(exist_ok=True)
        arrow_csv.write_csv(demand_rows(day).slice(0, rows), path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)

    def start_run(self, model: str) -> None:
        dag_id = f"{model}_nightly"
        self.stack.api.set_paused(dag_id, paused=False)
        self.runs[model] = self.stack.api.trigger(dag_id, partition=DAYS[-1], conf={})

    def task(self, model: str, task_id: str = "ingest_partition") -> dict[str, Any]:
        return dict(self.stack.api.tasks(f"{model}_nightly", self.runs[model])[task_id])

    def run_state(self, model: str) -> str:
        (run,) = self.stack.api.runs(f"{model}_nightly")
        return str(run["state"])

    def ledger(self, model: str) -> list[LedgerEntry]:
        return list(SqlLedger(f"sqlite:///{self.folder.root / 'ledger.sqlite'}").entries(model))

    def task_log(self, model: str) -> str:
        logs = sorted((self.folder.logs / "tasks").glob(f"dag_id={model}_nightly/*/task_id=ingest_partition/*.log"))
        return "".join(path.read_text(encoding="utf-8") for path in logs)


def eventually(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s: not {what}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    project = tmp_path_factory.mktemp("late")
    for name in ("dags", "plugins"):
        (project / name).symlink_to(PROJECT / name)
    (project / "include" / "models").mkdir(parents=True)
    (project / "expectations").mkdir()
    (project / "expectations" / "demand.json").write_text(json.dumps(SUITE), encoding="utf-8")
    folder = DemoFolder(project, "late")
    folder.make_afresh()
    works = Works(folder, Stack(folder, Progress()))
    for model, arrival in MODELS.items():
        works.write_spec(model, **arrival)
        for day in DAYS[:-1]:
            works.deliver(model, day)
    try:
        works.stack.start()
        works.stack.wait_for_dags(*(f"{model}_nightly" for model in MODELS))
        works.stack.api.ensure_pool("titlebout_training", 1, "")
        yield works
    finally:
        works.stack.book.stop_all()


def test_a_run_waits_deferred_and_succeeds_when_the_day_arrives_though_the_triggerer_was_killed(works: Works):
    works.start_run("comes_late")
    eventually(lambda: works.task_log("comes_late").count("not there yet") >= 2, "two looks")
    eventually(lambda: works.task("comes_late")["state"] == "deferred", "deferred")
    kill_and_restart_triggerer(works)
    works.deliver("comes_late", DAYS[-1])
    eventually(lambda: works.run_state("comes_late") in {"success", "failed"}, "ended")
    assert works.run_state("comes_late") == "success"
    assert works.task("comes_late")["try_number"] == 1
    assert "partition_late" not in {entry.kind for entry in works.ledger("comes_late")}
    assert "verdict_reached" in {entry.kind for entry in works.ledger("comes_late")}


def test_at_the_deadline_the_run_fails_at_once_and_the_ledger_knows(works: Works):
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    hours = (deadline - midnight) / timedelta(hours=1)
    works.write_spec("never_comes", deadline_hours=hours, poll_minutes=0.05)
    works.start_run("never_comes")
    eventually(lambda: works.task("never_comes")["state"] == "deferred", "deferred")
    eventually(lambda: works.run_state("never_comes") == "failed", "failed")
    assert datetime.now(UTC) >= deadline
    assert works.task("never_comes")["try_number"] == 1
    assert works.task("never_comes", "train_challenger")["state"] == "upstream_failed"
    assert "PartitionLateError: " in works.task_log("never_comes")
    (late,) = [entry for entry in works.ledger("never_comes") if entry.kind == "partition_late"]
    assert late.payload["partition"] == DAYS[-1]


def test_an_empty_day_is_skipped_with_everything_after_it(works: Works):
    works.deliver("stays_empty", DAYS[-1], rows=0)
    works.start_run("stays_empty")
    eventually(lambda: works.run_state("stays_empty") in {"success", "failed"}, "ended")
    tasks = works.stack.api.tasks("stays_empty_nightly", works.runs["stays_empty"])
    assert {task["state"] for task in tasks.values()} == {"skipped"}
    assert "stays a gap" in works.task_log("stays_empty")


def kill_and_restart_triggerer(works: Works) -> None:
    (service,) = [each for each in works.stack.book.services() if each.name == "triggerer"]
    leader = psutil.Process(service.pid)
    environment = leader.environ()
    for process in [*leader.children(recursive=True), leader]:
        process.kill()
    leader.wait()
    command = [environment["PATH"].split(":")[0] + "/python", "-m", *AIRFLOW_SERVICES["triggerer"]]
    works.stack.book.start("triggerer", command, environment=environment, log=Path(service.log))
