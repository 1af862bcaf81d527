"""A host whose servers log what the spec says."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from titlebout.core.errors import ConnectionSettingsError
from titlebout.core.inference_log.log_policy import SHORTEST_KEY, LogPolicy
from titlebout.core.inference_log.log_port import ServerLog
from titlebout.core.ports import ServerAddress, ServerHost
from titlebout.core.specs.serving_spec import LogSection


class LoggingHost:
    """Tell a server what to log whenever somebody makes sure that it runs, so before each release."""

    def __init__(self, host: ServerHost, server_log: ServerLog, section: LogSection, key: Callable[[], str]) -> None:
        """Take the host; the secret of the hashes is looked up only where a column is hashed."""
        self.host, self._server_log, self._section, self._key = host, server_log, section, key

    def ensure_running(self, model: str) -> ServerAddress:
        """Return the address of the model's server, which runs and logs as the spec says; see the port.

        Raises:
            ConnectionSettingsError: A column is hashed, and the key is too short.
        """
        address = self.host.ensure_running(model)  # first: a champion comes back, whatever becomes of its log
        self._server_log.configure(address, self._policy())
        return address

    def _policy(self) -> LogPolicy:
        if not (self._section.enabled and self._section.has_hashes):
            return LogPolicy.of(self._section, None)
        key = self._key()
        if len(key) < SHORTEST_KEY:
            message = (
                f"connection {self._section.key_conn_id!r}: its password is the key of the log's hashes and needs "
                f"{SHORTEST_KEY} characters or more; make one up and keep it"
            )
            raise ConnectionSettingsError(message)
        return LogPolicy.of(self._section, key)

    def find(self, model: str) -> ServerAddress | None:
        """Return the address of the model's running server, or None."""
        return self.host.find(model)

    def stop(self, model: str) -> None:
        """Stop the model's server; no error when none runs."""
        self.host.stop(model)

    def renew(self, model: str) -> None:
        """Have the model's running server run the newest image; see the port."""
        self.host.renew(model)

    def image_id(self) -> str | None:
        """Return the content id of the image that servers are started from; see the port."""
        return self.host.image_id()


if TYPE_CHECKING:

    def _is_a_host(host: LoggingHost) -> ServerHost:
        return host
