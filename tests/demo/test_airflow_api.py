"""The client of Airflow's REST API: what it sends, and what it makes of refusals."""

import json

import httpx
import pytest

from titlebout.demo.airflow_api import AirflowApi
from titlebout.demo.failure import DemoError


def api(answer) -> tuple[AirflowApi, list[httpx.Request]]:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer(request) if callable(answer) else answer

    return AirflowApi("http://airflow", httpx.MockTransport(handle)), sent


def down(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_the_token_goes_with_every_later_request():
    client, sent = api(lambda request: httpx.Response(200, json={"access_token": "secret", "dags": []}))
    client.log_in()
    client.dag_ids()
    assert "Authorization" not in sent[0].headers
    assert sent[1].headers["Authorization"] == "Bearer secret"


def test_an_airflow_that_does_not_answer_yet_has_no_health():
    assert api(down)[0].health() is None
    assert api(httpx.Response(503))[0].health() is None
    assert api(httpx.Response(200, json={"scheduler": {}}))[0].health() == {"scheduler": {}}


def test_an_airflow_that_stops_answering_is_an_error():
    with pytest.raises(DemoError, match=r"http://airflow does not answer GET /api/v2/dags"):
        api(down)[0].dag_ids()


def test_a_refusal_is_an_error_with_airflows_own_words():
    client, _ = api(httpx.Response(409, json={"detail": "There is already a running backfill"}))
    with pytest.raises(DemoError, match=r"409 .*already a running backfill"):
        client.backfill("demand_nightly", "2024-07-01", "2024-07-14", max_active_runs=4)


def test_a_pool_that_exists_is_left_as_it_is():
    api(httpx.Response(409, json={"detail": "exists"}))[0].ensure_pool("training", 1, "")
    with pytest.raises(DemoError):
        api(httpx.Response(403, json={}))[0].ensure_pool("training", 1, "")


def test_a_backfill_that_airflow_has_closed_already_is_closed():
    api(httpx.Response(409, json={"detail": "Backfill is already completed."}))[0].close_backfill(1)


def test_a_backfill_names_both_ends_at_midnight():
    client, sent = api(httpx.Response(200, json={"id": 3}))
    assert client.backfill("demand_nightly", "2024-07-01", "2024-07-14", max_active_runs=4) == 3
    body = json.loads(sent[0].content)
    assert (body["from_date"], body["to_date"]) == ("2024-07-01T00:00:00Z", "2024-07-14T00:00:00Z")


def test_a_run_by_hand_carries_its_partition_and_no_logical_date():
    client, sent = api(httpx.Response(200, json={"dag_run_id": "live"}))
    assert client.trigger("demand_nightly", run_id="live", partition="2024-07-15", conf={"reason": "demo"}) == "live"
    body = json.loads(sent[0].content)
    assert body == {
        "dag_run_id": "live",
        "logical_date": None,
        "partition_key": "2024-07-15",
        "conf": {"reason": "demo"},
    }
