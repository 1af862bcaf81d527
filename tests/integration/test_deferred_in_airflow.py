"""What waits for days, and is deferred meanwhile, in a real Airflow: late data, and a trial that outcomes decide.

Scheduler, triggerer and API server are processes of this machine, and so is the model server.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.serving_world import verdict_on
from fakes.specs import demand_spec
from fakes.split_world import ON_A_REAL_SERVER
from integration.airflow_project import AirflowProject, eventually
from integration.test_split_end_to_end import ask_everything
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.process_host import ProcessHost
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ports import ServerAddress
from titlebout.core.results import TrainedChallenger
from titlebout.demo.stack import AIRFLOW_SERVICES
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.train_challenger import train_challenger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TODAY = datetime.now(UTC).date()
DAYS = [(TODAY - timedelta(days=age)).isoformat() for age in range(10, 0, -1)]
MODELS = {
    "comes_late": {"deadline_hours": 168, "poll_minutes": 0.05},
    "never_comes": {"deadline_hours": 168, "poll_minutes": 0.05},
    "stays_empty": {"deadline_hours": 168, "poll_minutes": 0.05, "when_empty": "skip"},
}


SPLIT_DAYS = [(TODAY - timedelta(days=age)).isoformat() for age in range(28, 0, -1)]
BEFORE, NIGHT, OUTCOMES = SPLIT_DAYS[8], SPLIT_DAYS[9], SPLIT_DAYS[10:]
SPLIT = ON_A_REAL_SERVER | {
    "dataset__first_partition": SPLIT_DAYS[0],
    "deployment__target": "process",
    "training__window_days": 18,
}


class WaitingProject(AirflowProject):
    """Three models whose newest day is not there yet, and one whose winner is tried."""

    def look_often(self) -> None:
        """Have a trial looked at every few seconds and not every ten minutes; nothing else of the DAGs is changed."""
        linked = self.folder.project / "dags"
        files = {file.name: file.read_text(encoding="utf-8") for file in linked.glob("*.py")}
        linked.unlink()
        linked.mkdir()
        assert files["nightly.py"].count("timedelta(minutes=10)") == 1
        files["nightly.py"] = files["nightly.py"].replace("timedelta(minutes=10)", "timedelta(seconds=6)")
        for name, content in files.items():
            (linked / name).write_text(content, encoding="utf-8")

    def add_split(self, **changes: Any) -> None:
        self.add_model("split", path="split/{partition}.csv", first=SPLIT_DAYS[0], **{**SPLIT, **changes})

    def deliver_without_outcomes(self, day: str) -> None:
        rows = demand_rows(day)
        missing = pa.nulls(rows.num_rows, pa.float64())
        path = self.folder.source / "split" / f"{day}.csv"
        arrow_csv.write_csv(rows.set_column(rows.schema.get_field_index("rentals"), "rentals", missing), path)

    def split_states(self, run_id: str) -> dict[str, Any]:
        found = self.stack.api.tasks("split_nightly", run_id)
        return {name: task["state"] for name, task in found.items()}

    def has_ended(self, run_id: str) -> bool:
        found = {run["dag_run_id"]: run["state"] for run in self.stack.api.runs("split_nightly")}
        return found[run_id] in {"success", "failed"}

    def wait_for_split(self, condition: Callable[[], bool], what: str) -> None:
        runs = [run["dag_run_id"] for run in self.stack.api.runs("split_nightly")]
        eventually(condition, what, seconds=240, otherwise=lambda: [self.split_states(run) for run in runs])

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
        eventually(condition, what, seconds=240, otherwise=self.stack.book.services)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WaitingProject]:
    works = WaitingProject.new(tmp_path_factory.mktemp("waiting"), "waiting")
    works.look_often()
    works.add_split()
    for model, arrival in MODELS.items():
        works.arrive(model, **arrival)
        for day in DAYS[:-1]:
            works.deliver(model, day)
    works.add_model("settled", path="settled/{partition}.csv", first=DAYS[0], comparison__min_gain=0.5)
    for day in DAYS:
        works.deliver("settled", day)
    with works.running([*MODELS, "split", "settled"]):
        yield works


def test_a_run_waits_deferred_and_succeeds_when_the_day_arrives_though_the_triggerer_was_killed(works: WaitingProject):
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


def test_every_night_wakes_the_news_also_one_that_releases_nothing(works: WaitingProject):
    works.stack.wait_for_dags("settled_news")
    works.stack.api.set_paused("settled_news", paused=False)
    for night, deployed in zip(DAYS[-2:], ("success", "skipped"), strict=True):
        works.start_run("settled", night)
        works.wait_until(
            lambda: works.task("settled", "deploy_model")["state"] in {"success", "skipped", "failed"}, "ended"
        )
        assert works.task("settled", "deploy_model")["state"] == deployed
    works.wait_until(lambda: len(works.stack.api.runs("settled_news")) == 2, "two looks")


def test_at_the_deadline_the_run_fails_at_once_and_the_ledger_knows(works: WaitingProject):
    works.start_run("never_comes", DAYS[-1])
    works.wait_until(lambda: works.task("never_comes")["state"] == "deferred", "deferred")
    # Set only now: a busy machine may take longer to defer a task than any deadline that a test can wait for.
    deadline = datetime.now(UTC) + timedelta(seconds=2)
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    hours = (deadline - midnight) / timedelta(hours=1)
    works.arrive("never_comes", deadline_hours=hours, poll_minutes=0.05)
    works.wait_until(lambda: works.run_state("never_comes") == "failed", "failed")
    assert datetime.now(UTC) >= deadline
    assert works.task("never_comes")["try_number"] == 1
    assert works.task("never_comes", "train_challenger")["state"] == "upstream_failed"
    assert "PartitionLateError: " in works.task_log("never_comes")
    (late,) = works.entries("never_comes", "partition_late")
    assert late.payload["partition"] == DAYS[-1]


def test_an_empty_day_is_skipped_with_everything_after_it(works: WaitingProject):
    works.deliver("stays_empty", DAYS[-1], rows=0)
    works.start_run("stays_empty", DAYS[-1])
    works.wait_until(lambda: works.run_state("stays_empty") in {"success", "failed"}, "ended")
    assert {task["state"] for task in works.tasks("stays_empty").values()} == {"skipped"}
    assert "stays a gap" in works.task_log("stays_empty")


def test_a_winner_is_held_beside_the_champion_until_the_outcomes_of_later_nights_decide(works: WaitingProject):
    with serving_poorly(works) as (address, poor):
        works.deliver("split", NIGHT)
        works.start_run("split", NIGHT)
        night = works.runs["split"]
        works.wait_for_split(lambda: works.split_states(night)["watch_trial"] == "deferred", "the trial runs")
        rows = {day: demand_rows(day) for day in OUTCOMES}
        versions = ask_everything(address.url, pa.concat_tables(rows.values()))
        assert sorted(versions)[0] == poor.version
        assert min(versions.values()) > 100
        for day in OUTCOMES[:-1]:
            works.deliver("split", day)
        works.deliver_without_outcomes(OUTCOMES[-1])
        works.start_run("split", OUTCOMES[-1])  # beside the one that waits; it fails, and has brought the days before
        works.wait_for_split(lambda: works.has_ended(night), "the winner serves")
        assert set(works.split_states(night).values()) == {"success"}
        assert works.stack.api.tasks("split_nightly", night)["watch_trial"]["try_number"] == 1
        (started,), (passed,) = works.entries("split", "trial_started"), works.entries("split", "trial_passed")
        assert (started.actor, passed.actor) == (f"run:{night}", f"run:{night}")
        served = HttpServerClient().served(address)
        assert served is not None
        assert served.version == passed.payload["version"] == sorted(versions)[1]
        works.wait_for_split(lambda: works.has_ended(works.runs["split"]), "the later night is over")
        assert works.split_states(works.runs["split"])["train_challenger"] == "upstream_failed"
        assert [entry.payload["partition"] for entry in works.entries("split", "partition_rejected")] == [OUTCOMES[-1]]
        assert [entry.payload["version"] for entry in works.entries("split", "release_settled")] == sorted(versions)


@contextmanager
def serving_poorly(works: WaitingProject) -> Iterator[tuple[ServerAddress, TrainedChallenger]]:
    """Have a champion serve that has learned next to nothing, as if the nights up to yesterday's had gone by."""
    spec, host = demand_spec(name="split", **SPLIT, training__rounds=1), ProcessHost(works.folder.servers)
    ledger = SqlLedger(f"sqlite:///{works.folder.root / 'ledger.sqlite'}")
    world = DemandWorld(spec=spec, lake=LocalLake(works.folder.lake), ledger=ledger)
    world.deliver_days(SPLIT_DAYS[0], BEFORE)
    stores = {"lake": world.lake, "ledger": ledger, "registry": world.registry}
    poor = train_challenger(spec, run_of(BEFORE), **stores)
    verdict = verdict_on(poor, None).model_copy(update={"model": "split"})
    client = HttpServerClient()
    try:
        deploy_model(spec, run_of(BEFORE), verdict=verdict, **stores, host=host, client=client, trials=client)
        yield host.ensure_running("split"), poor
    finally:
        host.stop("split")


def kill_and_restart_triggerer(works: WaitingProject) -> None:
    (service,) = [each for each in works.stack.book.services() if each.name == "triggerer"]
    leader = psutil.Process(service.pid)
    environment = leader.environ()
    for process in [*leader.children(recursive=True), leader]:
        process.kill()
    leader.wait()
    command = [environment["PATH"].split(":")[0] + "/python", "-m", *AIRFLOW_SERVICES["triggerer"]]
    works.stack.book.start("triggerer", command, environment=environment, log=Path(service.log))
