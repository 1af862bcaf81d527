"""The Open Inference Protocol V2, asked by an existing client and by hand."""

import json
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.live_server import client_of_server, push_release

BUNDLE = demand_bundle()
INFER = "/v2/models/demand/infer"
ROWS = [ROW, {"hour": 3, "temperature": None, "weather": "hail"}]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path_factory.mktemp("state"), max_rows=5) as client:
        push_release(client, BUNDLE)
        yield client


@pytest.fixture(scope="module")
def existing_client(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(urlsplit(str(client.base_url)).netloc) as found:
        yield found


def tensor(name: str, datatype: str, data: list[object], **changes: object) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data} | changes


def tensors(**changes: object) -> dict[str, object]:
    inputs = {
        "hour": tensor("hour", "INT64", [8, 3]),
        "temperature": tensor("temperature", "FP64", [11.5, None]),
        "weather": tensor("weather", "BYTES", ["rain", "hail"]),
    } | changes
    return {"inputs": [each for each in inputs.values() if each]}


def tensors_for(is_binary: bool) -> list[triton.InferInput]:
    arrays = {
        "hour": np.array([8, 3], np.int64),
        "temperature": np.array([11.5, np.nan]),
        "weather": np.array([b"rain", b"hail"], np.object_),
    }
    kinds = {"hour": "INT64", "temperature": "FP64", "weather": "BYTES"}
    found = []
    for name, values in arrays.items():
        each = triton.InferInput(name, [*values.shape], kinds[name])
        # JSON has no NaN: what is missing can only be sent as a binary tensor, or as null by hand.
        each.set_data_from_numpy(values, binary_data=is_binary or name == "temperature")
        found.append(each)
    return found


def test_an_existing_client_finds_the_server_alive_and_its_model_ready(existing_client):
    assert existing_client.is_server_live()
    assert existing_client.is_server_ready()
    assert existing_client.is_model_ready("demand")
    assert existing_client.is_model_ready("demand", BUNDLE.version)
    assert not existing_client.is_model_ready("other")
    assert not existing_client.is_model_ready("demand", "2023-01-01-bbbbbbbbbbbb")


def test_an_existing_client_reads_what_the_model_takes_and_gives(existing_client):
    assert existing_client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    found = existing_client.get_model_metadata("demand")
    assert (found["name"], found["versions"]) == ("demand", [BUNDLE.version])
    assert {each["name"]: each["datatype"] for each in found["inputs"]} == {
        "hour": "INT64",
        "temperature": "FP64",
        "weather": "BYTES",
    }
    assert found["outputs"] == [{"name": "predictions", "datatype": "FP64", "shape": [-1]}]


@pytest.mark.parametrize("is_binary_question", [False, True])
@pytest.mark.parametrize("is_binary_answer", [False, True])
def test_an_existing_client_gets_the_scores_of_the_model(existing_client, is_binary_question, is_binary_answer):
    wanted = [triton.InferRequestedOutput("predictions", binary_data=is_binary_answer)]
    answer = existing_client.infer("demand", tensors_for(is_binary_question), outputs=wanted, request_id="7")
    assert answer.get_response()["id"] == "7"
    assert answer.get_response()["model_version"] == BUNDLE.version
    assert answer.as_numpy("predictions") == pytest.approx(scores_of(BUNDLE, *ROWS), abs=1e-6)


def test_an_existing_client_that_names_no_output_gets_a_binary_tensor(existing_client):
    answer = existing_client.infer("demand", tensors_for(is_binary=True))
    assert answer.as_numpy("predictions") == pytest.approx(scores_of(BUNDLE, *ROWS), abs=1e-6)


def test_an_existing_client_reads_why_it_was_refused(existing_client):
    with pytest.raises(InferenceServerException, match="weather"):
        existing_client.infer("demand", tensors_for(is_binary=True)[:2])


def test_an_existing_client_that_compresses_is_told_not_to(existing_client):
    with pytest.raises(InferenceServerException, match="content-encoding 'gzip'; send the body as it is"):
        existing_client.infer("demand", tensors_for(is_binary=True), request_compression_algorithm="gzip")
    answer = existing_client.infer("demand", tensors_for(is_binary=True), response_compression_algorithm="gzip")
    assert answer.as_numpy("predictions") == pytest.approx(scores_of(BUNDLE, *ROWS), abs=1e-6)


def test_tensors_in_json_give_the_scores_of_the_model(client):
    answer = client.post(INFER, json=tensors())
    assert answer.status_code == 200
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("predictions", "FP64", [2])
    assert output["data"] == pytest.approx(scores_of(BUNDLE, *ROWS), abs=1e-6)


def test_column_vectors_and_whole_floats_are_taken(client):
    question = tensors(
        hour=tensor("hour", "FP32", [[8.0], [3.0]], shape=[2, 1]), temperature=tensor("temperature", "FP32", [11.5, 2])
    )
    answer = client.post(f"/v2/models/demand/versions/{BUNDLE.version}/infer", json=question)
    expected = scores_of(BUNDLE, ROW, {**ROWS[1], "temperature": 2.0})
    assert answer.json()["outputs"][0]["data"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"hour": None}, 422, "hour"),
        ({"extra": tensor("extra", "FP64", [1, 2])}, 422, "extra"),
        ({"hour": tensor("hour", "INT64", [8])}, 422, "temperature"),
        ({"hour": tensor("hour", "INT64", [8, 3], shape=[3])}, 400, "hour"),
        ({"hour": tensor("hour", "INT64", [8, 3], shape=[1, 2])}, 400, "hour"),
        ({"hour": tensor("hour", "INT64", [8, 3], shape=[-2])}, 400, "hour"),
        ({"hour": tensor("hour", "COMPLEX", [8, 3])}, 400, "hour"),
        ({"hour": tensor("hour", "FP64", [8.5, 3])}, 422, "hour"),
        ({"hour": tensor("hour", "INT64", [8, 3], parameters={"binary_data_size": 16})}, 400, "hour"),
        ({"again": tensor("weather", "BYTES", ["dry", "dry"])}, 400, "weather"),
        ({"temperature": tensor("temperature", "FP64", [11.5, 1e39])}, 422, "temperature"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_by_name(client, changes, status, named):
    answer = client.post(INFER, json=tensors(**changes))
    assert answer.status_code == status
    assert answer.json()["field"] == named


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": []},
        {"inputs": [{"name": "hour"}]},
        [],
        {**tensors(), "outputs": [{"name": "other"}]},
        {**tensors(), "priority": 1},
    ],
)
def test_what_is_no_inference_request_is_refused(client, body):
    answer = client.post(INFER, json=body)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_more_rows_than_the_limit_are_refused(client):
    many = [tensor("hour", "INT64", [1] * 6), tensor("temperature", "FP64", [1] * 6)]
    answer = client.post(INFER, json={"inputs": [*many, tensor("weather", "BYTES", ["dry"] * 6)]})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/demand/versions/x", "/v2/models/other/infer"])
def test_another_model_or_version_is_not_found(client, path):
    answer = client.post(path, json=tensors()) if path.endswith("infer") else client.get(path)
    assert answer.status_code == 404
    assert "demand" in answer.json()["error"] or BUNDLE.version in answer.json()["error"]


def binary_question(texts: bytes, *, announced: int | None = None, tail: bytes = b"") -> tuple[bytes, dict[str, str]]:
    weather = {"name": "weather", "datatype": "BYTES", "shape": [1]}
    weather["parameters"] = {"binary_data_size": len(texts) if announced is None else announced}
    inputs = [tensor("hour", "INT64", [8]), tensor("temperature", "FP64", [11.5]), weather]
    text = json.dumps({"inputs": inputs}).encode()
    return text + texts + tail, {"inference-header-content-length": str(len(text))}


def test_a_binary_text_is_read(client):
    body, headers = binary_question(struct.pack("<I", 4) + b"rain")
    answer = client.post(INFER, content=body, headers=headers)
    assert answer.json()["outputs"][0]["data"] == pytest.approx(scores_of(BUNDLE, ROW), abs=1e-6)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        binary_question(struct.pack("<I", 400) + b"rain"),
        binary_question(b"\x01"),
        binary_question(struct.pack("<I", 2) + b"\xff\xfe"),
        binary_question(struct.pack("<I", 4) + b"rain", announced=9000),
        binary_question(struct.pack("<I", 4) + b"rain", announced=-1),
        binary_question(struct.pack("<I", 4) + b"rain", tail=b"more"),
        (binary_question(b"")[0], {"inference-header-content-length": "99999"}),
        (binary_question(b"")[0], {"inference-header-content-length": "-5"}),
        (binary_question(b"")[0], {"inference-header-content-length": "9" * 5000}),
    ],
    ids=[
        "cut text",
        "cut length",
        "no UTF-8",
        "too long",
        "negative",
        "something behind",
        "long JSON",
        "no length",
        "thousands of digits",
    ],
)
def test_damaged_binary_tensors_are_refused(client, body, headers):
    assert client.post(INFER, content=body, headers=headers).status_code == 400
