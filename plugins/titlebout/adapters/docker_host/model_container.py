"""One container that serves one model: how it is locked in, how it is reached, why it failed."""

import io
import logging
import tarfile
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from titlebout.core.errors import DeploymentError
from titlebout.core.ports import ServerAddress
from titlebout.core.wire import ADMIN_TOKEN_FILE, LIVE_PATH, OPEN_PREDICTIONS, checked_model_name, first_token

if TYPE_CHECKING:
    from docker.models.containers import Container

MODEL_LABEL = "titlebout.model"
IMAGE_LABEL = "titlebout.image_digest"
SERVER_PORT = 8080
SERVER_USER = "10001:10001"
STATE_FOLDER = "/state"
PROBE_TIMEOUT_SECONDS = 2.0
STOP_GRACE_SECONDS = 12
LOG_LINES = 20
LOG_CHARACTERS_IN_ERRORS = 250

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ContainerLimits:
    """What one model server may use. Swap is never granted on top of memory."""

    memory_bytes: int = 2**30
    processes: int = 128


def container_name(model: str) -> str:
    """Return the name of a model's container and of its volume."""
    return f"titlebout-{checked_model_name(model)}"


def container_options(model: str, *, port: int, network: str | None, limits: ContainerLimits) -> dict[str, Any]:
    """Return how a model's container is created: with no right that it does not need."""
    return {
        "command": ["--model", model],
        "name": container_name(model),
        "labels": {MODEL_LABEL: model},
        "detach": True,
        "restart_policy": {"Name": "unless-stopped"},
        # The server listens on all addresses of its container, of which the loopback's port is all that is published.
        "environment": {OPEN_PREDICTIONS: "1"},
        # The port is ours to choose, not the engine's: an engine's choice changes with every restart.
        "ports": {f"{SERVER_PORT}/tcp": ("127.0.0.1", port)},
        "network": network,
        "volumes": {container_name(model): {"bind": STATE_FOLDER, "mode": "rw"}},
        "user": SERVER_USER,
        **locked_in(limits),
    }


def locked_in(limits: ContainerLimits) -> dict[str, Any]:
    """Return what takes every right away that no program of the image needs, and bounds what it uses."""
    return {
        "init": True,
        "read_only": True,
        "tmpfs": {"/tmp": "size=64m,mode=1777,noexec,nosuid,nodev"},  # noqa: S108  # inside the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "pids_limit": limits.processes,
        "log_config": {"type": "json-file", "config": {"max-size": "5m", "max-file": "2"}},
    }


class ModelContainer:
    """The container of one model, running or not. Errors of the engine's client pass through."""

    def __init__(self, container: "Container", model: str, network: str | None) -> None:
        """Take a container and the network on which the caller reaches it, if not by its published port."""
        self._container = container
        self._model = model
        self._network = network

    @property
    def status(self) -> str:
        """What the engine said when it was last asked: `running`, `exited`, `restarting` …."""
        return self._container.status

    @property
    def image_id(self) -> str:
        """Content id of the image that it was made of."""
        return str(self._container.attrs["Image"])

    def address(self) -> ServerAddress | None:
        """Return the server's address if it answers as itself."""
        url = self._url()
        if url is None or not _answers_as(url, self._model):
            return None
        token = self._admin_token()
        return ServerAddress(url=url, admin_token=token) if token else None

    def awaited_address(self, timeout_seconds: float) -> ServerAddress | None:
        """Wait until the server answers; None when it ends, crashes again and again, or takes too long."""
        from docker.errors import NotFound

        deadline = time.monotonic() + timeout_seconds
        while self.status in {"created", "running"} and time.monotonic() < deadline:
            if found := self.address():
                return found
            time.sleep(0.1)
            try:
                self._container.reload()
            except NotFound:
                return None
        return None

    def stop(self) -> None:
        """End the server after its running requests."""
        self._container.stop(timeout=STOP_GRACE_SECONDS)

    def remove(self) -> None:
        """Remove the container, whatever it does; its volume stays."""
        from docker.errors import APIError

        with suppress(APIError):  # another process removes it at the same moment
            self._container.remove(force=True)

    def failure(self) -> DeploymentError:
        """Say why the server did not come up."""
        lines = self._container.logs(tail=LOG_LINES).decode("utf-8", "replace").strip()
        _logger.error("last lines of container %s:\n%s", self._container.name, lines)
        state = self._container.attrs["State"]
        why = "out of memory" if state.get("OOMKilled") else f"{self.status}, exit status {state['ExitCode']}"
        message = f"server of {self._model!r} did not start: {why}; its log ends with: "
        return DeploymentError(message + lines[-LOG_CHARACTERS_IN_ERRORS:])

    def _url(self) -> str | None:
        if self.status != "running":
            return None
        if self._network:
            return f"http://{self._container.name}:{SERVER_PORT}"
        bindings = self._container.attrs["NetworkSettings"]["Ports"].get(f"{SERVER_PORT}/tcp")
        return f"http://127.0.0.1:{bindings[0]['HostPort']}" if bindings else None

    def _admin_token(self) -> str | None:
        """Read the token that the server made from its volume; None when it is not there yet."""
        from docker.errors import NotFound

        try:
            chunks, _ = self._container.get_archive(f"{STATE_FOLDER}/{ADMIN_TOKEN_FILE}")
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(ADMIN_TOKEN_FILE)
            return first_token(file.read().decode("ascii")) if file else None


def _answers_as(url: str, model: str) -> bool:
    try:
        said = httpx.get(url + LIVE_PATH, timeout=PROBE_TIMEOUT_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(said, dict) and said.get("model") == model
