"""The short way past ASGI gives the answers of the general way: the same bytes, counts, log and ends of connections."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import ADMIN_TOKEN, listening, proven_in_this_process, push_release, served_app
from fakes.still_loop import StillLoop
from titlebout.core.inference_log.log_lines import read_segment
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import LOG_POLICY_PATH, LOG_SEGMENTS_PATH
from titlebout.core.predictor import Predictor
from titlebout.serving import direct_protocol, patient_connection
from titlebout.serving.access import Guard
from titlebout.serving.direct_protocol import DirectProtocol
from titlebout.serving.prompt_answer import PromptAnswer
from titlebout.serving.protocol_choice import METHODS, http_protocol
from titlebout.serving.questions import JsonAnswer
from titlebout.serving.settings import ServingSettings
from titlebout.serving.shortcut import Shortcut

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}
INSTANCE = "000000000000000a"
TOKEN = "the-token-of-a-client"
ONE_ROW = json.dumps({"rows": [ROW]}).encode()
INFER = "/v2/models/demand/infer"
TENSORS = [
    {"name": "hour", "shape": [1], "datatype": "INT64", "data": [8]},
    {"name": "temperature", "shape": [1], "datatype": "FP64", "data": [11.5]},
    {"name": "weather", "shape": [1], "datatype": "BYTES", "data": ["rain"]},
]


def asked(
    body: bytes = ONE_ROW, path: str = "/predict", *headers: str, method: str = "POST", version: str = "1.1"
) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def rows(count: int) -> bytes:
    return json.dumps({"rows": [{**ROW, "hour": hour % 24} for hour in range(count)]}).encode()


LAST = asked(b"", "/health/live", method="GET")
CHUNKED = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
JSON = "Content-Type: application/json"

# Name to the pieces that are sent one after the other, and how many requests of them are answered on the short way.
DIRECT: dict[str, tuple[list[bytes], int]] = {
    "a row": ([asked()], 1),
    "rows": ([asked(rows(7))], 1),
    "tensors": ([asked(json.dumps({"id": "7", "inputs": TENSORS}).encode(), INFER)], 1),
    "records": ([asked(json.dumps({"dataframe_records": [ROW]}).encode(), "/invocations", JSON)], 1),
    "csv": ([asked(b"hour,temperature,weather\n8,11.5,rain\n", "/invocations", "Content-Type: text/csv")], 1),
    "unseen": ([asked(json.dumps({"rows": [{**ROW, "weather": "fog"}]}).encode())], 1),
    "unseen in a header": (
        [asked(json.dumps({"instances": [{**ROW, "weather": "fog\r\nx: 1"}]}).encode(), "/invocations", JSON)],
        1,
    ),
    "a request id": ([asked(ONE_ROW, "/predict", "X-Request-Id: 4711")], 1),
    "two request ids": ([asked(ONE_ROW, "/predict", "X-Request-Id: 1", "x-request-id: 2")], 1),
    "a bad request id": ([asked(ONE_ROW, "/predict", "X-Request-Id: a\tb")], 1),
    "a wrong field": ([asked(json.dumps({"rows": [{**ROW, "hour": "eight"}]}).encode())], 1),
    "no json": ([asked(b"{")], 1),
    "no body": ([asked(b"")], 1),
    "a wrong tensor": ([asked(b'{"inputs": [{}]}', INFER)], 1),
    "an unknown content type": ([asked(ONE_ROW, "/invocations", "Content-Type: text/html")], 1),
    "too many rows": ([asked(rows(51))], 1),
    "a chunked body": ([CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ONE_ROW), ONE_ROW)], 1),
    "a trailer": ([CHUNKED + b"%x\r\n%b\r\n0\r\nX-Request-Id: late\r\n\r\n" % (len(ONE_ROW), ONE_ROW)], 1),
    "the last one": ([asked(ONE_ROW, "/predict", "Connection: close")], 1),
    "http 1.0": ([asked(version="1.0")], 1),
    "http 1.0 that would stay": ([asked(ONE_ROW, "/predict", "Connection: keep-alive", version="1.0")], 1),
    "several at once": ([asked() + asked(rows(2)) + asked(b"{") + asked()], 4),
    "something behind the last one": ([asked(ONE_ROW, "/predict", "Connection: close") + asked()], 1),
    "a body behind its head": ([asked()[: -len(ONE_ROW)], ONE_ROW], 1),
    "a body in many pieces": ([asked()[:-30], ONE_ROW[-30:-10], ONE_ROW[-10:]], 1),
    "one after the other": ([asked(), asked(), asked()], 3),
    "a token that nobody asked for": ([asked(ONE_ROW, "/predict", "Authorization: Bearer nobody")], 1),
}
GENERAL: dict[str, tuple[list[bytes], int]] = {
    "get": ([asked(b"", method="GET")], 0),
    "head": ([asked(b"", method="HEAD")], 0),
    "put": ([asked(method="PUT")], 0),
    "a query": ([asked(path="/predict?x=1")], 0),
    "another spelling": ([asked(path="/%70redict")], 0),
    "another page": ([asked(path="/nowhere")], 0),
    "a named version": ([asked(b"{}", f"/v2/models/demand/versions/{demand_bundle().version}/infer")], 0),
    "a promise": ([asked(ONE_ROW, "/predict", "Expect: 100-continue")], 0),
    "an upgrade": ([asked(ONE_ROW, "/predict", "Connection: upgrade", "Upgrade: websocket")], 0),
    "a large body": ([asked(rows(50) + b" " * 70_000)], 0),
    "a body that is too large": ([asked(b" " * 120_000)], 0),
    "explanations": ([asked(json.dumps({"rows": [ROW], "explain": 1}).encode())], 0),
    "a wrong chunk": ([CHUNKED + b"not hex\r\n"], 0),
    "no http": ([b"hello\r\n\r\n"], 0),
    "mixed": ([asked() + asked(b"", "/version", method="GET") + asked()], 1),
    # What proxies and servers might cut into requests in two ways.
    "two lengths": ([asked(ONE_ROW, "/predict", "Content-Length: 5")], 0),
    "a length and chunks": ([asked(b"0\r\n\r\n" + asked(), "/predict", "Transfer-Encoding: chunked")], 0),
    "another transfer encoding": ([asked(ONE_ROW, "/predict", "Transfer-Encoding: xchunked")], 0),
    "a length with a sign": ([asked().replace(b"Content-Length: ", b"Content-Length: +")], 0),
    "a length in two parts": ([asked().replace(b"Content-Length: ", b"Content-Length: 1,")], 0),
    "a blank before a colon": ([asked(ONE_ROW, "/predict", "Transfer-Encoding : chunked")], 0),
    "a folded header": ([asked(ONE_ROW, "/predict", "X: a", " Transfer-Encoding: chunked")], 0),
    "a header without a colon": ([asked(ONE_ROW, "/predict", "Transfer-Encoding")], 0),
    "a null byte": ([asked(ONE_ROW, "/predict", "X: a\0b")], 0),
    "bare line feeds": ([asked().replace(b"\r\n", b"\n")], 0),
    "a bare carriage return": ([asked(ONE_ROW, "/predict", "X: a\rTransfer-Encoding: chunked")], 0),
    "a chunk with an odd end": ([CHUNKED + b"1\nx\n0\n\n"], 0),
    "a whole address": ([asked(path="http://x/predict")], 0),
    "dots": ([asked(path="/x/../predict")], 0),
}
ALL = DIRECT | GENERAL


@dataclass
class Side:
    """One of the two servers."""

    app: Guard
    url: str
    directly: list[int]

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", httpx.URL(self.url).port or 0


@contextmanager
def side(state_dir: Path, *, is_direct: bool, has_release: bool = True, **options: Any) -> Iterator[Side]:
    settings = ServingSettings(
        "demand",
        state_dir,
        ADMIN_TOKEN,
        max_rows=50,
        max_predict_bytes=100_000,
        instance=INSTANCE,
        body_timeout_seconds=60,
    )
    directly: list[int] = []
    with served_app(settings) as app, proven_in_this_process(), pytest.MonkeyPatch.context() as patch:
        at_once = app.at_once
        patch.setattr(app, "at_once", lambda *of: counted(directly, at_once(*of)))
        with listening(app, is_direct=is_direct, **options) as url:
            if has_release:
                with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                    push_release(client, demand_bundle())
            yield Side(app, url, directly)


def counted(directly: list[int], answer: object) -> object:
    if answer is not None:
        directly.append(1)
    return answer


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine take its time between two pieces of a body."""
    monkeypatch.setattr(direct_protocol, "PATIENCE_SECONDS", 60)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """Return a server with the short way and one without; tests ask both the same."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(side(tmp_path_factory.mktemp("direct"), is_direct=True)),
            stack.enter_context(side(tmp_path_factory.mktemp("general"), is_direct=False)),
        )


def talk(server: Side, pieces: list[bytes]) -> tuple[bytes, bool]:
    """Send pieces, and return what came, without what differs by itself, and whether the server ended it."""
    found = b""
    with socket.create_connection(server.address, timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.01)
        found += connection.recv(2**20)
        if b"connection: close" not in found:
            connection.sendall(LAST)  # its answer is the last one: nothing else is on its way then
        while b'"live"' not in found and (chunk := connection.recv(2**20)):
            found += chunk
    answers, is_over = found.partition(b'{"status":"live"')[0], b'"live"' not in found
    answers = re.sub(rb"date: [^\r]*\r\n", b"", answers)
    return re.sub(rb"(x-request-id: )0{15}a-\d+", rb"\1ours", answers), is_over


@pytest.mark.parametrize("name", ALL)
def test_both_ways_give_the_same_bytes(sides, name):
    pieces, expected = ALL[name]
    direct, general = sides
    before = len(direct.directly)
    answers = talk(direct, pieces)
    assert answers == talk(general, pieces)
    assert answers[0].startswith(b"HTTP/1.1 ")
    assert len(direct.directly) - before == expected
    assert not general.directly


def test_both_ways_count_and_log_the_same(tmp_path: Path):
    found = []
    for is_direct in (True, False):
        with side(tmp_path / str(is_direct), is_direct=is_direct) as server:
            with httpx.Client(base_url=server.url, headers=ADMIN, timeout=60, trust_env=False) as client:
                policy = LogPolicy(enabled=True).model_dump(mode="json")
                assert client.put(LOG_POLICY_PATH, json=policy).status_code == 200
                for name in ("a row", "rows", "tensors", "unseen", "no json", "several at once", "a wrong field"):
                    talk(server, ALL[name][0])
                segment = client.post(LOG_SEGMENTS_PATH).json()["segments"][0]
                content = client.get(f"{LOG_SEGMENTS_PATH}/{segment['name']}").content
                metrics = client.get("/metrics").text
            logged = [
                (each.number, each.request_id, each.role, each.route, each.rows, each.scores)
                for each in read_segment(content, "here")[1]
            ]
            counts = [line for line in metrics.splitlines() if re.match(r"titlebout_(?!request_seconds|log|rel)", line)]
            found.append((logged, counts))
    assert found[0] == found[1]
    assert len(found[0][0]) == 7


def test_a_server_without_a_release_says_so_both_ways(tmp_path: Path):
    answers = []
    for is_direct in (True, False):
        with side(tmp_path / str(is_direct), is_direct=is_direct, has_release=False) as server:
            answers.append(talk(server, [asked() + asked()]))
            assert bool(server.directly) is is_direct
    assert answers[0] == answers[1]
    assert answers[0][0].startswith(b"HTTP/1.1 503")
    assert answers[0][0].count(b"HTTP/1.1") == 1  # the answer ends the connection; the second question is not heard


def test_who_may_ask_is_decided_as_everywhere(tmp_path: Path):
    questions = [f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {ADMIN_TOKEN}", "X: y", "Authorization: no"]
    answers = []
    for is_direct in (True, False):
        with side(tmp_path / str(is_direct), is_direct=is_direct) as server:
            httpx.put(
                f"{server.url}/admin/tokens", json={"predict": [TOKEN]}, headers=ADMIN, timeout=60, trust_env=False
            )
            answers.append([talk(server, [asked(ONE_ROW, "/predict", each)]) for each in questions])
            assert len(server.directly) == (2 if is_direct else 0)
    assert answers[0] == answers[1]
    assert [answer[9:12] for answer, _ in answers[0]] == [b"200", b"200", b"401", b"401"]


def test_a_fault_of_ours_ends_both_ways_alike_and_is_logged_with_its_stack(tmp_path: Path, monkeypatch, caplog):
    def fails(self, rows):
        raise ZeroDivisionError

    answers, logged = [], []
    for is_direct in (True, False):
        with side(tmp_path / str(is_direct), is_direct=is_direct) as server, monkeypatch.context() as patch:
            patch.setattr(Predictor, "predict_rows", fails)
            caplog.clear()
            answers.append(talk(server, [asked() + asked()]))
            errors = [each for each in caplog.records if each.exc_info]
            logged.append([(each.name, each.message, each.exc_info[0]) for each in errors])
    assert answers[0] == answers[1]
    assert answers[0][0].startswith(b"HTTP/1.1 500")
    assert logged[0] == logged[1]
    assert logged[0][0][2] is ZeroDivisionError


def test_too_many_connections_are_turned_away_both_ways(tmp_path: Path):
    answers = []
    for is_direct in (True, False):
        with side(tmp_path / str(is_direct), is_direct=is_direct, limit_concurrency=2) as server:
            with socket.create_connection(server.address):
                answers.append(talk(server, [asked()]))
            assert not server.directly
    assert answers[0] == answers[1]
    assert b"Service Unavailable" in answers[0][0]


def test_a_body_that_does_not_come_is_waited_for_by_uvicorn(sides, monkeypatch: pytest.MonkeyPatch):
    direct, _ = sides
    waited: list[int] = []
    right = Shortcut.__call__

    async def general(self, scope, receive, send):
        waited.append(1)
        await right(self, scope, receive, send)

    monkeypatch.setattr(Shortcut, "__call__", general)
    monkeypatch.setattr(direct_protocol, "PATIENCE_SECONDS", 0.05)
    before = len(direct.directly)
    with socket.create_connection(direct.address, timeout=60) as connection:
        connection.sendall(asked()[:-10])
        deadline = time.monotonic() + 60
        while not waited and time.monotonic() < deadline:
            time.sleep(0.01)
        assert waited == [1]
        connection.sendall(asked()[-10:] + asked())
        found = b""
        while found.count(b"predictions") < 2:
            found += connection.recv(2**16)
    assert len(direct.directly) - before in {0, 1}  # the second one may come while the first is answered


def test_an_answer_never_ends_the_wait_for_the_next_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A question that takes longer than a connection may be idle, behind one that was answered at once."""
    right = Predictor.contributions

    def slowly(self, rows, of=None):
        time.sleep(1.5)
        return right(self, rows, of)

    monkeypatch.setattr(Predictor, "contributions", slowly)
    with side(tmp_path, is_direct=True, timeout_keep_alive=1) as server:
        question = json.dumps({"rows": [ROW], "explain": 1}).encode()
        found = b""
        with socket.create_connection(server.address, timeout=60) as connection:
            connection.sendall(asked() + asked(question, path="/predict?uvicorn"))
            while b"explanations" not in found and (chunk := connection.recv(2**16)):
                found += chunk
    assert found.count(b"predictions") == 2


class Wire(asyncio.Transport):
    """What a protocol writes to."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.written, self.is_over = b"", False

    def get_write_buffer_size(self) -> int:
        """Everything is read at once here."""
        return 0

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        self.is_over = True


class Open:
    """A door through which everybody goes."""

    direct_urls, most_direct_bytes = (b"/predict",), 1000

    def may_ask(self, scope: object) -> bool:
        return True

    def at_once(self, scope: object, body: bytes, started: float) -> None:
        raise AssertionError


class Answering(Open):
    """A door that answers everything."""

    def at_once(self, scope: object, body: bytes, started: float) -> PromptAnswer:
        return PromptAnswer(JsonAnswer({}))


def connected(app: Any = None, door: Any = None) -> tuple[DirectProtocol, Wire]:
    """Return a connection that was just made; call it in a running loop."""
    config = Config(app, http=direct_protocol.direct_protocol(door or Answering()), lifespan="off", log_config=None)
    config.load()
    connection, wire = config.http_protocol_class(config, ServerState(), {}), Wire()
    connection.connection_made(wire)
    return connection, wire


def test_a_connection_ends_once_nobody_asks_for_a_while():
    async def rests() -> None:
        connection, wire = connected()
        connection.loop = clock = StillLoop()
        for _ in range(5):
            connection.data_received(asked())
            clock.pass_by(connection.timeout_keep_alive - 1)
        assert len(clock.waiting) == 1  # one timer, however many answers
        for piece in (asked(), asked()[:30]):
            connection.data_received(piece)
        clock.pass_by(connection.timeout_keep_alive + 1)  # not while a request is on its way
        connection.data_received(asked()[30:])
        clock.pass_by(connection.timeout_keep_alive - 1)
        assert wire.written.count(b"HTTP/1.1 200") == 7
        assert not wire.is_over
        clock.pass_by(1)
        assert wire.is_over
        connection.connection_lost(None)
        assert not clock.waiting
        other, _ = connected()
        other.loop = clock
        other.data_received(asked())
        other.connection_lost(None)
        assert not clock.waiting

    asyncio.run(rests())


def test_nothing_is_heard_behind_the_last_request():
    class Refusing(Open):
        def at_once(self, scope: object, body: bytes, started: float) -> PromptAnswer:
            return PromptAnswer(JsonAnswer({}, headers={"connection": "close"}))

    async def both() -> bytes:
        connection, wire = connected(app=object(), door=Refusing())
        connection.data_received(asked() + asked(b" " * 5000))
        return wire.written

    assert asyncio.run(both()).count(b"HTTP/1.1") == 1


HALF = asked()[:30]


@pytest.mark.parametrize("heard", [b"", HALF, asked() + HALF])
def test_who_never_ends_a_head_does_not_keep_a_place(heard: bytes, monkeypatch: pytest.MonkeyPatch):
    """Each connection takes one of a few hundred places, whether or not its caller may ask anything."""
    monkeypatch.setattr(patient_connection, "HEAD_SECONDS", 0.01)

    async def waits() -> None:
        connection, wire = connected(app=object())
        for byte in heard:
            connection.data_received(bytes([byte]))
        while not wire.is_over:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(waits(), timeout=60))


def test_who_is_answered_slowly_is_not_taken_for_one_who_asks_slowly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patient_connection, "HEAD_SECONDS", 0.01)
    may_answer = asyncio.Event()

    async def app(scope, receive, send):
        await may_answer.wait()
        await JsonAnswer({})(scope, receive, send)

    async def waits() -> bytes:
        connection, wire = connected(app)
        for piece in (asked(b"", method="GET"), HALF):
            connection.data_received(piece)
        await asyncio.sleep(0.1)
        assert not wire.is_over
        may_answer.set()
        await asyncio.wait(connection.tasks)
        connection.data_received(asked()[30:])
        return wire.written

    assert asyncio.run(asyncio.wait_for(waits(), timeout=60)).count(b"200 OK") == 2


@pytest.mark.parametrize("begun", [HALF + b"\r\n", CHUNKED + b"3\r\nabc\r\n0\r\n", CHUNKED + b"3;"])
def test_a_head_without_end_is_not_kept(begun: bytes):
    """Neither are trailers, nor what may follow the size of a chunk: nobody is asked for a token before the end."""

    async def sends() -> tuple[bytes, int]:
        connection, wire = connected(app=object(), door=Open())
        connection.door.direct_urls = ()
        connection.app = unheard
        connection.data_received(begun)
        sent = 0
        while not wire.is_over and sent < 2**20:
            connection.data_received(b"x" * 1000 + (b"" if begun.endswith(b";") else b": 1\r\n"))
            sent += 1000
        return wire.written, sent

    async def unheard(scope, receive, send):
        await receive()

    answer, sent = asyncio.run(asyncio.wait_for(sends(), timeout=60))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"too long" in answer
    assert patient_connection.MOST_HEAD_BYTES < sent < 2 * patient_connection.MOST_HEAD_BYTES


@pytest.mark.parametrize("end", ["shutdown", "connection_lost", "patience"])
def test_a_request_that_is_half_here_is_never_forgotten(end, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(direct_protocol, "PATIENCE_SECONDS", 0.01)
    heard: list[str] = []

    async def app(scope, receive, send):
        heard.append((await receive())["type"])

    async def half() -> None:
        connection, wire = connected(app, Open())
        connection.data_received(asked()[:-10])
        assert not connection.tasks
        if end == "patience":
            await asyncio.sleep(0.05)
        elif end == "shutdown":
            connection.shutdown()
            assert not wire.is_over  # it waits for the answer
        else:
            connection.connection_lost(None)
        if connection.tasks:
            await asyncio.wait(connection.tasks, timeout=60)

    asyncio.run(half())
    assert heard == ["http.disconnect" if end == "connection_lost" else "http.request"]


def test_a_uvicorn_that_is_made_otherwise_serves_without_the_short_way(monkeypatch: pytest.MonkeyPatch, caplog):
    assert issubclass(http_protocol(Open()), DirectProtocol)
    monkeypatch.delattr(HttpToolsProtocol, "timeout_keep_alive_handler")
    assert http_protocol(Open()) == "auto"
    assert "timeout_keep_alive_handler" in caplog.text


def test_all_that_is_called_of_uvicorn_is_looked_for():
    sources = (Path(module.__file__).read_text(encoding="utf-8") for module in (direct_protocol, patient_connection))
    called = {name for source in sources for name in re.findall(r"super\(\)\.(\w+)\(", source)}
    assert called == set(METHODS)
