"""Model servers in memory: a host that starts them and the state that a client talks to."""

from dataclasses import dataclass

from titlebout.core.errors import UnavailableError
from titlebout.core.live_trials.trial_wire import TrialStatus
from titlebout.core.ports import ServedRelease, ServerAddress
from titlebout.core.predictor import Predictor


@dataclass
class MemoryServer:
    """What one server holds. It survives a stop, as the state folder of a real server does."""

    model: str
    address: ServerAddress
    is_running: bool = False
    newest_token: int = 0
    served: ServedRelease | None = None
    predictor: Predictor | None = None
    trial: TrialStatus | None = None
    ended_trial: int = 0


class MemoryServerHost:
    """Keep servers in a dictionary.

    Attributes:
        servers: Model to its server, running or not.
        is_down: Set it to make every call raise `UnavailableError`.
        renewed: Models whose server was to run the newest image.
        image: Content id of the image that servers are started from, where they need one.
    """

    def __init__(self) -> None:
        self.servers: dict[str, MemoryServer] = {}
        self.is_down = False
        self.image: str | None = None
        self.renewed: list[str] = []

    def ensure_running(self, model: str) -> ServerAddress:
        """Start the server if it was not running."""
        self._answer()
        address = ServerAddress(url=f"memory://{model}", admin_token=f"token of {model}")
        server = self.servers.setdefault(model, MemoryServer(model, address))
        server.is_running = True
        return server.address

    def find(self, model: str) -> ServerAddress | None:
        """Return the address of a running server."""
        self._answer()
        server = self.servers.get(model)
        return server.address if server and server.is_running else None

    def stop(self, model: str) -> None:
        """Stop the server, keep what it holds."""
        self._answer()
        if model in self.servers:
            self.servers[model].is_running = False

    def renew(self, model: str) -> None:
        """Note it: nothing runs an image here."""
        self._answer()
        self.renewed.append(model)

    def image_id(self) -> str | None:
        """Return the image that a test has set."""
        self._answer()
        return self.image

    def _answer(self) -> None:
        if self.is_down:
            message = "host at memory:// does not answer; start it and clear this task"
            raise UnavailableError(message)
