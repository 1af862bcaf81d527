"""The way to an engine, and what its client raises as our own errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from titlebout.core.errors import DeploymentError, UnavailableError, bounded

if TYPE_CHECKING:
    from docker import DockerClient

ENGINE_TIMEOUT_SECONDS = 15

BUILD_COMMAND = "docker build -f include/serving/Dockerfile -t {image} ."


def connected_engine(engine_url: str, conn_id: str) -> "DockerClient":
    """Connect to an engine.

    Raises:
        UnavailableError: It does not answer.
    """
    import docker
    from docker.errors import DockerException

    try:
        return docker.DockerClient(base_url=engine_url, timeout=ENGINE_TIMEOUT_SECONDS)
    except DockerException as error:
        message = (
            f"connection {conn_id!r}: the Docker engine at {engine_url} does not answer: "
            f"{bounded(str(error), 200)}; start it, or let this user use it"
        )
        raise UnavailableError(message) from error


@contextmanager
def own_errors(engine_url: str, what: str) -> Iterator[None]:
    """Translate whatever the engine's client raises."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        said = bounded(str(error.explanation or error), 250)
        message = f"engine {engine_url} refused to {what}: {said}"
        raise (UnavailableError if error.is_server_error() else DeploymentError)(message) from error
    except (DockerException, RequestException) as error:
        message = f"engine {engine_url} does not answer, cannot {what}; check it with `docker info` and clear this task"
        raise UnavailableError(message) from error


def missing_image(image: str, engine_url: str) -> DeploymentError:
    """Return the error for an image that the engine does not hold."""
    build = BUILD_COMMAND.format(image=image)
    return DeploymentError(f"image {image!r} is not on the engine {engine_url}; build it: {build}")
