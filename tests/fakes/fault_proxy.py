"""A proxy in front of an S3 server that spoils the next requests on command and passes on all others."""

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16
_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "proxy-connection"}


class Fault(Enum):
    """What happens to a request."""

    RESET = auto()
    """The connection is reset before the server sees the request."""
    HANG = auto()
    """Nothing is answered until the proxy closes; the server never sees the request."""
    TRUNCATE = auto()
    """Half of the answer's body arrives, then the connection ends."""
    RESET_IN_BODY = auto()
    """Half of the answer's body arrives, then the connection is reset."""
    HANG_IN_BODY = auto()
    """Half of the answer's body arrives, then nothing more."""
    LOSE_REPLY = auto()
    """The server does what it is asked to, and the connection is reset before its answer."""


@dataclass(frozen=True)
class Answer:
    """The server never sees the request; this is answered instead."""

    status: int
    code: str


SLOW_DOWN = Answer(503, "SlowDown")


@dataclass
class _Plan:
    method: str
    fault: Fault | Answer
    times: float
    text: str
    before: Callable[[], object] | None


@dataclass
class FaultProxy:
    """Spoils requests as planned; `requests` names all that came, as `METHOD path`."""

    upstream_url: str
    url: str = ""
    requests: list[str] = field(default_factory=list)
    spoilt: list[str] = field(default_factory=list)
    _plans: list[_Plan] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ends: threading.Event = field(default_factory=threading.Event)

    def spoil(
        self,
        method: str,
        fault: Fault | Answer,
        times: float = 1,
        *,
        text: str = "",
        before: Callable[[], object] | None = None,
    ) -> None:
        """Spoil the next requests of a method whose path and query contain a text, after calling `before`.

        Without a method: of every method.
        """
        with self._lock:
            self._plans.append(_Plan(method, fault, times, text, before))

    def heal(self) -> None:
        """Forget all plans and what came."""
        with self._lock:
            self._plans.clear()
            self.requests.clear()
            self.spoilt.clear()

    def count(self, method: str, text: str = "") -> int:
        """Return how many requests of a method came."""
        return sum(each.startswith(f"{method} ") and text in each for each in self.requests)

    def _fault_of(self, method: str, path: str) -> Fault | Answer | None:
        with self._lock:
            self.requests.append(f"{method} {path}")
            for plan in self._plans:
                if plan.times > 0 and plan.method in (method, "") and plan.text in path:
                    plan.times -= 1
                    self.spoilt.append(f"{method} {path}")
                    break
            else:
                return None
        if plan.before is not None:
            plan.before()
        return plan.fault


@contextmanager
def fault_proxy(upstream_url: str) -> Iterator[FaultProxy]:
    """Stand on a free port in front of a server."""
    proxy = FaultProxy(upstream_url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.handle_error = lambda *_: None  # clients that go away are what this is for
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        proxy._ends.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy._fault_of(self.command, self.path)
        if isinstance(fault, Answer):
            self._answer(fault)
        elif fault is Fault.RESET:
            self._reset()
        elif fault is Fault.HANG:
            self._hang()
        else:
            self._relay(body, fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on  # noqa: N815 (the base class looks for these names)

    def _relay(self, body: bytes, fault: Fault | None) -> None:
        upstream = http.client.HTTPConnection(urlsplit(self.proxy.upstream_url).netloc, timeout=60)
        with contextlib.closing(upstream):
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _OF_ONE_HOP:  # the others are signed, `Host` among them
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            if fault is Fault.LOSE_REPLY:
                answer.read()
                self._reset()
            else:
                self._forward(answer, fault)

    def _forward(self, answer: http.client.HTTPResponse, fault: Fault | None) -> None:
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OF_ONE_HOP]
        length = answer.getheader("Content-Length")
        content = answer.read() if length is None else None
        self.send_response_only(answer.status, answer.reason)
        for name, value in headers:
            self.send_header(name, value)
        if content is not None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        left = len(content) if content is not None else int(length)
        if fault is not None:
            left //= 2
        while left and (chunk := (content or answer.read(min(left, CHUNK_BYTES)))[:left]):
            self.wfile.write(chunk)
            left -= len(chunk)
        if fault is not None:
            self._break_off(fault)

    def _break_off(self, fault: Fault) -> None:
        self.close_connection = True
        if fault is Fault.RESET_IN_BODY:
            self._reset()
        elif fault is Fault.HANG_IN_BODY:
            self._hang()

    def _answer(self, answer: Answer) -> None:
        body = f"<Error><Code>{answer.code}</Code><Message>as planned</Message></Error>".encode()
        self.send_response_only(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        linger_for_no_time = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
        # The handler's own files hold the socket open; without them `close` sends the reset at once.
        self.rfile.close()
        self.connection.close()

    def _hang(self) -> None:
        self.close_connection = True
        self.proxy._ends.wait(60)

    def log_message(self, *args: object) -> None:
        pass
