"""What the server counts, read as Prometheus reads it."""

import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.bundles import ROW, demand_bundle, load_bundle, scores_of
from fakes.live_server import client_of_server, push_release
from fakes.load_days import CLASSES
from titlebout.core.quick_trees import QuickTrees
from titlebout.serving.measurements import Histogram

BUNDLE = demand_bundle()


@pytest.fixture
def client(tmp_path) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path) as client:
        yield client


def push(client: httpx.Client, version: str = BUNDLE.version, token: int = 3) -> None:
    push_release(client, demand_bundle(version), token=token)


def samples(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and the values of its labels without the model."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "model")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_answers_are_counted_by_route_and_status(client):
    client.get("/health/ready")
    push(client)
    client.get("/health/ready")
    client.get("/nowhere")
    client.post("/predict", content="no JSON")
    found = samples(client)
    assert found["titlebout_requests_total", "ready", "503"] == 1
    assert found["titlebout_requests_total", "ready", "200"] == 1
    assert found["titlebout_requests_total", "none", "404"] == 1
    assert found["titlebout_requests_total", "predict", "400"] == 1
    assert found["titlebout_request_seconds_count", "predict"] == 1
    assert found["titlebout_request_seconds_bucket", "predict", "+Inf"] == 1


def test_the_release_that_answers_is_named(client):
    assert not [key for key in samples(client) if key[0] == "titlebout_release_token"]
    push(client)
    assert samples(client)["titlebout_release_token", BUNDLE.version] == 3


def test_a_release_that_cannot_be_answered_quickly_says_so_and_is_answered_by_xgboost(client, monkeypatch, caplog):
    push(client)
    assert samples(client)["titlebout_release_is_quick", BUNDLE.version] == 1
    right = QuickTrees.scores_of_row
    monkeypatch.setattr(QuickTrees, "scores_of_row", lambda self, row: right(self, row) + 0.001)
    push(client, "2024-01-11-bbbbbbbbbbbb", token=4)
    assert samples(client)["titlebout_release_is_quick", "2024-01-11-bbbbbbbbbbbb"] == 0
    assert "rows score differently" in caplog.text
    answer = client.post("/predict", content=json.dumps({"rows": [ROW]})).json()
    assert answer["predictions"] == pytest.approx(scores_of(BUNDLE, ROW), abs=1e-6)


def test_scores_are_counted_per_version(client):
    push(client)
    rows = [{**ROW, "hour": hour % 24} for hour in range(30)]
    assert client.post("/predict", json={"rows": rows}).status_code == 200
    assert client.post("/predict", json={"rows": [ROW]}).status_code == 200
    push(client, "2024-01-11-bbbbbbbbbbbb", 4)
    client.post("/predict", json={"rows": [ROW]})
    found = samples(client)
    assert found["titlebout_score_count", BUNDLE.version, "champion"] == 31
    assert found["titlebout_score_count", "2024-01-11-bbbbbbbbbbbb", "champion"] == 1
    assert found["titlebout_score_sum", BUNDLE.version, "champion"] == pytest.approx(sum(scores_of(BUNDLE, *rows, ROW)))
    buckets = [value for key, value in found.items() if key[:2] == ("titlebout_score_bucket", BUNDLE.version)]
    assert buckets == sorted(buckets)
    assert len({*buckets}) > 3


def test_a_large_batch_is_counted_too(client):
    push(client)
    body = json.dumps({"rows": [{**ROW, "weather": "hail"}] * 3000})
    assert len(body) > 64 * 1024
    assert client.post("/predict", content=body).status_code == 200
    found = samples(client)
    assert found["titlebout_score_count", BUNDLE.version, "champion"] == 3000
    assert found["titlebout_unknown_categories_total", BUNDLE.version, "champion", "weather"] == 3000


def test_missing_values_and_unknown_categories_are_counted_by_field(client):
    push(client)
    client.post("/predict", json={"rows": [{**ROW, "hour": None}, {**ROW, "weather": "hail"}, ROW]})
    client.post("/predict", json={"rows": [{**ROW, "hour": None, "weather": None}]})
    found = samples(client)
    assert found["titlebout_missing_values_total", BUNDLE.version, "champion", "hour"] == 2
    assert found["titlebout_missing_values_total", BUNDLE.version, "champion", "weather"] == 1
    assert found["titlebout_unknown_categories_total", BUNDLE.version, "champion", "weather"] == 1


def test_what_was_refused_counts_no_score(client):
    push(client)
    client.post("/predict", json={"rows": [{**ROW, "colour": "red"}]})
    assert samples(client)["titlebout_score_count", BUNDLE.version, "champion"] == 0


def test_what_an_alert_watches_is_there_before_it_happens(client):
    """Prometheus sees no growth of a counter that appears with its first value: the first failure rang nowhere."""
    push(client)
    found = samples(client)
    for route in ("predict", "invocations", "infer"):
        assert found["titlebout_request_seconds_count", route] == 0
        for status in ("200", "422", "500", "503"):
            assert found["titlebout_requests_total", route, status] == 0
    champion = BUNDLE.version, "champion"
    for field in ROW:
        assert found["titlebout_missing_values_total", *champion, field] == 0
    assert found["titlebout_unknown_categories_total", *champion, "weather"] == 0
    assert ("titlebout_unknown_categories_total", *champion, "hour") not in found
    assert found["titlebout_rows_total", *champion] == 0


def test_classes_are_there_before_they_are_predicted(client):
    push_release(client, load_bundle())
    found = [key[-1] for key in samples(client) if key[0] == "titlebout_predicted_class_total"]
    assert sorted(found) == sorted(CLASSES)


def test_the_oldest_versions_give_way(client, monkeypatch):
    monkeypatch.setattr("titlebout.serving.measurements.MOST_VERSIONS", 2)
    versions = [f"2024-01-1{day}-aaaaaaaaaaaa" for day in range(4)]
    for token, version in enumerate(versions, start=1):
        push(client, version, token)
        client.post("/predict", json={"rows": [ROW]})
    kept = {key[1] for key in samples(client) if key[0] == "titlebout_score_count"}
    assert kept == {*versions[-2:]}


def test_a_histogram_counts_one_value_as_it_counts_many():
    values = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 9.0])
    one_by_one, at_once = Histogram((0.0, 1.0, 2.0)), Histogram((0.0, 1.0, 2.0))
    for value in values:
        one_by_one.add_all(np.array([value]))
    at_once.add_all(values)
    assert one_by_one.counts == at_once.counts == [2, 2, 2, 1]
    assert one_by_one.total == at_once.total
