"""How long a server waits for its callers: each connection holds one of few places, whether or not it may ask anything.

uvicorn waits without end for whoever never ends the head of a request, goes on sending behind an answer, or never reads
one; and it queues whatever is asked meanwhile.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 30.0
"""So long a caller may take for the head of a request, and for what it sends behind an answer."""
MOST_HEAD_BYTES = 2**16
"""Of a head, or of the trailers of a body: httptools would keep any number of them."""
READ_SECONDS = 30.0
MOST_QUEUED = 100
"""Requests that wait for the answer to the one before them: a queued one takes a hundred times what it took to send."""
LEAST_READ_BYTES = 2**16
"""Of an answer that is too large for the buffers on its way a caller has to take so much in so long, or its end."""


class PatientConnection(HttpToolsProtocol):
    """One connection, held for as long as its caller takes part."""

    _head_bytes = 0
    """What has come since a head was whole, or a piece of a body."""
    _awaited: asyncio.TimerHandle | None = None
    """Set while the rest of a head, or of an answered request, is on its way."""
    _reading: asyncio.TimerHandle | None = None
    """Set while the caller has to read on, or to read the end of the last answer."""
    _rests_since: float | None = None
    """By the loop's clock; None: a request is on its way, or uvicorn looks after the end of the connection."""
    _look_again: asyncio.TimerHandle | None = None
    """Set while somebody will look whether the connection has rested for too long."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request as uvicorn waits for the next one, only longer."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, which calls the methods below."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        for each in (self._awaited, self._reading, self._look_again):
            if each is not None:
                each.cancel()
        self._unset_keepalive_if_required()  # uvicorn would leave it for who is cut off
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Leave the request to uvicorn, which would queue any number of them."""
        self._end_wait()
        if len(self.pipeline) >= MOST_QUEUED:
            self.transport.abort()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; who has the answer already gets some time for the rest."""
        self._head_bytes = 0
        super().on_body(body)
        if self._awaited is None and self.cycle.response_complete:
            self._awaited = self.loop.call_later(HEAD_SECONDS, self._close)

    def on_response_complete(self) -> None:
        """Look after the end of a connection whose last answer this was."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._await_end()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and end the connection."""
        super().send_400_response(msg)
        self._await_end()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that rests."""
        super().timeout_keep_alive_handler()
        self._await_end()

    def pause_writing(self) -> None:
        """Look after a while whether the caller reads at all."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """Know that it does."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self.transport.is_closing():
            self._await_end()

    def _close(self) -> None:
        self.transport.close()
        self._await_end()

    def _await_end(self) -> None:
        """Wait no longer for a reader than else: a transport is not closed before its last byte is read."""
        if self._reading is None:
            self._await_reader()

    def _await_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READ_SECONDS, self._look_at_reader, unread)

    def _look_at_reader(self, before: int) -> None:
        if self.transport.get_write_buffer_size() > before - LEAST_READ_BYTES:
            self.transport.abort()
        else:
            self._await_reader()

    def _await_head(self) -> None:
        """Give whoever is in the middle of a head some time and room for the rest."""
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head or the trailers are too long; {MOST_HEAD_BYTES} bytes are read.")
        elif self._awaited is None:
            self._awaited = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Close a connection whose head does not end, unless an answer is still on its way there."""
        self._awaited = None
        if self._head_bytes and (self.cycle is None or self.cycle.response_complete):
            self._close()

    def _end_wait(self) -> None:
        """Know that a head is whole."""
        self._head_bytes = 0
        if self._awaited is not None:
            self._awaited.cancel()
            self._awaited = None

    def _rest(self) -> None:
        """Close it once nobody asks for a while. A timer for each answer would cost more than writing it."""
        self._rests_since = self.loop.time()
        if self._look_again is None:
            self._look_again = self.loop.call_later(self.timeout_keep_alive, self._look)

    def _look(self) -> None:
        self._look_again = None
        if self._rests_since is None:
            return
        left = self._rests_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again = self.loop.call_later(left, self._look)
        else:
            self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """Know that the connection does not rest any more."""
        self._rests_since = None
        super()._unset_keepalive_if_required()
