"""A model whose old version serves in a container, a new version that has won, and the engine: for tests to share."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from fakes.bundles import demand_bundle
from fakes.demand_days import DemandWorld, run_of
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from integration.docker_engine import serving_image
from titlebout.adapters.docker_host import ContainerLimits, DockerHost, ThrowawayBench
from titlebout.adapters.docker_host.throwaway_bench import CHECK_LABEL
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Outcome, Release, RunContext, TrainedChallenger, Verdict
from titlebout.steps import check_candidate as check_step
from titlebout.steps.deploy_model import deploy_model

if TYPE_CHECKING:
    from docker import DockerClient

CLIENT = HttpServerClient()
SMALL = ContainerLimits(memory_bytes=320 * 2**20)


@dataclass
class Place:
    """A model whose old version serves in a container, a new version, and the engine."""

    engine: "DockerClient"
    world: DemandWorld
    old: TrainedChallenger
    new: TrainedChallenger

    @property
    def model(self) -> str:
        return self.world.spec.name

    @property
    def verdict(self) -> Verdict:
        return Verdict(
            model=self.model,
            partition=self.new.partition,
            outcome=Outcome.PROMOTE,
            reasons=("the test says so",),
            challenger=self.new.version,
            champion=self.old.version,
            metric="rmse",
        )

    def check(self, image: str, **spec_changes) -> CandidateCheck:
        spec = self.world.spec.model_copy(
            update={"deployment": self.world.spec.deployment.model_copy(update=spec_changes)}
        )
        bench = ThrowawayBench(self.engine.api, image, self.run.run_id, limits=SMALL)
        stores = {"lake": self.world.lake, "ledger": self.world.ledger}
        return check_step.check_candidate(spec, self.run, verdict=self.verdict, **stores, bench=bench)

    def deploy(self, image: str):
        stores = {name: getattr(self.world, name) for name in ("lake", "ledger", "registry")}
        host = DockerHost(self.engine, image)
        return deploy_model(self.world.spec, self.run, verdict=self.verdict, **stores, host=host, client=CLIENT)

    @property
    def run(self) -> RunContext:
        return run_of(self.new.partition)

    def served(self, image: str) -> str:
        return CLIENT.served(DockerHost(self.engine, image).find(self.model)).version

    def leftovers(self) -> list[str]:
        label = {"label": f"{CHECK_LABEL}={self.model}"}
        return [container.id for container in self.engine.containers.list(all=True, filters=label)]


@pytest.fixture(name="image", scope="module")
def image_fixture(docker_client: "DockerClient") -> str:
    return serving_image(docker_client)


@pytest.fixture(name="trained", scope="module")
def trained_fixture() -> tuple[DemandWorld, TrainedChallenger, TrainedChallenger]:
    world = DemandWorld(spec=demand_spec(name=f"checked_{uuid.uuid4().hex[:8]}", deployment__target="docker"))
    world.deliver_days("2024-01-01", "2024-01-14")
    old, new = (world.train(day) for day in ("2024-01-13", "2024-01-14"))
    return world, old, new


@pytest.fixture(name="place")
def place_fixture(docker_client: "DockerClient", trained, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Return the model with a ledger of its own; no server runs yet."""
    monkeypatch.setattr(check_step, "ROUNDS", 1)
    monkeypatch.setattr(check_step, "REQUESTS", 10)
    world, old, new = trained
    ledger = MemoryLedger()
    ledger.chains.update({model: [*chain] for model, chain in world.ledger.chains.items()})
    world = replace(world, ledger=ledger)
    world.release(old)
    nameless = nameless_volumes(docker_client)
    place = Place(docker_client, world, old, new)
    yield place
    assert place.leftovers() == []
    assert nameless_volumes(docker_client) <= nameless


@pytest.fixture(name="host", scope="module")
def host_fixture(docker_client: "DockerClient", image: str, trained) -> Iterator[DockerHost]:
    host, model = DockerHost(docker_client, image), trained[0].spec.name
    yield host
    forget(host, docker_client, model)


@pytest.fixture(name="serving")
def serving_fixture(place: Place, host: DockerHost) -> Place:
    """Return the model while its old version serves: the server of the test before, if that changed nothing."""
    served = CLIENT.served(host.ensure_running(place.model))
    if served is None or served.version != place.old.version:
        forget(host, place.engine, place.model)
        bundle = replace(demand_bundle(model=place.model), version=place.old.version)
        token = place.world.ledger.state(place.model).champion.token
        CLIENT.push(host.ensure_running(place.model), bundle, token=token)
    return place


def assert_one_release(place: Place, done: Release, again: Callable[[], Release]) -> None:
    """The new version serves by one release with one token, and clearing the task once more changes nothing."""
    ledger = place.world.ledger
    settled = [entry.payload for entry in ledger.entries(place.model, kinds={EntryKind.RELEASE_SETTLED})]
    assert [each["version"] for each in settled] == [place.old.version, place.new.version]
    assert settled[-1]["token"] == done.token == ledger.state(place.model).newest_token
    address = DockerHost(place.engine, "").find(place.model)
    served = CLIENT.served(address)
    assert (served.version, served.token) == (place.new.version, done.token)
    entries = len(ledger.entries(place.model))
    assert again().token == done.token
    assert len(ledger.entries(place.model)) == entries


def forget(host: DockerHost, engine: "DockerClient", model: str) -> None:
    host.stop(model)
    for volume in engine.volumes.list(filters={"name": f"titlebout-{model}"}):
        volume.remove(force=True)


def nameless_volumes(engine: "DockerClient") -> set[str]:
    return {volume.id for volume in engine.volumes.list() if re.fullmatch("[0-9a-f]{64}", volume.id)}
