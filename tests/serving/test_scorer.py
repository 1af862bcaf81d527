"""What every answer says besides the scores: the request's name, and which categories were scored as *other*."""

import json

import httpx
import pytest

from fakes.bundles import KINDS_ROW, ROW, demand_bundle, kinds_bundle
from fakes.live_server import client_of_server, push_release

HAIL = {**ROW, "weather": "hail"}
NOWHERE = {**ROW, "weather": None}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with client_of_server(tmp_path_factory.mktemp("state")) as client:
        push_release(client, demand_bundle())
        yield client


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    with client_of_server(tmp_path_factory.mktemp("kinds")) as client:
        push_release(client, kinds_bundle())
        yield client


def test_predict_names_the_categories_that_training_never_saw(client: httpx.Client):
    answer = client.post("/predict", json={"rows": [ROW, HAIL, NOWHERE, HAIL]}).json()
    assert answer["other"] == [{"row": 1, "field": "weather"}, {"row": 3, "field": "weather"}]
    assert len(answer["predictions"]) == 4


@pytest.mark.parametrize("rows", [[ROW], [NOWHERE]])
def test_an_answer_without_them_is_as_it_was(client, rows):
    assert client.post("/predict", json={"rows": rows}).json().keys() == {"model", "version", "predictions"}
    answer = client.post("/invocations", json={"dataframe_records": rows})
    assert answer.json().keys() == {"predictions"}
    assert "x-titlebout-other" not in answer.headers


@pytest.mark.parametrize(
    "spelt",
    [{"zone": 3.0}, {"grade": 0}, {"slot": "2024-01-01T23:00:00Z"}, {"slot": "2024-01-01 23:00"}, {"slot": None}],
    ids=str,
)
@pytest.mark.parametrize("count", [1, 3])
def test_a_category_is_known_however_it_is_spelt(kinds, spelt, count):
    rows = [{**KINDS_ROW, **spelt}] * count
    assert "other" not in kinds.post("/predict", json={"rows": rows}).json()


@pytest.mark.parametrize(
    "changes", [{"zone": 9}, {"grade": 0.5}, {"slot": "2024-01-02T00:00:00Z"}, {"on": "2024-02-01"}], ids=str
)
def test_a_category_of_any_type_is_named_where_training_never_saw_it(kinds, changes):
    rows = [KINDS_ROW, {**KINDS_ROW, **changes}]
    assert kinds.post("/predict", json={"rows": rows}).json()["other"] == [{"row": 1, "field": next(iter(changes))}]


def test_mlflow_s_clients_get_a_header_of_bounded_length(client):
    answer = client.post("/invocations", json={"dataframe_records": [ROW, HAIL]})
    assert answer.json().keys() == {"predictions"}
    assert json.loads(answer.headers["x-titlebout-other"]) == {"count": 1, "first": [{"row": 1, "field": "weather"}]}
    many = client.post("/invocations", json={"dataframe_records": [HAIL] * 500}).headers["x-titlebout-other"]
    assert json.loads(many)["count"] == 500
    assert len(many) < 2000


@pytest.mark.parametrize("is_binary", [False, True])
def test_clients_of_the_open_inference_protocol_get_a_parameter(client, is_binary):
    values = (("hour", "INT64", 3), ("temperature", "FP64", 2.0), ("weather", "BYTES", "hail"))
    inputs = [{"name": name, "shape": [1], "datatype": kind, "data": [value]} for name, kind, value in values]
    body = {"inputs": inputs, "parameters": {"binary_data_output": is_binary}}
    answer = client.post("/v2/models/demand/infer", json=body)
    length = int(answer.headers.get("inference-header-content-length", len(answer.content)))
    said = json.loads(answer.content[:length])
    assert json.loads(said["parameters"]["other"]) == [{"row": 0, "field": "weather"}]
    inputs[2]["data"] = ["rain"]
    assert "parameters" not in client.post("/v2/models/demand/infer", json={"inputs": inputs}).json()


@pytest.mark.parametrize("name", ["order 17", "a" * 128, "7f3b-\"'\\,;"])
def test_an_answer_bears_the_name_that_the_client_gave_its_request(client, name):
    for route, body in (("/predict", {"rows": [ROW]}), ("/invocations", {"instances": [ROW]})):
        assert client.post(route, json=body, headers={"x-request-id": name}).headers["x-request-id"] == name


@pytest.mark.parametrize("name", [b"", b"a" * 129, b"\xc3\xa9", b"tab\there"])
def test_other_names_are_replaced_by_one_of_the_server_s(client, name):
    answers = [client.post("/predict", json={"rows": [ROW]}, headers={b"x-request-id": name}) for _ in range(2)]
    found = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(found)) == 2
    instance = client.get("/health/live").json()["instance"]
    assert all(each.startswith(f"{instance}-") for each in found)


def test_a_large_request_has_a_name_too(client):
    body = json.dumps({"rows": [HAIL] * 3000})
    answer = client.post("/predict", content=body, headers={"x-request-id": "large"})
    assert answer.headers["x-request-id"] == "large"
    assert len(answer.json()["other"]) == 3000
