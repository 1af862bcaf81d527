"""The conversation with a model server in memory: real models and the real proof, but no network."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from fakes.server_host import MemoryServer, MemoryServerHost
from titlebout.core.errors import DeploymentError, FieldError, StaleTokenError, UnavailableError
from titlebout.core.ports import ReleaseBundle, ServedRelease, ServerAddress
from titlebout.core.predictor import Predictor
from titlebout.serving.proof import load_proven


class MemoryServerClient:
    """Talk to the servers of a `MemoryServerHost`.

    Attributes:
        pushes: (version, token) of every push that a server took, in order.
        offset: Added to every score of `predict`: a server that answers other scores than it proved.
        is_down: Set it to make every call raise `UnavailableError`.
    """

    def __init__(self, host: MemoryServerHost) -> None:
        self._host = host
        self.pushes: list[tuple[str, int]] = []
        self.offset = 0.0
        self.is_down = False

    def push(self, address: ServerAddress, bundle: ReleaseBundle, *, token: int) -> ServedRelease:
        """Check the tokens, prove the release, swap."""
        server = self._server(address)
        if address.admin_token != server.address.admin_token:
            message = f"{address.url} refused the release: wrong admin token"
            raise DeploymentError(message)
        if bundle.model != server.model:
            message = f"{address.url} refused the release: it serves {server.model!r}, not {bundle.model!r}"
            raise DeploymentError(message)
        if token < server.newest_token:
            message = f"{address.url} refused the release: token {token} is older than {server.newest_token}"
            raise StaleTokenError(message)
        server.newest_token = token
        server.predictor = load_proven(bundle)
        server.served = ServedRelease(model=bundle.model, version=bundle.version, token=token)
        self.pushes.append((bundle.version, token))
        return server.served

    def served(self, address: ServerAddress) -> ServedRelease | None:
        """Return what the server serves."""
        return self._server(address).served

    def predict(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]]) -> list[float]:
        """Score rows."""
        predictor: Predictor | None = self._server(address).predictor
        if predictor is None:
            message = f"{address.url} serves no release yet; deploy one"
            raise UnavailableError(message)
        if not rows:
            message = f"{address.url} refused the rows: there are none"
            raise DeploymentError(message)
        try:
            return [float(score) + self.offset for score in predictor.predict_rows(rows)]
        except FieldError as error:
            message = f"{address.url} refused the rows: {error}"
            raise DeploymentError(message) from error

    def _server(self, address: ServerAddress) -> MemoryServer:
        running = [server for server in self._host.servers.values() if server.is_running]
        server = next((server for server in running if server.address.url == address.url), None)
        if server is None or self.is_down:
            message = f"{address.url} does not answer; start the server and clear this task"
            raise UnavailableError(message)
        return server
