"""What a server does when it is asked for too much, too slowly, or for what takes long: on real sockets."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import client_of_server, push_release
from titlebout.core.predictor import Predictor
from titlebout.serving import predictions
from titlebout.serving.body_budget import BodyBudget
from titlebout.serving.request_body import RefusedRequestError, read_body

LARGE = json.dumps({"rows": [ROW] * 3000})


def slow_sender(url: httpx.URL, sent: bytes) -> socket.socket:
    """Begin a body in pieces and never end it."""
    client = socket.create_connection((url.host, url.port), timeout=60)
    client.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + sent)
    return client


def chunk(size: int) -> bytes:
    return b"%x\r\n" % size + b" " * size + b"\r\n"


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_slow_senders_keep_nobody_from_the_large_batches(tmp_path: Path):
    with client_of_server(tmp_path, body_timeout_seconds=60) as client:
        push_release(client, demand_bundle())
        slow = [slow_sender(client.base_url, chunk(100_000)) for _ in range(predictions.LARGE_BATCHES + 2)]
        try:
            answer = client.post("/predict", content=LARGE)
            assert answer.status_code == 200
        finally:
            for each in slow:
                each.close()


def test_the_bytes_of_all_large_bodies_are_bounded_and_small_ones_pass(tmp_path: Path, monkeypatch):
    budget = BodyBudget(300_000)
    monkeypatch.setattr(predictions, "BodyBudget", lambda total_bytes: budget)
    with client_of_server(tmp_path, body_timeout_seconds=60) as client:
        push_release(client, demand_bundle())
        holder = slow_sender(client.base_url, chunk(200_000))
        try:
            assert eventually(lambda: budget.free_bytes == 100_000)  # whoever comes later is turned away
            refused = client.post("/predict", content=LARGE)
            assert refused.status_code == 503
            assert refused.json()["code"] == "overloaded"
            assert refused.headers["retry-after"] == "1"
            assert client.post("/predict", content=json.dumps({"rows": [ROW]})).status_code == 200
        finally:
            holder.close()
        assert eventually(lambda: budget.free_bytes == 300_000)  # as soon as the server sees that it left
        assert client.post("/predict", content=LARGE).status_code == 200


def test_room_for_bodies_is_given_back_whatever_happens():
    budget = BodyBudget(100)
    with suppress(ZeroDivisionError), budget.share() as share:
        assert share.takes(60)
        assert not share.takes(41)
        assert share.takes(40)
        raise ZeroDivisionError
    assert budget.free_bytes == 100


@pytest.mark.parametrize(("pieces", "answer"), [(3, None), (70, 503)])
def test_who_sends_little_never_waits_for_those_who_send_much(pieces: int, answer: int | None):
    """However slowly it comes: all small bodies of all connections together take little."""
    waiting = [{"type": "http.request", "body": b" " * 1000, "more_body": left > 0} for left in reversed(range(pieces))]

    async def receive() -> dict[str, object]:
        return waiting.pop(0)

    async def body() -> bytes:
        with BodyBudget(0).share() as share:
            request = Request({"type": "http", "headers": []}, receive)
            return await read_body(request, max_bytes=10**6, timeout_seconds=60, share=share)

    if answer is None:
        assert len(asyncio.run(body())) == 1000 * pieces
    else:
        with pytest.raises(RefusedRequestError) as refused:
            asyncio.run(body())
        assert refused.value.status == answer


def test_an_explanation_never_holds_up_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    explaining, may_end = threading.Event(), threading.Event()
    right = Predictor.contributions

    def slowly(self, rows, of=None):
        explaining.set()
        assert may_end.wait(60)
        return right(self, rows, of)

    monkeypatch.setattr(Predictor, "contributions", slowly)
    found: list[int] = []
    with client_of_server(tmp_path) as client:
        push_release(client, demand_bundle())
        question = json.dumps({"rows": [ROW], "explain": True})

        def ask() -> None:
            found.append(
                httpx.post(f"{client.base_url}/predict", content=question, timeout=60, trust_env=False).status_code
            )

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            assert explaining.wait(60)
            assert client.post("/predict", content=json.dumps({"rows": [ROW]}), timeout=30).status_code == 200
        finally:
            may_end.set()
            thread.join(60)
    assert found == [200]


def test_a_small_body_in_many_pieces_is_answered(tmp_path: Path):
    body = json.dumps({"rows": [ROW]}).encode()
    with client_of_server(tmp_path) as client:
        push_release(client, demand_bundle())
        for content in (iter([body[:5], body[5:]]), iter([body[at : at + 1] for at in range(len(body))])):
            assert client.post("/predict", content=content).json()["version"] == demand_bundle().version
