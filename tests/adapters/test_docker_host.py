"""Model servers in real containers, and what happens when engine, image, port or name are not as they should be."""

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.ports import own_port
from integration.docker_engine import docker_client_fixture, docker_host_fixture, serving_image  # noqa: F401  # fixtures
from titlebout.adapters.docker_host import ContainerLimits, DockerHost
from titlebout.adapters.docker_host.model_container import container_options
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.ports import ServedRelease

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

# The server is the child of the container's init process; health checks and `docker exec` have no parent inside.
KILL_THE_SERVER = """
import os, signal
for process in filter(str.isdecimal, os.listdir("/proc")):
    parent = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1]
    if parent == "1":
        os.kill(int(process), signal.SIGKILL)
"""
MODEL = f"docker_{uuid.uuid4().hex[:8]}"


def container_of(client: "DockerClient") -> "Container":
    return client.containers.get(f"titlebout-{MODEL}")


def output_of(container: "Container", *command: str) -> tuple[int, str]:
    status, output = container.exec_run(list(command))
    return status, output.decode()


@pytest.mark.docker
def test_a_container_gets_no_right_that_it_does_not_need(docker_client, docker_host):
    docker_host.ensure_running(MODEL)
    container = container_of(docker_client)
    settings, limits = container.attrs["HostConfig"], ContainerLimits()
    assert container.attrs["Config"]["User"] == "10001:10001"
    assert settings["ReadonlyRootfs"] is True
    assert settings["CapDrop"] == ["ALL"]
    assert settings["SecurityOpt"] == ["no-new-privileges"]
    assert settings["Privileged"] is False
    assert settings["Init"] is True
    assert settings["Memory"] == settings["MemorySwap"] == limits.memory_bytes
    assert settings["PidsLimit"] == limits.processes
    assert settings["RestartPolicy"]["Name"] == "unless-stopped"
    assert [binding["HostIp"] for binding in settings["PortBindings"]["8080/tcp"]] == ["127.0.0.1"]
    assert [mount["Destination"] for mount in container.attrs["Mounts"]] == ["/state"]


@pytest.mark.docker
def test_the_kernel_enforces_it(docker_client, docker_host):
    address = docker_host.ensure_running(MODEL)
    container = container_of(docker_client)
    status = output_of(container, "cat", "/proc/self/status")[1]
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    assert output_of(container, "touch", "/opt/titlebout/app/x")[1].strip().endswith("Read-only file system")
    assert output_of(container, "touch", "/tmp/x")[0] == 0
    assert output_of(container, "stat", "-c", "%a %u", "/state/admin_token")[1].strip() == "600 10001"
    # The secret is in the volume, and nowhere that `docker inspect` shows.
    assert address.admin_token not in str(container.attrs)


@pytest.mark.docker
def test_the_image_holds_neither_pandas_nor_mlflow_nor_airflow(docker_client, docker_host):
    docker_host.ensure_running(MODEL)
    code = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, sys.argv[1:])))"
    unwanted = ("pandas", "mlflow", "airflow", "pyarrow", "sklearn", "docker", "httpx")
    assert output_of(container_of(docker_client), "python3", "-c", code, *unwanted)[0] == 0
    assert output_of(container_of(docker_client), "python3", "-c", code, "xgboost")[0] == 1


@pytest.mark.docker
def test_a_release_survives_a_crash_of_its_server(docker_client, docker_host):
    client, bundle = HttpServerClient(), demand_bundle(model=MODEL)
    address = docker_host.ensure_running(MODEL)
    client.push(address, bundle, token=5)
    container = container_of(docker_client)
    first_start = container.attrs["State"]["StartedAt"]

    # Killed from inside, as by the kernel's out-of-memory killer: the engine's restart policy applies.
    assert output_of(container, "python3", "-c", KILL_THE_SERVER)[0] == 0
    deadline = time.monotonic() + 120
    while docker_host.find(MODEL) is None or container.attrs["State"]["StartedAt"] == first_start:
        assert time.monotonic() < deadline, container.logs().decode()
        time.sleep(0.2)
        container.reload()

    again = docker_host.ensure_running(MODEL)
    assert again == address
    assert client.served(again) == ServedRelease(MODEL, bundle.version, 5)
    assert client.predict(again, [ROW]) == pytest.approx(scores_of(bundle, ROW), abs=1e-6)


@pytest.mark.docker
def test_the_engine_sees_the_server_as_healthy(docker_client, docker_host):
    docker_host.ensure_running(MODEL)
    container = container_of(docker_client)
    assert output_of(container, "python3", "-m", "titlebout.serving.healthcheck", "8080")[0] == 0
    assert output_of(container, "python3", "-m", "titlebout.serving.healthcheck", "1")[0] == 1
    assert container.attrs["State"]["Health"]["Status"] in {"starting", "healthy"}


@pytest.mark.docker
def test_a_taken_port_falls_back_to_a_free_one(docker_client, docker_host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        host = DockerHost(docker_client, serving_image(docker_client), port=wanted)
        address = host.ensure_running(MODEL)
    assert not address.url.endswith(f":{wanted}")
    assert HttpServerClient().served(address) is None


@pytest.mark.docker
def test_a_wanted_port_is_used(docker_client, docker_host):
    wanted = own_port()
    host = DockerHost(docker_client, serving_image(docker_client), port=wanted)
    assert host.ensure_running(MODEL).url == f"http://127.0.0.1:{wanted}"


@pytest.mark.docker
def test_the_container_of_a_killed_try_is_replaced(docker_client, docker_host):
    address = docker_host.ensure_running(MODEL)
    container = container_of(docker_client)
    container.stop(timeout=60)
    assert docker_host.find(MODEL) is None

    again = docker_host.ensure_running(MODEL)
    assert again.admin_token == address.admin_token
    assert container_of(docker_client).id != container.id


@pytest.mark.docker
def test_a_container_of_another_program_is_left_alone(docker_client, docker_host):
    stranger = docker_client.containers.create(serving_image(docker_client), name=f"titlebout-{MODEL}")
    try:
        with pytest.raises(DeploymentError, match="another program"):
            docker_host.ensure_running(MODEL)
        stranger.reload()
    finally:
        stranger.remove()


@pytest.mark.docker
def test_a_container_that_answers_for_another_model_is_not_taken_for_ours(docker_client, docker_host):
    docker_host.ensure_running(MODEL)
    options = container_options(MODEL, port=own_port(), network=None, limits=ContainerLimits())
    container_of(docker_client).remove(force=True)
    options["command"] = ["--model", "another_model"]
    impostor = docker_client.containers.run(serving_image(docker_client), **options)
    deadline = time.monotonic() + 120
    while b"Started server process" not in impostor.logs():
        assert time.monotonic() < deadline, impostor.logs().decode()
        time.sleep(0.1)
    time.sleep(0.5)
    assert docker_host.find(MODEL) is None


@pytest.mark.docker
def test_a_missing_image_names_the_command_that_builds_it(docker_client):
    host = DockerHost(docker_client, "titlebout-nowhere:latest")
    with pytest.raises(DeploymentError, match=r"docker build -f include/serving/Dockerfile -t titlebout-nowhere"):
        host.ensure_running(MODEL)


@pytest.mark.docker
def test_a_model_that_does_not_fit_beside_what_serves_is_refused_and_the_server_goes_on(docker_client, docker_host):
    address, container = docker_host.ensure_running(MODEL), container_of(docker_client)
    counted = container.stats(stream=False)["memory_stats"]["stats"]
    own_bytes = counted.get("anon") or counted["rss"]  # the names of cgroups 2 and 1
    room = own_bytes + 30 * 2**20  # a Python with NumPy and XGBoost takes more
    container.update(mem_limit=room, memswap_limit=room)
    with pytest.raises(DeploymentError, match="loading it was killed, as happens where memory runs out"):
        HttpServerClient().push(address, demand_bundle(model=MODEL), token=1)
    container.reload()
    assert container.attrs["RestartCount"] == 0
    assert HttpServerClient().served(address) is None


@pytest.mark.docker
def test_a_server_whose_tag_was_deleted_comes_back_of_the_image_that_it_had(docker_client, docker_host):
    image = docker_client.images.get(serving_image(docker_client))
    image.tag("titlebout-test-short-lived", "1")
    host = DockerHost(docker_client, "titlebout-test-short-lived:1")
    host.ensure_running(MODEL)
    docker_client.images.remove("titlebout-test-short-lived:1", noprune=True)
    container_of(docker_client).stop(timeout=60)
    assert host.ensure_running(MODEL)
    assert container_of(docker_client).attrs["Image"] == image.id
    with pytest.raises(DeploymentError, match="'titlebout-test-short-lived:1' is not on the engine"):
        host.image_id()  # nothing new is released by it


@pytest.mark.docker
def test_a_server_that_crashes_is_removed_and_its_log_shown(docker_client, docker_host):
    # 6 MiB are enough for the container's init, and too few for Python.
    limits = ContainerLimits(memory_bytes=6 * 2**20)
    host = DockerHost(docker_client, serving_image(docker_client), limits=limits)
    with pytest.raises(DeploymentError, match="did not start"):
        host.ensure_running(MODEL)
    assert docker_client.containers.list(all=True, filters={"label": f"titlebout.model={MODEL}"}) == []


@pytest.mark.docker
def test_starters_at_once_share_one_container(docker_client, docker_host):
    found = []
    threads = [threading.Thread(target=lambda: found.append(docker_host.ensure_running(MODEL))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


@contextmanager
def frozen_engine(folder: Path) -> Iterator[str]:
    """Accept connections like an engine whose process is stopped, and never answer."""
    path = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield f"unix://{path}"


def host_of(engine_url: str) -> DockerHost:
    import docker

    client = docker.DockerClient(base_url=engine_url, version="1.41", timeout=1)
    return DockerHost(client, "titlebout-serving:latest", engine_url=engine_url)


def test_a_frozen_engine_is_unavailable_and_named(tmp_path: Path):
    with frozen_engine(tmp_path) as url:
        host = host_of(url)
        for call in (host.ensure_running, host.find, host.stop):
            with pytest.raises(UnavailableError, match=url):
                call(MODEL)


def test_a_dead_engine_is_unavailable_and_named(tmp_path: Path):
    url = f"unix://{tmp_path}/nothing.sock"
    with pytest.raises(UnavailableError, match=url):
        host_of(url).ensure_running(MODEL)


@pytest.mark.parametrize("name", ["", "../other", "a b", "Model", "x" * 64, "name\n"])
def test_a_hostile_name_never_reaches_the_engine(tmp_path: Path, name: str):
    with pytest.raises(DeploymentError, match="no name of a model"):
        host_of(f"unix://{tmp_path}/nothing.sock").ensure_running(name)
