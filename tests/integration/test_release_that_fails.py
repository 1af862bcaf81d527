"""Releases into real containers that fail: the champion serves on, the task says why, clearing it finishes one release.

How a candidate fails its check in a bad image is told in `test_candidate_in_its_image`.
"""

import itertools
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fakes.engine_proxy import engine_proxy
from fakes.lake import MemoryLake
from fakes.specs import demand_spec
from fakes.tampered_images import tampered_image
from integration.contained_model import (  # noqa: F401  # fixtures
    CLIENT,
    Place,
    assert_one_release,
    forget,
    host_fixture,
    image_fixture,
    place_fixture,
    serving_fixture,
    trained_fixture,
)
from integration.docker_engine import docker_client_fixture  # noqa: F401  # a fixture
from integration.test_trials_under_load import WIDE, Arena, load_on
from titlebout.adapters.docker_host import DockerHost
from titlebout.adapters.docker_host.model_container import container_name
from titlebout.adapters.http_server import HttpServerLog
from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_reading import logged_partitions, read_inference_log
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Release
from titlebout.steps.collect_log import collect_log
from titlebout.steps.deploy_model import deploy_model

pytestmark = pytest.mark.docker

LOG = HttpServerLog()
SMALL_DISK = {"type": "tmpfs", "device": "tmpfs", "o": "size=3m,mode=0700,uid=10001,gid=10001"}
ROWS = [{"hour": hour % 24, "temperature": 11.5, "weather": "rain"} for hour in range(1000)]


def vouch_for(place: Place, image_id: str) -> None:
    """Say in the ledger that the new version has passed its check in an image."""
    version = place.new.version
    check = CandidateCheck(model=place.model, version=version, image="i", image_id=image_id, largest_difference=0)
    place.world.ledger.append(place.model, EntryKind.CANDIDATE_CHECKED, {"check": check.as_json()}, actor="test")


def deploy_on(place: Place, host: DockerHost) -> Release:
    stores = {name: getattr(place.world, name) for name in ("lake", "ledger", "registry")}
    return deploy_model(place.world.spec, place.run, verdict=place.verdict, **stores, host=host, client=CLIENT)


@pytest.mark.parametrize(
    ("then_frozen", "step"),
    [pytest.param(False, 1, id="dead"), pytest.param(True, 4, id="frozen", marks=pytest.mark.slow)],
)
def test_an_engine_that_goes_down_at_any_request(serving: Place, image: str, tmp_path: Path, then_frozen, step):
    import docker

    vouch_for(serving, serving.engine.images.get(image).id)
    address = DockerHost(serving.engine, image).find(serving.model)
    with engine_proxy(tmp_path) as engine:
        client = docker.DockerClient(base_url=engine.url, version="1.41", timeout=4 if then_frozen else 30)
        host = DockerHost(client, image, engine_url=engine.url)
        for requests in itertools.count(0, step):
            engine.live_for(requests, then_frozen=then_frozen)
            try:
                done = deploy_on(serving, host)
                break
            except UnavailableError as error:
                said = str(error)
            assert f"engine {engine.url} does not answer" in said
            assert CLIENT.served(address).version == serving.old.version
            assert len(CLIENT.predict(address, ROWS[:1])) == 1
        assert requests > 4
        assert_one_release(serving, done, lambda: serving.deploy(image))


def test_an_image_that_crashes_in_a_loop_once_it_should_serve(serving: Place, image: str):
    broken = tampered_image(serving.engine, image, "crash")
    vouch_for(serving, broken)
    try:
        with pytest.raises(DeploymentError, match=r"did not start: .*broken on purpose"):
            serving.deploy(broken)
    finally:
        serving.engine.images.remove(broken, force=True)
    assert serving.served(image) == serving.old.version
    vouch_for(serving, serving.engine.images.get(image).id)
    assert_one_release(serving, serving.deploy(image), lambda: serving.deploy(image))


@pytest.mark.slow
def test_a_port_that_a_stranger_took_while_the_server_was_away(serving: Place, image: str):
    vouch_for(serving, serving.engine.images.get(image).id)
    container = serving.engine.containers.get(container_name(serving.model))
    port = int(DockerHost(serving.engine, image).find(serving.model).url.rpartition(":")[2])
    container.stop(timeout=60)
    with socket.create_server(("127.0.0.1", port)):
        done = deploy_on(serving, DockerHost(serving.engine, image, port=port))
        assert not done.url.endswith(f":{port}")
        assert_one_release(serving, done, lambda: serving.deploy(image))


def test_a_disk_that_the_log_has_filled(serving: Place, image: str):
    spec = demand_spec(name=serving.model, serving__log={"enabled": True})
    host = DockerHost(serving.engine, image)
    forget(host, serving.engine, serving.model)
    serving.engine.volumes.create(container_name(serving.model), driver="local", driver_opts=SMALL_DISK)
    serve_again(serving, host)
    vouch_for(serving, serving.engine.images.get(image).id)
    address = host.find(serving.model)
    LOG.configure(address, LogPolicy(enabled=True, max_queued_rows=4000))
    asked = asked_until_the_disk_is_full(address.url)
    container = serving.engine.containers.get(container_name(serving.model))
    container.exec_run(["dd", "if=/dev/zero", "of=/state/the-rest", "bs=4k"])

    with pytest.raises(UnavailableError, match="the server's disk does not take it: No space left on device"):
        serving.deploy(image)
    assert CLIENT.served(address).version == serving.old.version
    assert httpx.get(f"{address.url}/health/ready", timeout=60, trust_env=False).status_code == 200

    lake = MemoryLake()
    first = collect_log(spec, lake=lake, host=host, server_log=LOG)
    assert first.rows > 1000
    assert_one_release(serving, serving.deploy(image), lambda: serving.deploy(image))
    collect_log(spec, lake=lake, host=host, server_log=LOG)
    found = sum(read_inference_log(lake, serving.model, key).num_rows for key in logged_partitions(lake, serving.model))
    dropped = rows_left_out(address.url)
    assert dropped > 0
    # The golden rows that prove a release are asked by the way of all clients, so they are logged, too.
    assert asked <= found + dropped <= asked + 100
    forget(host, serving.engine, serving.model)


def serve_again(place: Place, host: DockerHost) -> None:
    """Have the old version serve on a server that has lost everything, by the token that it had."""
    from titlebout.core.versions import read_bundle

    token = place.world.ledger.state(place.model).champion.token
    CLIENT.push(host.ensure_running(place.model), read_bundle(place.world.lake, place.old), token=token)


def asked_until_the_disk_is_full(url: str) -> int:
    """Ask until rows are left out of the log, and return how many rows were answered."""
    answered = 0
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        for _ in range(200):
            answer = client.post("/predict", json={"rows": ROWS})
            assert (answer.status_code, len(answer.json()["predictions"])) == (200, len(ROWS))
            answered += len(ROWS)
            if rows_left_out(url):
                return answered
    raise AssertionError("the disk took everything")


def rows_left_out(url: str) -> int:
    metrics = httpx.get(f"{url}/metrics", timeout=60, trust_env=False).text.splitlines()
    (found,) = [line for line in metrics if line.startswith("titlebout_log_dropped") and 'reason="queue_full"' in line]
    return int(found.rpartition(" ")[2])


@pytest.mark.slow
def test_a_candidate_that_is_slow_and_one_that_answers_nan_before_one_that_is_good(serving: Place, image: str):
    troubled = tampered_image(serving.engine, image, "candidate")
    limits = {**WIDE, "release__steps": [40, 100], "release__max_latency_ratio": 20}
    spec = demand_spec(name=serving.model, deployment__target="docker", deployment__image=troubled, **limits)
    host = DockerHost(serving.engine, troubled)
    try:
        forget(host, serving.engine, serving.model)
        serve_again(serving, host)
        vouch_for(serving, troubled)
        arena = Arena(replace(serving.world, spec=spec), host)
        address = host.find(serving.model)
        container = serving.engine.containers.get(container_name(serving.model))
        with load_on(address.url) as load:
            for trouble, said in (("slow", "slower than 20 times"), ("nan", "fail")):
                container.exec_run(["sh", "-c", f"echo {trouble} > /tmp/trouble"])
                with pytest.raises(DeploymentError, match=f"failed at 40 %.*{said}.* serves on; clear start_trial"):
                    arena.watch(arena.start(serving.verdict))
                assert CLIENT.trial(address) is None
                assert CLIENT.served(address).version == serving.old.version
            container.exec_run(["rm", "/tmp/trouble"])
            arena.watch(arena.start(serving.verdict))
            done = arena.deploy(serving.verdict)
            assert_one_release(serving, done, lambda: arena.deploy(serving.verdict))
        assert load.failures == []
        tried = ["trial_started", "trial_failed"]
        assert arena.kinds() == [*tried, *tried, "trial_started", "trial_step", "trial_passed"]
    finally:
        forget(host, serving.engine, serving.model)
        serving.engine.images.remove(troubled, force=True)
