"""A candidate in the real serving image on a real engine: good and bad images, and tasks killed in the middle."""

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle
from fakes.specs import demand_spec
from fakes.tampered_images import tampered_image
from integration.contained_model import (  # noqa: F401  # fixtures
    SMALL,
    assert_one_release,
    host_fixture,
    image_fixture,
    place_fixture,
    serving_fixture,
    trained_fixture,
)
from integration.docker_engine import docker_client_fixture  # noqa: F401  # a fixture
from titlebout.adapters.docker_host import DockerHost, ThrowawayBench
from titlebout.adapters.docker_host.throwaway_bench import CHECK_LABEL
from titlebout.core.candidates.examination import Questions
from titlebout.core.candidates.permits import newest_check
from titlebout.core.errors import DeploymentError, UnavailableError

FORKED = multiprocessing.get_context("fork")


@pytest.mark.docker
def test_a_good_candidate_passes_and_is_deployed(serving, image):
    check = serving.check(image)
    assert check.has_passed
    assert check.largest_difference <= 1e-6
    assert 20 < check.memory_mb < 320
    assert check.image_id == serving.engine.images.get(image).id
    assert serving.served(image) == serving.old.version  # nobody outside has noticed
    assert serving.deploy(image).version == serving.new.version
    assert serving.served(image) == serving.new.version


@pytest.mark.docker
@pytest.mark.parametrize(
    ("fault", "changes", "problem"),
    [
        ("crash", {}, r"did not pass .*exit status 1 in the serving image: .*server ended at its start"),
        ("wrong", {}, r"did not pass .*1 of \d+ rows score differently in the image"),
        pytest.param("nan", {}, r"did not pass .*row 0: nan instead of", marks=pytest.mark.slow),
        pytest.param(
            "slow",
            {"budgets": {"p99_ms": 10}},
            r"did not pass .*p99_ms is \d+.* ms, deployment.budgets allows 10",
            marks=pytest.mark.slow,
        ),
        ("hungry", {}, r"did not pass .*out of memory at 320 MiB"),
    ],
)
def test_a_bad_image_ends_in_one_line_and_the_champion_serves_on(serving, image, fault, changes, problem):
    bad = tampered_image(serving.engine, image, fault)
    try:
        spec = demand_spec(**{f"deployment__{name}": value for name, value in changes.items()})
        with pytest.raises(DeploymentError, match=problem) as raised:
            serving.check(bad, **{name: getattr(spec.deployment, name) for name in changes})
    finally:
        serving.engine.images.remove(bad, force=True)
    assert "\n" not in str(raised.value)
    assert not newest_check(serving.world.ledger, serving.model, serving.new.version).has_passed
    with pytest.raises(DeploymentError, match="failed its check"):
        serving.deploy(image)
    assert serving.served(image) == serving.old.version
    if fault == "wrong":  # what is mended is cleared: check and release are made once, and the rest stands
        assert serving.check(image).has_passed
        assert_one_release(serving, serving.deploy(image), lambda: serving.deploy(image))


@pytest.mark.docker
def test_the_container_has_no_network_and_no_right_and_says_what_it_holds(place, image, monkeypatch):
    seen = []
    start = place.engine.api.start
    monkeypatch.setattr(
        place.engine.api, "start", lambda it: (seen.append(place.engine.api.inspect_container(it)), start(it))
    )
    check = place.check(image)
    settings, labels = seen[0]["HostConfig"], seen[0]["Config"]["Labels"]
    assert settings["NetworkMode"] == "none"
    assert seen[0]["Config"]["User"] == "10001:10001"
    assert settings["ReadonlyRootfs"] is True
    assert settings["CapDrop"] == ["ALL"]
    assert settings["SecurityOpt"] == ["no-new-privileges"]
    assert settings["Privileged"] is False
    assert settings["Memory"] == settings["MemorySwap"] == SMALL.memory_bytes
    assert (settings["NanoCpus"], settings["PidsLimit"]) == (10**9, 128)
    assert not settings["Binds"]  # no path of this machine
    assert labels["titlebout.version"] == place.new.version
    assert labels["titlebout.image_digest"] == check.image_id
    assert len(labels["titlebout.data_sha256"]) == 64


def killed_at(call: str, bench_arguments: tuple, examined: tuple) -> None:
    """Examine a candidate and die by SIGKILL right after a call to the engine."""
    import docker

    client = docker.from_env(timeout=30)
    method = getattr(client.api, call)

    def deadly(*args, **kwargs):
        method(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(client.api, call, deadly)
    ThrowawayBench(client.api, *bench_arguments, limits=SMALL).examine(*examined)


@pytest.mark.docker
@pytest.mark.parametrize(
    "call",
    [*(pytest.param(call, marks=pytest.mark.slow) for call in ("create_container", "put_archive", "logs")), "start"],
)
def test_a_task_killed_at_any_step_leaves_nothing_once_it_is_cleared(place, image, call):
    bundle = replace(demand_bundle(), model=place.model)
    questions = Questions(model=place.model, version=bundle.version, rows=(ROW,), rounds=1, requests=1)
    bench = ThrowawayBench(place.engine.api, image, "run:cleared", limits=SMALL)
    examined = (bench.image_id(), bundle, questions, {})
    killed = FORKED.Process(target=killed_at, args=(call, (image, "run:cleared"), examined))
    killed.start()
    killed.join(240)
    assert killed.exitcode == -signal.SIGKILL
    assert len(place.leftovers()) == 1

    other = ThrowawayBench(place.engine.api, image, "run:another", limits=SMALL)
    other.remove_leftovers(place.model)
    assert len(place.leftovers()) == 1  # it may still be at work
    assert bench.examine(*examined).version == bundle.version


@pytest.mark.docker
def test_what_another_run_left_long_ago_is_removed(place, image):
    container = place.engine.api.create_container(image, labels={CHECK_LABEL: place.model})
    ThrowawayBench(place.engine.api, image, "run:1", timeout_seconds=-10).remove_leftovers(place.model)
    assert container["Id"] not in place.leftovers()


@pytest.mark.docker
def test_a_container_that_somebody_removed_is_worth_a_retry(place, image, monkeypatch):
    start = place.engine.api.start

    def start_and_remove(container):
        start(container)
        place.engine.api.remove_container(container, v=True, force=True)

    monkeypatch.setattr(place.engine.api, "start", start_and_remove)
    with pytest.raises(UnavailableError, match="another try removed"):
        place.check(image)
    assert newest_check(place.world.ledger, place.model, place.new.version) is None


@pytest.mark.docker
def test_a_missing_image_names_the_command_that_builds_it(docker_client):
    bench = ThrowawayBench(docker_client.api, "titlebout-nowhere:latest", "run:1")
    with pytest.raises(DeploymentError, match=r"docker build -f include/serving/Dockerfile -t titlebout-nowhere"):
        bench.image_id()


def test_an_engine_that_is_gone_is_unavailable_and_named(tmp_path: Path):
    import docker

    url = f"unix://{tmp_path}/nothing.sock"
    bench = ThrowawayBench(docker.APIClient(base_url=url, version="1.41", timeout=1), "i", "run:1", engine_url=url)
    with pytest.raises(UnavailableError, match=url):
        bench.image_id()
    questions = Questions(model="demand", version="v", rows=(ROW,), rounds=1, requests=1)
    with pytest.raises(UnavailableError, match=url):
        bench.examine("sha256:1", demand_bundle(), questions, {})


@pytest.mark.docker
def test_a_server_of_another_image_is_renewed_and_keeps_its_release(serving, image):
    newer = tampered_image(serving.engine, image, "slow")
    try:
        host = DockerHost(serving.engine, newer)
        host.renew(serving.model)
        container = serving.engine.containers.get(f"titlebout-{serving.model}")
        assert container.attrs["Image"] == container.labels["titlebout.image_digest"] == newer
        assert serving.served(newer) == serving.old.version
        host.renew(serving.model)
        assert serving.engine.containers.get(f"titlebout-{serving.model}").id == container.id
    finally:
        DockerHost(serving.engine, image).renew(serving.model)
        serving.engine.images.remove(newer, force=True)


@pytest.mark.docker
def test_an_image_that_does_not_come_up_gives_its_place_back(serving, image):
    broken = tampered_image(serving.engine, image, "crash")
    try:
        with pytest.raises(DeploymentError, match="did not start"):
            DockerHost(serving.engine, broken).renew(serving.model)
    finally:
        serving.engine.images.remove(broken, force=True)
    assert serving.served(image) == serving.old.version
    container = serving.engine.containers.get(f"titlebout-{serving.model}")
    assert container.attrs["Image"] == serving.engine.images.get(image).id
