"""What every place for model servers has to do: in memory, as processes, in containers."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from integration.docker_engine import docker_client_fixture, docker_host_fixture  # noqa: F401  # fixtures
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.process_host import ProcessHost
from titlebout.core.errors import UnavailableError
from titlebout.core.ports import ServedRelease, ServerClient, ServerHost


@dataclass(frozen=True)
class Place:
    host: ServerHost
    client: ServerClient


@pytest.fixture
def model() -> str:
    """Return a name of its own for each test: all share one container engine."""
    return f"contract_{uuid.uuid4().hex[:8]}"


@pytest.fixture(params=["memory", "process", pytest.param("docker", marks=pytest.mark.docker)])
def place(request: pytest.FixtureRequest, tmp_path: Path, model: str) -> Iterator[Place]:
    if request.param == "memory":
        memory = MemoryServerHost()
        yield Place(memory, MemoryServerClient(memory))
        return
    host = ProcessHost(tmp_path / "servers") if request.param == "process" else request.getfixturevalue("docker_host")
    try:
        yield Place(host, HttpServerClient())
    finally:
        host.stop(model)


def test_an_unknown_model_has_no_server(place: Place, model: str):
    assert place.host.find(model) is None
    place.host.stop(model)


def test_a_started_server_is_found_and_not_started_twice(place: Place, model: str):
    address = place.host.ensure_running(model)
    assert place.host.find(model) == address
    assert place.host.ensure_running(model) == address
    assert place.client.served(address) is None


def test_a_release_survives_a_restart_of_its_server(place: Place, model: str):
    bundle = demand_bundle("2024-01-10-aaaaaaaaaaaa", model=model)
    place.client.push(place.host.ensure_running(model), bundle, token=7)
    place.host.stop(model)
    assert place.host.find(model) is None

    address = place.host.ensure_running(model)
    assert place.client.served(address) == ServedRelease(model, bundle.version, 7)
    assert place.client.predict(address, [ROW]) == pytest.approx(scores_of(bundle, ROW), abs=1e-6)


def test_a_stopped_server_does_not_answer(place: Place, model: str):
    address = place.host.ensure_running(model)
    place.host.stop(model)
    place.host.stop(model)
    with pytest.raises(UnavailableError):
        place.client.served(address)


def test_two_models_have_two_servers(place: Place, model: str):
    other = f"{model}_other"
    try:
        first, second = place.host.ensure_running(model), place.host.ensure_running(other)
        assert first.url != second.url
        assert first.admin_token != second.admin_token
        place.host.stop(other)
        assert place.host.find(model) == first
    finally:
        place.host.stop(other)


def test_a_server_of_the_newest_image_is_not_renewed(place: Place, model: str):
    place.host.renew(model)
    assert place.host.find(model) is None  # nothing ran, so nothing is started
    address = place.host.ensure_running(model)
    assert place.host.image_id() == place.host.image_id()
    place.host.renew(model)
    assert place.host.find(model) == address
