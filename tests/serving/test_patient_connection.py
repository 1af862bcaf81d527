"""Callers who never end, whether they send or read: each would hold one of few places, without any token."""

import asyncio
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from fakes.live_server import client_of_server
from fakes.still_loop import StillLoop
from titlebout.serving import patient_connection
from titlebout.serving.patient_connection import LEAST_READ_BYTES, MOST_QUEUED, READ_SECONDS, PatientConnection

HEALTH = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
PATIENCE_SECONDS = 60


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patient_connection, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(patient_connection, "READ_SECONDS", 0.05)
    with client_of_server(tmp_path) as client:
        yield client.base_url.host, client.base_url.port


@pytest.mark.parametrize("pieces", [1, 1_000_000], ids=["once", "again and again"])
@pytest.mark.parametrize("head", [b"Content-Length: 9000000", b"Transfer-Encoding: chunked"], ids=["length", "chunks"])
def test_who_sends_on_behind_an_answer_does_not_keep_a_place(address, head: bytes, pieces: int):
    """uvicorn waits for the rest of a request that was answered before its body: without end."""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as caller:
        caller.sendall(HEALTH + head + b"\r\n\r\n")
        assert caller.recv(2**16).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + PATIENCE_SECONDS
        with suppress(ConnectionError):
            for _ in range(pieces):
                caller.sendall(b"1\r\nx\r\n")
                caller.settimeout(PATIENCE_SECONDS if pieces == 1 else 0.01)
                with suppress(TimeoutError if pieces > 1 else ZeroDivisionError):
                    assert caller.recv(1) == b""
                    break
                assert time.monotonic() < deadline


def test_who_asks_without_waiting_for_answers_is_not_listened_to_for_ever(address):
    """uvicorn would queue them all, and take a hundred times the memory of what was sent."""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as caller:
        caller.sendall((HEALTH + b"\r\n") * (MOST_QUEUED // 2))
        answered = b""
        while answered.count(b"HTTP/1.1 200") < MOST_QUEUED // 2:
            answered += caller.recv(2**16)
        answered = b""
        with suppress(ConnectionError):
            caller.sendall((HEALTH + b"\r\n") * 100 * MOST_QUEUED)
            while piece := caller.recv(2**16):
                answered += piece
    assert answered.count(b"HTTP/1.1 200") < 100 * MOST_QUEUED


class Buffer:
    """What waits in the server for a caller to read it."""

    def __init__(self, unread: int) -> None:
        self.unread, self.is_over, self.is_closed = unread, False, False

    def get_extra_info(self, name: str) -> Any:
        return None

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_over = True


def connected(buffer: Buffer) -> tuple[PatientConnection, StillLoop]:
    """Return a connection that was just made, and the loop in which its time passes."""
    config = Config(app=SimpleNamespace(), http=PatientConnection, lifespan="off", log_config=None)
    config.load()
    loop = StillLoop()
    connection = PatientConnection(config, ServerState(), {}, loop)
    connection.connection_made(buffer)
    return connection, loop


async def large(scope: Any, receive: Any, send: Any) -> None:
    """Answer with less than asyncio keeps for a caller without a word."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"60000")]})
    await send({"type": "http.response.body", "body": bytes(60000)})


@pytest.mark.parametrize("said", [b"", b"connection: close\r\n"], ids=["nothing", "the last one"])
def test_who_does_not_read_the_end_of_an_answer_does_not_keep_a_place(said: bytes, monkeypatch: pytest.MonkeyPatch):
    """A connection that is closed stays until the last byte is read: for ever, if nobody looks after it."""
    monkeypatch.setattr(patient_connection, "READ_SECONDS", 0.05)
    config = Config(app=large, http=PatientConnection, lifespan="off", log_config=None, timeout_keep_alive=0)
    config.load()
    state = ServerState()

    async def served(listener: socket.socket, caller: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: PatientConnection(config, state, {}, loop), sock=listener):
            caller.connect(listener.getsockname())
            caller.sendall(HEALTH + said + b"\r\n")
            while not state.total_requests or state.connections:
                await asyncio.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as caller:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asyncio.run(asyncio.wait_for(served(listener, caller), PATIENCE_SECONDS))


def test_nothing_is_kept_for_who_is_cut_off():
    connection, loop = connected(Buffer(0))
    assert loop.waiting
    connection.connection_lost(ConnectionResetError())
    assert not loop.waiting


def test_who_reads_slowly_is_waited_for_and_who_stops_is_not():
    buffer = Buffer(20 * LEAST_READ_BYTES)
    connection, loop = connected(buffer)
    loop.waiting.clear()
    for _ in range(3):
        connection.pause_writing()
        for _ in range(5):
            buffer.unread -= LEAST_READ_BYTES
            loop.pass_by(READ_SECONDS)
            assert not buffer.is_over
        connection.resume_writing()
        assert not loop.waiting
    connection.pause_writing()
    buffer.unread -= LEAST_READ_BYTES - 1
    loop.pass_by(READ_SECONDS)
    assert buffer.is_over


def test_the_end_of_a_last_answer_has_its_time_too():
    """Who reads so much that the server may write on has not read the end of it."""
    buffer = Buffer(2 * LEAST_READ_BYTES)
    connection, loop = connected(buffer)
    loop.waiting.clear()
    connection.pause_writing()
    buffer.unread, buffer.is_closed = 100, True
    connection.resume_writing()
    loop.pass_by(READ_SECONDS)
    assert buffer.is_over
