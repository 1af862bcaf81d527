"""Whatever is sent, the server answers: with a score or with what was wrong, never with a fault of its own."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import client_of_server, push_release
from titlebout.serving import predictions

ROUTES = ("/predict", "/invocations", "/v2/models/demand/infer")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path_factory.mktemp("state"), body_timeout_seconds=60) as client:
        push_release(client, demand_bundle())
        yield client


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = ["rows", "inputs", "instances", "dataframe_split", "columns", "data", "name", "shape", "datatype", "parameters"]
words = st.sampled_from([*KEYS, "binary_data_size", "outputs", "INT64", "BYTES", "hour", "temperature", "weather"])
documents = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)
bodies = st.binary(max_size=200) | documents.map(lambda document: json.dumps(document).encode())
headers = st.dictionaries(
    st.sampled_from(["content-type", "inference-header-content-length"]),
    st.sampled_from(["application/json", "text/csv", "x", "0", "7", "99999999999999999999"]),
)


@pytest.mark.parametrize("route", ROUTES)
@given(body=bodies, sent=headers)
@example(body=b'{"rows": ' + b"[" * 100_000, sent={})
@example(body=b'{"rows": [{"hour": 1e400, "temperature": NaN, "weather": "\\ud800"}]}', sent={})
@example(
    body=b'{"inputs": [{"name": "hour", "shape": [99999999999999999999], "datatype": "INT64", "data": []}]}', sent={}
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_body_is_answered(client, route, body, sent):
    answer = client.post(route, content=body, headers=sent)
    assert answer.status_code in {200, 400, 413, 415, 422}, answer.text
    assert "error" in answer.json() or answer.status_code == 200


def test_too_many_large_requests_at_once_are_sent_away(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "LARGE_WAITING", 2)
    entered, may_end = threading.Semaphore(0), threading.Event()

    def slowly(*_: object) -> None:
        entered.release()
        may_end.wait(60)

    with client_of_server(tmp_path) as client:
        push_release(client, demand_bundle())
        url = client.base_url
        large = json.dumps({"rows": [ROW] * 3000})
        found: list[int] = []
        with monkeypatch.context() as patched:
            patched.setattr("titlebout.serving.questions.parse_json", slowly)
            threads = [
                threading.Thread(
                    target=lambda: found.append(
                        httpx.post(f"{url}/predict", content=large, timeout=60, trust_env=False).status_code
                    )
                )
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            assert entered.acquire(timeout=60)
            assert entered.acquire(timeout=60)
            refused = client.post("/predict", content=large)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
            small = httpx.get(f"{url}/health/live", timeout=60, trust_env=False)
            assert small.status_code == 200
        may_end.set()
        for thread in threads:
            thread.join(60)
        # Those whose turn it was got an answer; afterwards there is room again.
        assert len(found) == 2
        assert client.post("/predict", content=large).status_code == 200
