import socket
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from fakes.live_server import listening
from titlebout.serving.application import create_app
from titlebout.serving.request_body import RefusedRequestError, parse_json
from titlebout.serving.settings import ServingSettings


def test_json_is_read_as_it_stands():
    assert parse_json(b'{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b'{"x": {"a": 1, "b": 2, "a": 3}}'])
def test_a_key_that_comes_twice_is_refused_at_any_depth(body: bytes):
    with pytest.raises(RefusedRequestError) as caught:
        parse_json(body)
    assert caught.value.status == 400
    assert caught.value.details == {"field": "a"}


def test_a_key_that_comes_twice_among_many_is_found_at_once():
    """Looking for the name must not cost the square of the keys: the event loop waits meanwhile."""
    keys = ",".join(f'"{number:06x}":1' for number in range(100_000))
    seconds = []
    for body in (f"{{{keys}}}", f'{{{keys},"01869f":1}}'):
        started = time.process_time()
        with nullcontext() if not seconds else pytest.raises(RefusedRequestError, match="'01869f' comes twice"):
            parse_json(body.encode())
        seconds.append(time.process_time() - started)
    assert seconds[1] < 100 * seconds[0]  # the square would be thousands of times as long


def first_answer(tmp_path: Path, request: bytes, **settings) -> bytes:
    """Send bytes, keep the connection open, and return what comes back first."""
    app = create_app(ServingSettings(model="demand", state_dir=tmp_path, admin_token="x", **settings))
    with listening(app) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as client:
            client.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\n" + request)
            return client.recv(10_000)


def test_a_client_that_sends_a_byte_and_falls_silent_is_turned_away(tmp_path: Path):
    answer = first_answer(tmp_path, b"content-length: 100\r\n\r\n{", body_timeout_seconds=0.3)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()


def test_a_length_of_thousands_of_digits_is_no_fault_of_the_server(tmp_path: Path):
    length = b"content-length: " + b"0" * 5000 + b"100\r\n\r\n{"
    assert first_answer(tmp_path, length, body_timeout_seconds=0.3).startswith(b"HTTP/1.1 408")


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(tmp_path: Path):
    answer = first_answer(tmp_path, b"content-length: 999999999999\r\n\r\n", body_timeout_seconds=5)
    assert answer.startswith(b"HTTP/1.1 413")
