"""Where models live that nobody serves: `deployment.target: none`."""

from typing import TYPE_CHECKING

from titlebout.core.errors import DeploymentError
from titlebout.core.ports import ServerAddress

if TYPE_CHECKING:
    from titlebout.core.ports import ServerHost


class NoServer:
    """Find nothing and start nothing, so that such a model needs no connection to a host."""

    def ensure_running(self, model: str) -> ServerAddress:
        """Refuse.

        Raises:
            DeploymentError: Always.
        """
        message = f"{model!r} has deployment.target none: no server may be started; choose process or docker"
        raise DeploymentError(message)

    def find(self, model: str) -> None:
        """Find none."""

    def stop(self, model: str) -> None:
        """Do nothing."""

    def renew(self, model: str) -> None:
        """Do nothing."""

    def image_id(self) -> None:
        """Name none."""


if TYPE_CHECKING:
    _: ServerHost = NoServer()
