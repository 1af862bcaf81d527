"""Finds, starts and stops the containers of models on one engine."""

import logging
import socket
import time
from typing import TYPE_CHECKING

import httpx

from titlebout.adapters.docker_host.engine_access import missing_image, own_errors
from titlebout.adapters.docker_host.model_container import (
    IMAGE_LABEL,
    MODEL_LABEL,
    ContainerLimits,
    ModelContainer,
    container_name,
    container_options,
)
from titlebout.core.errors import DeploymentError
from titlebout.core.ports import ServerAddress
from titlebout.core.wire import checked_model_name

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from titlebout.core.ports import ServerHost

START_TIMEOUT_SECONDS = 60.0
HANG_TIMEOUT_SECONDS = 15.0
APPEAR_TIMEOUT_SECONDS = 5.0
PORT_ATTEMPTS = 3

_logger = logging.getLogger(__name__)


class DockerHost:
    """Start model servers as containers, found again by the label `titlebout.model`.

    A named volume `titlebout-<model>` holds the server's releases and its admin token, which the server makes
    itself on its first start. So the token appears neither in the environment nor in `docker inspect`; whoever
    may use the engine can read it, but they own the machine anyway.

    Args:
        client: Connected to the engine; give it a short timeout, 10 s or so.
        image: Serving image; it has to exist on the engine, nothing is pulled.
        engine_url: Where the engine is, for messages.
        port: Wanted port on the loopback interface of the engine's machine; 0, or one that is taken: a free one.
        network: Docker network that the caller shares with the servers, where it runs in a container itself.
            Servers are then addressed by name on it.
        limits: Memory and processes of one server.
    """

    def __init__(  # settings of one engine, all but two with a default
        self,
        client: "DockerClient",
        image: str,
        *,
        engine_url: str = "unix:///var/run/docker.sock",
        port: int = 0,
        network: str | None = None,
        limits: ContainerLimits | None = None,
    ) -> None:
        """Take the engine; nothing is started."""
        self._client = client
        self._image = image
        self._engine_url = engine_url
        self._port = port
        self._network = network
        self._limits = limits or ContainerLimits()

    def ensure_running(self, model: str) -> ServerAddress:
        """Return the address of the model's server, started if it was not running.

        Raises:
            DeploymentError: The image is missing, and that of the container before, too; or the server does not come
                up, and the message holds its last log lines.
            UnavailableError: The engine does not answer.
        """
        with own_errors(self._engine_url, f"start the server of {model!r}"):
            old = self._container(model)
            if old and (found := old.address()):
                return found
            image_id = self._image_after(old)  # before anything is stopped or removed
            if old and (found := old.awaited_address(HANG_TIMEOUT_SECONDS)):  # busy, or still starting
                return found
            if old:
                _logger.warning("server of %s is %s and does not answer, replacing its container", model, old.status)
                old.remove()
            return self._started_and_awaited(model, image_id)

    def find(self, model: str) -> ServerAddress | None:
        """Return the address of the model's server if it answers, or None.

        Raises:
            UnavailableError: The engine does not answer.
        """
        with own_errors(self._engine_url, f"find the server of {model!r}"):
            container = self._container(model)
            return container.address() if container else None

    def stop(self, model: str) -> None:
        """Stop and remove the model's container after its running requests; its volume stays.

        Raises:
            UnavailableError: The engine does not answer.
        """
        with own_errors(self._engine_url, f"stop the server of {model!r}"):
            if container := self._container(model):
                container.stop()
                container.remove()

    def renew(self, model: str) -> None:
        """Replace a container that was made of another image than `image_id` says. It is away for some seconds.

        Raises:
            DeploymentError: The new one does not come up; one of the image before serves again.
            UnavailableError: The engine does not answer.
        """
        with own_errors(self._engine_url, f"renew the server of {model!r}"):
            image_id, old = self._image_id(), self._container(model)
            if old is None or old.image_id == image_id:
                return
            _logger.info("image of %s has changed, replacing its container", model)
            old.stop()
            old.remove()
            try:
                self._started_and_awaited(model, image_id)
            except DeploymentError:
                _logger.warning("server of %s does not come up of %s, taking the image before", model, self._image)
                self._started_and_awaited(model, old.image_id)
                raise

    def image_id(self) -> str:
        """Return the content id of the image that servers are started from.

        Raises:
            DeploymentError: The image is missing.
            UnavailableError: The engine does not answer.
        """
        with own_errors(self._engine_url, f"look for image {self._image!r}"):
            return self._image_id()

    def _container(self, model: str) -> ModelContainer | None:
        label = f"{MODEL_LABEL}={checked_model_name(model)}"
        found = self._client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        return ModelContainer(found[0], model, self._network) if found else None

    def _appearing(self, model: str) -> ModelContainer:
        """Return the container of the process that was faster; the engine lists it a moment after its name is taken."""
        deadline = time.monotonic() + APPEAR_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if container := self._container(model):
                return container
            time.sleep(0.1)
        message = f"container name {container_name(model)} belongs to another program; remove that container"
        raise DeploymentError(message)

    def _image_id(self) -> str:
        """Pin the image: a tag may move while we work."""
        return self._known_image(self._image)

    def _known_image(self, name: str) -> str:
        from docker.errors import ImageNotFound

        try:
            return str(self._client.images.get(name).id)
        except ImageNotFound as error:
            raise missing_image(self._image, self._engine_url) from error

    def _image_after(self, old: ModelContainer | None) -> str:
        """Return what the next container is made of; where the tag is gone, the image of the one that it replaces.

        Raises:
            DeploymentError: The engine holds neither.
        """
        try:
            return self._image_id()
        except DeploymentError as error:
            if old is None:
                raise
            _logger.warning("%s; until then the server comes back of the image that it had", error)
            return self._known_image(old.image_id)

    def _started_and_awaited(self, model: str, image_id: str) -> ServerAddress:
        new = self._started(model, image_id) or self._appearing(model)
        if found := new.awaited_address(START_TIMEOUT_SECONDS):
            return found
        failure = new.failure()
        new.remove()  # its restart policy would try for ever
        raise failure

    def _started(self, model: str, image_id: str) -> ModelContainer | None:
        """Create and start a container; None when another process was faster."""
        for port in (self._port or _free_port(), *(_free_port() for _ in range(PORT_ATTEMPTS))):
            container = self._created(model, image_id, port)
            if container is None:
                return None
            if _starts(container):
                container.reload()
                _logger.info("started container %s on port %d", container.name, port)
                return ModelContainer(container, model, self._network)
            _logger.warning("port %d is taken on the engine's machine, choosing a free one", port)
        message = f"no free port for the server of {model!r}; set deployment.port to one that is free"
        raise DeploymentError(message)

    def _created(self, model: str, image_id: str, port: int) -> "Container | None":
        """Create a container; None where its name is taken."""
        from docker.errors import APIError

        options = container_options(model, port=port, network=self._network, limits=self._limits)
        options["labels"][IMAGE_LABEL] = image_id
        try:
            return self._client.containers.create(image_id, **options)
        except APIError as error:
            if error.status_code == httpx.codes.CONFLICT:
                return None
            raise


def _starts(container: "Container") -> bool:
    """Start a container; False where its port is taken."""
    from docker.errors import APIError

    try:
        container.start()
    except APIError as error:
        container.remove(force=True)  # it would hold the name and never run
        if any(words in str(error) for words in ("port is already allocated", "address already in use")):
            return False
        raise
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if TYPE_CHECKING:

    def _is_a_host(host: DockerHost) -> ServerHost:
        return host
