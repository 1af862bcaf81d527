"""Who may change and read the log, and what `/metrics` says about it."""

import json

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import ADMIN_TOKEN, client_of_server, push_release
from titlebout.core.inference_log.log_lines import read_segment

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}
SEGMENTS = "/admin/log/segments"


@pytest.fixture
def client(tmp_path):
    with client_of_server(tmp_path) as client:
        push_release(client, demand_bundle())
        yield client


def switch_on(client: httpx.Client, **policy) -> None:
    answer = client.put("/admin/log", json={"enabled": True, **policy}, headers=ADMIN)
    assert (answer.status_code, answer.json()) == (200, {"enabled": True})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/admin/log"),
        ("POST", SEGMENTS),
        ("GET", f"{SEGMENTS}/0123456789abcdef-00000001"),
        ("DELETE", f"{SEGMENTS}/0123456789abcdef-00000001"),
    ],
)
def test_strangers_learn_nothing(client, method, path):
    for headers in ({}, {"authorization": "Bearer x"}):
        assert client.request(method, path, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"enabled": True, "default": "hash"}, "needs a key"),
        ({"enabled": True, "colums": {}}, "colums"),
        ({"enabled": True, "sample_rate": 2}, "sample_rate"),
        ([], "body"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(client, policy, message):
    answer = client.put("/admin/log", content=json.dumps(policy), headers=ADMIN)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_segments_are_listed_fetched_and_deleted(client):
    switch_on(client)
    client.post("/predict", json={"rows": [ROW]}, headers={"x-request-id": "order 17"})
    [segment] = client.post(SEGMENTS, headers=ADMIN).json()["segments"]
    path = f"{SEGMENTS}/{segment['name']}"
    content = client.get(path, headers=ADMIN).content
    assert len(content) == segment["size_bytes"]
    assert [request.request_id for request in read_segment(content, "here")[1]] == ["order 17"]
    assert client.delete(f"{path}?sha256=0", headers=ADMIN).status_code == 409
    for _ in range(2):
        assert client.delete(f"{path}?sha256={segment['sha256']}", headers=ADMIN).status_code == 200
    assert client.get(path, headers=ADMIN).status_code == 404
    assert client.post(SEGMENTS, headers=ADMIN).json() == {"segments": []}


@pytest.mark.parametrize("name", ["..%2fpolicy", "policy.json", "0123456789abcdef-00000001.open"])
def test_nothing_but_a_segment_can_be_fetched_or_deleted(client, name):
    switch_on(client)
    for method in ("GET", "DELETE"):
        assert client.request(method, f"{SEGMENTS}/{name}", headers=ADMIN).status_code == 404


def test_metrics_say_how_the_log_is_doing(client):
    switch_on(client, max_waiting_bytes=1)
    client.post("/predict", json={"rows": [ROW] * 3})
    client.post(SEGMENTS, headers=ADMIN)
    client.post("/predict", json={"rows": [ROW] * 2})
    client.post(SEGMENTS, headers=ADMIN)
    samples = {
        (sample.name, sample.labels.get("reason")): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if "log" in sample.name
    }
    assert samples["titlebout_log_rows_total", None] == 3
    assert samples["titlebout_log_dropped_rows_total", "disk_full"] == 2
    assert samples["titlebout_log_dropped_rows_total", "queue_full"] == 0
    assert samples["titlebout_log_queued_rows", None] == 0
    assert samples["titlebout_log_waiting_segments", None] == 1
    assert samples["titlebout_log_waiting_bytes", None] > 0
