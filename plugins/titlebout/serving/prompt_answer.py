"""Answers that nobody has to wait for, and who gives them."""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from starlette.responses import Response
from starlette.types import Scope


class PromptAnswer(NamedTuple):
    """An answer that nobody had to wait for, and the error behind it where it is our fault."""

    response: Response
    fault: Exception | None = None


class Door(Protocol):
    """What answers at once, if it can."""

    @property
    def direct_urls(self) -> Collection[bytes]:
        """The exact targets of requests that may be answered at once."""
        ...

    @property
    def most_direct_bytes(self) -> int:
        """Largest body of such a request."""
        ...

    def may_ask(self, scope: Scope) -> bool:
        """Whether a request with such a head is answered at all; of any other nothing of the body may be kept."""
        ...

    def at_once(self, scope: Scope, body: bytes, started: float) -> PromptAnswer | None:
        """Answer a whole request; None, and nothing has happened, where it has to go the general way.

        Args:
            scope: Method, path and headers of the request, as in ASGI.
            body: All of it.
            started: When its head was here, by `time.perf_counter`.
        """
        ...
