"""Approval by a person and the check in the serving image, in a real Airflow with a real Docker engine."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from integration.airflow_project import AirflowProject, eventually
from integration.docker_engine import docker_client_fixture, serving_image  # noqa: F401  # a fixture
from titlebout.adapters.docker_host.model_container import container_name
from titlebout.adapters.docker_host.throwaway_bench import CHECK_LABEL
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(900)]

DAYS = [*keys_between("2024-01-01", "2024-01-12")]
CONTAINED = f"contained_{uuid.uuid4().hex[:6]}"
SOON_HOURS = 5 / 3600


class GatedProject(AirflowProject):
    """Three models whose winners a person has to agree to."""

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
        self.wait_until(is_answered, f"{model} answered", model)

    def question(self, model: str) -> dict[str, Any]:
        path = f"/api/v2/dags/{model}_nightly/dagRuns/{self.runs[model]}/taskInstances/approve_release/-1/hitlDetails"
        return self.stack.api._send("GET", path)

    def states(self, model: str) -> dict[str, str]:
        return {name: str(task["state"]) for name, task in self.tasks(model).items()}

    def wait_for(self, model: str, **states: str) -> None:
        self.wait_until(lambda: states.items() <= self.states(model).items(), f"{model} {states}", model)

    def wait_until(self, condition: Callable[[], bool], what: str, model: str) -> None:
        eventually(condition, what, seconds=180, otherwise=lambda: self.states(model))


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory, docker_client: "DockerClient") -> Iterator[GatedProject]:
    works = GatedProject.new(tmp_path_factory.mktemp("gates"), "gates")
    for day in DAYS:
        works.deliver("demand", day)
    source = {"path": "demand/{partition}.csv", "first": DAYS[0]}
    approval = {"release__approval__required": True}
    in_image = {"deployment__target": "docker", "deployment__image": serving_image(docker_client)}
    models = {
        CONTAINED: {**approval, **in_image},
        "declined": approval,
        "forgotten": {**approval, "release__approval__timeout_hours": SOON_HOURS},
    }
    for model, changes in models.items():
        works.add_model(model, **source, **changes)
    try:
        with works.running(models):
            engine = {"connection_id": "titlebout_docker", "conn_type": "docker"}
            works.stack.api._send("POST", "/api/v2/connections", json=engine)
            for model in models:
                works.start_run(model, DAYS[-1])
            yield works
    finally:
        remove_server(docker_client)


def remove_server(engine: "DockerClient") -> None:
    for container in engine.containers.list(all=True, filters={"name": container_name(CONTAINED)}):
        container.remove(force=True)
    for volume in engine.volumes.list(filters={"name": container_name(CONTAINED)}):
        volume.remove(force=True)


def test_a_winner_passes_its_image_a_person_agrees_and_the_container_serves_it(
    works: GatedProject, docker_client: "DockerClient"
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


def test_a_rejection_keeps_what_serves_and_the_run_is_green(works: GatedProject):
    works.wait_for("declined", approve_release="awaiting_input")
    works.answer("declined", "Reject", "a holiday")
    works.wait_for("declined", approve_release="success", deploy_model="skipped")
    (declined,) = works.entries("declined", EntryKind.RELEASE_DECLINED)
    assert declined.actor.startswith("person:")
    assert works.entries("declined", EntryKind.RELEASE_STARTED) == []
    assert "a holiday" in works.log("declined", "deploy_model")


def test_no_answer_in_time_keeps_what_serves(works: GatedProject):
    works.wait_for("forgotten", approve_release="success", deploy_model="skipped")
    (declined,) = works.entries("forgotten", EntryKind.RELEASE_DECLINED)
    assert declined.actor.startswith("run:")
    assert declined.payload["approval"]["by"] is None
    assert works.entries("forgotten", EntryKind.RELEASE_STARTED) == []
    assert "nobody approved it in time" in works.log("forgotten", "deploy_model")
