"""Approval by a person and the check in the serving image, in a real Airflow with a real Docker engine."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.csv as arrow_csv
import pytest
import yaml

from fakes.demand_days import demand_rows
from fakes.specs import demand_document
from integration.docker_engine import docker_client_fixture, serving_image  # noqa: F401  # a fixture
from titlebout.adapters.docker_host.model_container import container_name
from titlebout.adapters.docker_host.throwaway_bench import CHECK_LABEL
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.partitions import keys_between
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Progress
from titlebout.demo.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(900)]

PROJECT = Path(__file__).resolve().parents[2]
DAYS = [*keys_between("2024-01-01", "2024-01-12")]
SUITE = {"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rentals"}}]}
CONTAINED = f"contained_{uuid.uuid4().hex[:6]}"
SOON_HOURS = 5 / 3600


@dataclass
class Works:
    """A project of a few models in a running Airflow."""

    folder: DemoFolder
    stack: Stack
    runs: dict[str, str] = field(default_factory=dict)

    def add_model(self, model: str, **changes: Any) -> None:
        document = demand_document(
            name=model,
            **{
                "dataset__source": {"kind": "files", "path": "demand/{partition}.csv"},
                "dataset__first_partition": DAYS[0],
                "deployment__target": "none",
                "schedule__start_date": "2100-01-01",
                **changes,
            },
        )
        path = self.folder.project / "include" / "models" / f"{model}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def start_run(self, model: str, day: str = DAYS[-1]) -> None:
        dag_id = f"{model}_nightly"
        self.stack.api.set_paused(dag_id, paused=False)
        self.runs[model] = self.stack.api.trigger(dag_id, partition=day, conf={})

    def answer(self, model: str, choice: str, why: str) -> None:
        """Answer like a person: not in the very moment of the question, and again where it is put again.

        Airflow puts it again where an answer comes before its scheduler has heard that the task waits.
        """
        path = f"/api/v2/dags/{model}_nightly/dagRuns/{self.runs[model]}/taskInstances/approve_release/-1/hitlDetails"

        def is_answered() -> bool:
            if (
                self.states(model)["approve_release"] == "awaiting_input"
                and not self.question(model)["response_received"]
            ):
                self.stack.api._send("PATCH", path, json={"chosen_options": [choice], "params_input": {"why": why}})
            return self.states(model)["approve_release"] == "success"

        time.sleep(2)
        eventually(is_answered, f"{model} answered", self, model)

    def question(self, model: str) -> dict[str, Any]:
        path = f"/api/v2/dags/{model}_nightly/dagRuns/{self.runs[model]}/taskInstances/approve_release/-1/hitlDetails"
        return self.stack.api._send("GET", path)

    def states(self, model: str) -> dict[str, str]:
        tasks = self.stack.api.tasks(f"{model}_nightly", self.runs[model])
        return {name: str(task["state"]) for name, task in tasks.items()}

    def wait_for(self, model: str, **states: str) -> None:
        eventually(lambda: states.items() <= self.states(model).items(), f"{model} {states}", self, model)

    def entries(self, model: str, *kinds: EntryKind) -> list[LedgerEntry]:
        return list(SqlLedger(f"sqlite:///{self.folder.root / 'ledger.sqlite'}").entries(model, kinds=set(kinds)))

    def log(self, model: str, task: str) -> str:
        logs = sorted((self.folder.logs / "tasks").glob(f"dag_id={model}_nightly/*/task_id={task}/*.log"))
        return "".join(path.read_text(encoding="utf-8") for path in logs)


def eventually(condition: Callable[[], bool], what: str, works: Works, model: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s: not {what}, but {works.states(model)}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory, docker_client: "DockerClient") -> Iterator[Works]:
    project = tmp_path_factory.mktemp("gates")
    for name in ("dags", "plugins"):
        (project / name).symlink_to(PROJECT / name)
    (project / "include" / "models").mkdir(parents=True)
    (project / "expectations").mkdir()
    (project / "expectations" / "demand.json").write_text(json.dumps(SUITE), encoding="utf-8")
    folder = DemoFolder(project, "gates")
    folder.make_afresh()
    (folder.source / "demand").mkdir()
    for day in DAYS:
        arrow_csv.write_csv(demand_rows(day), folder.source / "demand" / f"{day}.csv")
    works = Works(folder, Stack(folder, Progress()))
    approval = {"release__approval__required": True}
    in_image = {"deployment__target": "docker", "deployment__image": serving_image(docker_client)}
    works.add_model(CONTAINED, **approval, **in_image)
    works.add_model("declined", **approval)
    works.add_model("forgotten", **approval, release__approval__timeout_hours=SOON_HOURS)
    models = (CONTAINED, "declined", "forgotten")
    try:
        works.stack.start()
        works.stack.wait_for_dags(*(f"{model}_nightly" for model in models))
        works.stack.api.ensure_pool("titlebout_training", 1, "")
        engine = {"connection_id": "titlebout_docker", "conn_type": "docker"}
        works.stack.api._send("POST", "/api/v2/connections", json=engine)
        for model in models:
            works.start_run(model)
        yield works
    finally:
        works.stack.book.stop_all()
        remove_server(docker_client)


def remove_server(engine: "DockerClient") -> None:
    for container in engine.containers.list(all=True, filters={"name": container_name(CONTAINED)}):
        container.remove(force=True)
    for volume in engine.volumes.list(filters={"name": container_name(CONTAINED)}):
        volume.remove(force=True)


def test_a_winner_passes_its_image_a_person_agrees_and_the_container_serves_it(
    works: Works, docker_client: "DockerClient"
):
    works.wait_for(CONTAINED, check_candidate="success", approve_release="awaiting_input")
    (checked,) = works.entries(CONTAINED, EntryKind.CANDIDATE_CHECKED)
    assert checked.payload["check"]["problems"] == []
    assert docker_client.containers.list(all=True, filters={"label": f"{CHECK_LABEL}={CONTAINED}"}) == []
    assert docker_client.containers.list(filters={"name": container_name(CONTAINED)}) == []  # nothing serves yet
    question = works.question(CONTAINED)
    version = checked.payload["check"]["version"]
    assert question["subject"] == f"May {version} serve as {CONTAINED}?"
    assert list(question["params"]) == ["why"]
    assert f"/titlebout/{CONTAINED}/bouts/{DAYS[-1]}" in question["body"]

    works.answer(CONTAINED, "Approve", "looks right")
    works.wait_for(CONTAINED, approve_release="success", deploy_model="success")
    (approved,) = works.entries(CONTAINED, EntryKind.RELEASE_APPROVED)
    (settled,) = works.entries(CONTAINED, EntryKind.RELEASE_SETTLED)
    assert approved.actor.startswith("person:")
    assert approved.payload["approval"]["why"] == "looks right"
    assert settled.payload["version"] == version
    container = docker_client.containers.get(container_name(CONTAINED))
    assert container.labels["titlebout.image_digest"] == checked.payload["check"]["image_id"]


def test_a_rejection_keeps_what_serves_and_the_run_is_green(works: Works):
    works.wait_for("declined", approve_release="awaiting_input")
    works.answer("declined", "Reject", "a holiday")
    works.wait_for("declined", approve_release="success", deploy_model="skipped")
    (declined,) = works.entries("declined", EntryKind.RELEASE_DECLINED)
    assert declined.actor.startswith("person:")
    assert works.entries("declined", EntryKind.RELEASE_STARTED) == []
    assert "a holiday" in works.log("declined", "deploy_model")


def test_no_answer_in_time_keeps_what_serves(works: Works):
    works.wait_for("forgotten", approve_release="success", deploy_model="skipped")
    (declined,) = works.entries("forgotten", EntryKind.RELEASE_DECLINED)
    assert declined.actor.startswith("run:")
    assert declined.payload["approval"]["by"] is None
    assert works.entries("forgotten", EntryKind.RELEASE_STARTED) == []
    assert "nobody approved it in time" in works.log("forgotten", "deploy_model")
