"""The step `deploy_model` against a real server: trained, pushed, proven, served, and served again."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.specs import demand_spec
from integration.docker_engine import docker_client_fixture, docker_host_fixture  # noqa: F401  # fixtures
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.process_host import ProcessHost
from titlebout.core.ports import ServedRelease, ServerHost
from titlebout.core.results import Outcome, Release, TrainedChallenger, Verdict
from titlebout.core.versions import load_predictor
from titlebout.steps.deploy_model import deploy_model

ROW = {"hour": 8, "temperature": 11.5, "weather": "rain"}
CLIENT = HttpServerClient()


@pytest.fixture
def world() -> DemandWorld:
    world = DemandWorld(spec=demand_spec(name=f"release_{uuid.uuid4().hex[:8]}"))
    world.deliver_days("2024-01-01", "2024-01-14")
    return world


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def host(request: pytest.FixtureRequest, tmp_path: Path, world: DemandWorld) -> Iterator[ServerHost]:
    host = ProcessHost(tmp_path / "servers") if request.param == "process" else request.getfixturevalue("docker_host")
    yield host
    host.stop(world.spec.name)


def release(world: DemandWorld, host: ServerHost, partition: str, champion: str | None, outcome=Outcome.PROMOTE):
    challenger: TrainedChallenger = world.train(partition)
    verdict = Verdict(
        model=world.spec.name,
        partition=partition,
        outcome=outcome,
        reasons=("the test says so",),
        challenger=challenger.version,
        champion=champion,
        metric="rmse",
    )
    done: Release = deploy_model(
        world.spec, run_of(partition), verdict=verdict, **world.stores, host=host, client=CLIENT
    )
    return challenger, done


def test_a_champion_serves_is_replaced_and_comes_back_after_a_restart(world: DemandWorld, host: ServerHost):
    model = world.spec.name
    first, _ = release(world, host, "2024-01-13", None)
    second, done = release(world, host, "2024-01-14", first.version)
    address = host.find(model)
    assert address is not None
    assert (done.version, done.url) == (second.version, address.url)
    assert CLIENT.served(address) == ServedRelease(model, second.version, done.token)
    offline = load_predictor(world.lake, second, threads=1).predict_rows([ROW])
    assert CLIENT.predict(address, [ROW]) == pytest.approx(offline, abs=1e-6)

    host.stop(model)
    release(world, host, "2024-01-14", first.version, Outcome.KEEP)  # the night after a reboot
    again = host.find(model)
    assert again is not None
    assert CLIENT.served(again) == ServedRelease(model, second.version, done.token)
    assert CLIENT.predict(again, [ROW]) == pytest.approx(offline, abs=1e-6)
