"""A real Docker engine with a real serving image, made without an image registry.

Where no engine answers and the tests run as root, `dockerd` is started for their duration. The base image is made of
Debian packages, once, and cached below `.cache/`; the packages of the serving lock come as wheels.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from titlebout.adapters.docker_host import DockerHost
from titlebout.adapters.docker_host.model_container import MODEL_LABEL

if TYPE_CHECKING:
    import docker

PROJECT = Path(__file__).resolve().parents[2]
CACHE = PROJECT / ".cache" / "serving-image"
LOCK = PROJECT / "requirements-serving.lock"
BASE_IMAGE = "titlebout-test-base:bookworm"
SERVING_IMAGE = "titlebout-test-serving"
ENGINE_START_SECONDS = 180
# libstdc++6: NumPy does not import without it. libpython3.11-stdlib: python3-minimal lacks `http` and more.
BASE_PACKAGES = "python3-minimal,libpython3.11-stdlib,ca-certificates,libstdc++6"
LEFT_OUT = ("man", "doc", "locale", "info")


@pytest.fixture(name="docker_client", scope="session")
def docker_client_fixture() -> Iterator["docker.DockerClient"]:
    """Return a client of a real engine; skip where there can be none."""
    with docker_engine() as client:
        yield client


@pytest.fixture(name="docker_host")
def docker_host_fixture(docker_client: "docker.DockerClient") -> Iterator[DockerHost]:
    """Return a host on that engine; what tests leave behind is removed."""
    containers, volumes = docker_client.containers, docker_client.volumes
    known = {container.id for container in containers.list(all=True)} | {volume.id for volume in volumes.list()}
    yield DockerHost(docker_client, serving_image(docker_client))
    for container in containers.list(all=True, filters={"label": MODEL_LABEL}):
        if container.id not in known:  # the engine may belong to somebody who serves models with it
            container.remove(force=True)
    for volume in volumes.list():
        if volume.id not in known and volume.id.startswith("titlebout-"):
            volume.remove(force=True)


@contextmanager
def docker_engine() -> Iterator["docker.DockerClient"]:
    """Yield a client of the engine that answers, or of one started for now; skip where there can be none."""
    client = _answering_client()
    if client is not None:
        yield client
        return
    dockerd = shutil.which("dockerd")
    if dockerd is None or os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and only root can start one (needs dockerd: Debian's docker.io)")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "dockerd.log").open("wb") as log:
        engine = subprocess.Popen([dockerd], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield _awaited_client(engine)
    finally:
        engine.terminate()
        try:
            engine.wait(timeout=60)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()


def _answering_client() -> "docker.DockerClient | None":
    import docker

    try:
        client = docker.from_env(timeout=30)
        client.ping()
    except (docker.errors.DockerException, OSError):
        return None
    return client


def _awaited_client(engine: "subprocess.Popen[bytes]") -> "docker.DockerClient":
    deadline = time.monotonic() + ENGINE_START_SECONDS
    while engine.poll() is None and time.monotonic() < deadline:
        if client := _answering_client():
            return client
        time.sleep(0.2)
    last_line = (CACHE / "dockerd.log").read_text(errors="replace").strip().splitlines()[-1:]
    pytest.skip(f"dockerd does not start here: {''.join(last_line)[:200]}")


@cache
def serving_image(client: "docker.DockerClient") -> str:
    """Return the tag of the serving image of this working tree, built where it does not exist yet."""
    import docker

    tag = f"{SERVING_IMAGE}:{_fingerprint()}"
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        _import_base(client)
        client.images.build(
            fileobj=io.BytesIO(_context()),
            custom_context=True,
            dockerfile="include/serving/Dockerfile",
            buildargs={"BASE_IMAGE": BASE_IMAGE},
            tag=tag,
            rm=True,
            forcerm=True,
            timeout=300,
        )
        for image in client.images.list(SERVING_IMAGE):  # of earlier trees
            if tag not in image.tags:
                with suppress(docker.errors.APIError):  # a container runs of it
                    client.images.remove(image.id, force=True)
    return tag


def _own_files() -> list[Path]:
    """Return the files of this repository that go into the image."""
    package = PROJECT / "plugins" / "titlebout"
    modules = [path for folder in ("core", "serving") for path in sorted((package / folder).rglob("*.py"))]
    return [PROJECT / "include" / "serving" / "Dockerfile", LOCK, package / "__init__.py", *modules]


def _fingerprint() -> str:
    """Name an image after what it is made of; the lock stands for the packages."""
    digest = hashlib.sha256()
    for path in _own_files():
        digest.update(f"{path.relative_to(PROJECT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _context() -> bytes:
    """Return the build context: what `Dockerfile.dockerignore` lets through, and the installed packages."""
    archive, site = io.BytesIO(), _site()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in _own_files():
            _add(tar, path, path.relative_to(PROJECT).as_posix())
        for path in sorted(site.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                _add(tar, path, f"serving-site/{path.relative_to(site).as_posix()}")
    return archive.getvalue()


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = path.stat().st_size, 0o644
    with path.open("rb") as content:
        tar.addfile(entry, content)


def _site() -> Path:
    """Return a folder with the packages of the lock for Debian's Python, installed once per lock."""
    site = CACHE / f"site-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    if not site.exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        target = site.with_name(f".{site.name}.{os.getpid()}")
        options = ["--python-version", "3.11", "--only-binary", ":all:", "--no-deps", "--require-hashes", "--quiet"]
        subprocess.run([uv, "pip", "install", "--target", str(target), *options, "-r", str(LOCK)], check=True)
        target.rename(site)
    return site


def _import_base(client: "docker.DockerClient") -> None:
    import docker

    try:
        client.images.get(BASE_IMAGE)
    except docker.errors.ImageNotFound:
        repository, tag = BASE_IMAGE.split(":")
        with gzip.open(_base_archive(), "rb") as archive:
            client.api.import_image_from_data(archive.read(), repository=repository, tag=tag)


def _base_archive() -> Path:
    """Return a Debian with Python and little else as an archive, made once."""
    archive = CACHE / "base.tar.gz"
    if not archive.exists():
        mmdebstrap = shutil.which("mmdebstrap")
        if mmdebstrap is None:
            pytest.skip("the base image needs mmdebstrap, which is not installed (Debian's mmdebstrap)")
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_name(f"base.{os.getpid()}.tar.gz")
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in LEFT_OUT]
        options = ["--quiet", "--variant=essential", *excludes, f"--include={BASE_PACKAGES}"]
        subprocess.run(
            [mmdebstrap, *options, "bookworm", str(unfinished)],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        )
        unfinished.rename(archive)
    return archive
