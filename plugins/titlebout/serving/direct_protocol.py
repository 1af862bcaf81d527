"""Answers a prediction as soon as its last byte is parsed: a task and ASGI messages would cost more than scoring it.

uvicorn's own protocol reads and parses as always. Of what it parsed, a small POST to a path of predictions that is soon
here is answered by this module, with the code that answers everywhere; all else goes uvicorn's way, as if nobody had
looked.
"""

import asyncio
import time

from starlette.responses import Response
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from titlebout.serving.patient_connection import PatientConnection
from titlebout.serving.prompt_answer import Door

PATIENCE_SECONDS = 0.05
"""Many clients send a body behind its head, in a piece of its own: it comes at once or waits for something."""

_Headers = list[tuple[bytes, bytes]]
_CLOSE = (b"connection", b"close")


class DirectProtocol(PatientConnection):
    """One connection. A request is held back for a moment at most; then uvicorn waits for the rest of it."""

    door: Door
    _held: list[bytes] | None = None
    """Pieces of the body of a request that may be answered at once; None: uvicorn answers the request."""
    _held_bytes = 0
    _started = 0.0
    _patience: asyncio.TimerHandle | None = None
    _is_over = False
    """The connection's last answer was given: what has come behind it is ignored."""
    _defaults: tuple[_Headers, bytes, bool] = ([], b"", False)
    """Headers of all answers, the same as they are sent, and whether they say that the connection ends."""

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, which calls the methods below."""
        super().data_received(data)
        if self._held is not None and self._patience is None:
            self._patience = self.loop.call_later(PATIENCE_SECONDS, self._let_go)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave a request that is not whole to uvicorn, which counts it."""
        self._let_go()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Leave a request that is not whole to uvicorn, which waits for it."""
        self._let_go()
        super().shutdown()

    def on_headers_complete(self) -> None:
        """Hold a request back if it may be answered at once."""
        if self._is_over or self._may_be_direct():
            self._end_wait()
            self._started, self._held, self._held_bytes = time.perf_counter(), [], 0
        else:
            self._unset_keepalive_if_required()  # an answer to a request in the same piece may have set it
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._held is None:
            super().on_body(body)
            return
        self._head_bytes = 0
        self._held.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > self.door.most_direct_bytes and not self._is_over:
            self._let_go()

    def on_message_complete(self) -> None:
        """Answer what was held back."""
        held = self._held
        if held is None:
            super().on_message_complete()
        elif self._is_over or self._is_answered(held[0] if len(held) == 1 else b"".join(held)):
            self._forget()
        else:
            self._let_go()
            super().on_message_complete()

    def _may_be_direct(self) -> bool:
        """Whether nothing stands in the way that uvicorn would have to look after."""
        most = self.limit_concurrency
        return (
            self.url in self.door.direct_urls
            and (self.cycle is None or self.cycle.response_complete)
            and not (self.expect_100_continue or self.flow.write_paused or self.transport.is_closing())
            and self.parser.get_method() == b"POST"
            and not self.parser.should_upgrade()
            and (most is None or (len(self.connections) < most and len(self.tasks) < most))
            and self._may_ask()
        )

    def _may_ask(self) -> bool:
        scope: Scope = self.scope  # type: ignore[assignment]  # the same, in the words of another library
        scope["method"], scope["path"] = "POST", self.url.decode("ascii")  # as uvicorn would add it now
        return self.door.may_ask(scope)

    def _let_go(self) -> None:
        """Have uvicorn answer what was held back, if anything."""
        held = self._forget()
        if held is None or self._is_over:
            return
        self._unset_keepalive_if_required()
        super().on_headers_complete()
        for piece in held:
            super().on_body(piece)

    def _forget(self) -> list[bytes] | None:
        held, self._held = self._held, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        return held

    def _is_answered(self, body: bytes) -> bool:
        answer = self.door.at_once(self.scope, body, self._started)  # type: ignore[arg-type]  # as in `_may_ask`
        if answer is None:
            return False
        keeps_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self._is_over = not self._write(answer.response, keeps_alive=keeps_alive)
        if answer.fault is not None:
            self.logger.error("Exception in ASGI application\n", exc_info=answer.fault)
        if self._is_over:
            self._close()
        self.server_state.total_requests += 1
        self._rest()
        return True

    def _write(self, answer: Response, *, keeps_alive: bool) -> bool:
        """Send an answer and return whether the connection goes on."""
        if self._defaults[0] is not self.server_state.default_headers:  # uvicorn makes new ones each second
            self._defaults = _rendered(self.server_state.default_headers)
        _, defaults, is_last = self._defaults
        content = [STATUS_LINE[answer.status_code], defaults]
        for name, value in answer.raw_headers:
            content += (name, b": ", value, b"\r\n")
        is_last = is_last or _CLOSE in answer.raw_headers
        if not (keeps_alive or is_last):
            content.append(b"connection: close\r\n")
        content += (b"\r\n", bytes(answer.body))
        self.transport.write(b"".join(content))
        return keeps_alive and not is_last


def _rendered(headers: _Headers) -> tuple[_Headers, bytes, bool]:
    return headers, b"".join(b"%b: %b\r\n" % header for header in headers), _CLOSE in headers


def direct_protocol(door: Door) -> type[DirectProtocol]:
    """Return the class of the connections to a door."""

    class Connection(DirectProtocol):
        """A connection to this door."""

    Connection.door = door
    return Connection
