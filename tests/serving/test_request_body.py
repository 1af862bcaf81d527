import asyncio
import socket
import time
import tracemalloc
from contextlib import nullcontext
from pathlib import Path

import pytest

from fakes.bundles import demand_bundle
from fakes.live_server import client_of_server, listening, push_release
from titlebout.serving import predictions
from titlebout.serving.application import create_app
from titlebout.serving.body_budget import parsed_bytes
from titlebout.serving.mlflow_protocol import _csv_rows
from titlebout.serving.questions import Sent
from titlebout.serving.request_body import RefusedRequestError, parse_json
from titlebout.serving.scorer import Scorer
from titlebout.serving.settings import ServingSettings
from titlebout.serving.tensors import read_tensor


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


# A number of parts that makes some hundred kilobytes, so that what is the same for all bodies hardly counts.
PARTS = 30_000
BODIES = {
    "empty lists": (b'{"rows":[' + b"[]," * PARTS + b"[]]}", False),
    "empty objects": (b'{"rows":[' + b"{}," * PARTS + b"{}]}", False),
    "objects of one key": (b'{"rows":[' + b'{"a":1.5},' * PARTS + b"{}]}", False),
    "rows": (b'{"rows":[' + b'{"hour":8,"temperature":11.25,"weather":"rain-1"},' * (PARTS // 5) + b"{}]}", False),
    "short texts": (b'{"rows":[' + b'"ab",' * PARTS + b'"ab"]}', False),
    "numbers": (b'{"rows":[' + b"300," * PARTS + b"1]}", False),
    "fractions": (b'{"rows":[' + b"1.5," * PARTS + b"1]}", False),
    "nested": (b'{"rows":[' + b"[[[1]]]," * PARTS + b"1]}", False),
    "texts of a tensor": (b"\x02\x00\x00\x00ab" * PARTS, True),
    "flags of a tensor": (b"\x01" * 6 * PARTS, True),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_takes_no_more_memory_than_it_was_given(name: str):
    body, is_binary = BODIES[name]
    tracemalloc.start()
    try:
        found = read_tensor("BYTES" if "texts" in name else "BOOL", memoryview(body)) if is_binary else parse_json(body)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found
    assert taken + len(body) <= 1.1 * parsed_bytes(body, is_binary=is_binary)


def test_a_body_that_would_take_all_memory_is_refused_before_it_is_read(tmp_path: Path, monkeypatch):
    """Thirty-two megabytes of empty lists would take a gigabyte, which is all that a container has."""
    monkeypatch.setattr(predictions, "PLACE_BYTES", 2**23)
    monkeypatch.setattr("titlebout.serving.questions.parse_json", lambda body: pytest.fail("was read"))
    with client_of_server(tmp_path) as client:
        push_release(client, demand_bundle())
        refused = client.post("/predict", content=b'{"rows":[' + b"[]," * 2**19 + b"[]]}")
    assert refused.status_code == 413
    assert "32 MiB" in refused.json()["error"]


def test_bodies_that_take_much_are_read_one_after_the_other(tmp_path: Path):
    async def held_at_once(wanted: int) -> int:
        desk = predictions.Predictions(ServingSettings("demand", tmp_path, "x"), pytest.fail, Scorer([]), pytest.fail)
        holders = most = 0

        async def hold() -> None:
            nonlocal holders, most
            async with desk._places(wanted):
                holders += 1
                most = max(most, holders)
                for _ in range(10):
                    await asyncio.sleep(0)
                holders -= 1

        await asyncio.gather(*(hold() for _ in range(8)))
        return most

    assert [asyncio.run(held_at_once(wanted)) for wanted in (1, 2, 3, 4)] == [4, 2, 1, 1]


def test_lines_beyond_the_most_rows_are_counted_and_not_kept():
    body = b"a,b\n" + b",\n" * 200_000
    sent = Sent(body, {"type": "http", "headers": []}, None, 10, "invocations", "1")
    tracemalloc.start()
    try:
        with pytest.raises(RefusedRequestError, match="200000 rows are more than 10"):
            _csv_rows(sent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(body)
