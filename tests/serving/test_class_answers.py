"""What a server says of a model of several classes, in every protocol."""

import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from fakes.bundles import ROW, demand_bundle, load_bundle, scores_of
from fakes.live_server import ADMIN_TOKEN, client_of_server
from fakes.load_days import CLASSES
from titlebout.core.predictor import Predictor
from titlebout.core.wire import ADMIN_RELEASE_PATH, ReleasePush
from titlebout.serving.class_answers import predicted_classes, surest, told

BUNDLE = load_bundle()
PREDICTOR = Predictor.load(BUNDLE.booster, BUNDLE.plan)
ROWS = [{**ROW, "hour": hour, "temperature": 5.0 + hour} for hour in range(0, 24, 4)]
SCORES = PREDICTOR.predict_rows(ROWS)
LIKELIEST = [CLASSES[place] for place in SCORES.argmax(axis=1)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path_factory.mktemp("state")) as client:
        push = ReleasePush.of(BUNDLE, token=1).model_dump(mode="json")
        answer = client.put(ADMIN_RELEASE_PATH, json=push, headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
        assert answer.status_code == 200, answer.text
        yield client


def predicted(client, **more):
    answer = client.post("/predict", json={"rows": ROWS, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_answer_has_the_most_likely_class_and_the_probabilities_of_all(client):
    answer = predicted(client)
    assert answer["predictions"] == LIKELIEST
    assert answer["classes"] == list(CLASSES)
    np.testing.assert_allclose(answer["probabilities"], SCORES, atol=1e-6)
    assert len(set(LIKELIEST)) > 1


def test_one_row_is_answered_as_many_are(client):
    for row, wanted in zip(ROWS, SCORES, strict=True):
        answer = client.post("/predict", json={"rows": [row]}).json()
        np.testing.assert_allclose(answer["probabilities"], [wanted], atol=1e-6)


def test_the_most_likely_class_is_what_is_explained(client):
    for row, place, told_of in zip(
        ROWS, SCORES.argmax(axis=1), predicted(client, explain=1)["explanations"], strict=True
    ):
        margin = told_of["base"] + sum(told_of["features"].values()) + told_of["others"]
        assert margin == pytest.approx(PREDICTOR.contributions([row], of=np.array([place])).sum(), abs=1e-5)
        others = [PREDICTOR.contributions([row], of=np.array([each])).sum() for each in range(3)]
        assert margin == pytest.approx(max(others), abs=1e-5)


def test_the_description_knows_the_classes(client):
    answer = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    assert {"predictions", "classes", "probabilities"} <= {*schema["required"]}
    assert schema["properties"]["predictions"]["items"] == {"enum": list(CLASSES)}
    assert schema["properties"]["probabilities"]["items"]["maxItems"] == 3


def test_an_answer_fits_its_description(client):
    jsonschema = pytest.importorskip("jsonschema")
    document = client.get("/openapi.json").json()
    schema = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(predicted(client, explain=2), {**schema, "components": document["components"]})


def test_the_open_inference_protocol_gets_a_matrix_and_the_names_of_its_columns(client):
    (output,) = client.get("/v2/models/demand").json()["outputs"]
    assert output["shape"] == [-1, 3]
    assert json.loads(output["parameters"]["classes"]) == list(CLASSES)
    tensors = [
        {"name": name, "datatype": kind, "shape": [len(ROWS)], "data": [row[name] for row in ROWS]}
        for name, kind in (("hour", "INT64"), ("temperature", "FP64"), ("weather", "BYTES"))
    ]
    (output,) = client.post("/v2/models/demand/infer", json={"inputs": tensors}).json()["outputs"]
    assert output["shape"] == [len(ROWS), 3]
    np.testing.assert_allclose(np.reshape(output["data"], (-1, 3)), SCORES, atol=1e-6)
    raw = {"inputs": tensors, "outputs": [{"name": "predictions", "parameters": {"binary_data": True}}]}
    answer = client.post("/v2/models/demand/infer", json=raw)
    head = int(answer.headers["inference-header-content-length"])
    found = np.frombuffer(answer.content[head:], "<f8").reshape(
        json.loads(answer.content[:head])["outputs"][0]["shape"]
    )
    np.testing.assert_allclose(found, SCORES, atol=1e-6)


def test_mlflow_gets_a_list_for_each_row(client):
    found = client.post("/invocations", json={"dataframe_records": ROWS}).json()
    np.testing.assert_allclose(found["predictions"], SCORES, atol=1e-6)


def test_metrics_count_classes_and_how_likely_they_were(client):
    before = samples(client)
    predicted(client)
    after = samples(client)
    for name in CLASSES:
        counted = "titlebout_predicted_class_total", f'class="{name}"'
        assert after.get(counted, 0) - before.get(counted, 0) == LIKELIEST.count(name)
    total = float(SCORES.max(axis=1).sum())
    assert after["titlebout_score_sum"] - before["titlebout_score_sum"] == pytest.approx(total, abs=1e-4)


def samples(client):
    """Return classes and sum of scores from the metrics."""
    found = {"titlebout_score_sum": 0.0}
    for line in client.get("/metrics").text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("titlebout_predicted_class_total{"):
            found["titlebout_predicted_class_total", name.rpartition(",")[2].rstrip("}")] = int(value)
        elif name.startswith("titlebout_score_sum{"):
            found["titlebout_score_sum"] += float(value)
    return found


def test_other_models_answer_as_before():
    bundle = demand_bundle()
    plan = Predictor.load(bundle.booster, bundle.plan).plan
    scores = np.array(scores_of(bundle, ROW))
    assert told(plan, scores) == {"predictions": scores.tolist()}
    assert surest(scores) is scores
    assert not [*predicted_classes(plan, scores)]


def test_flags_and_numbers_stay_what_they_are():
    plan = PREDICTOR.plan.model_copy(update={"classes": (False, True)})
    answer = told(plan, np.array([[0.2, 0.8], [0.5, 0.5]]))
    assert json.dumps(answer["predictions"]) == "[true, false]"
    plan = PREDICTOR.plan.model_copy(update={"classes": (3, 1)})
    assert told(plan, np.array([[0.2, 0.8]]))["predictions"] == [1]
