import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.live_server import listening, proven_in_this_process
from titlebout.core.wire import ReleasePush
from titlebout.serving.application import create_app
from titlebout.serving.settings import ServingSettings

BUNDLE = demand_bundle()
ADMIN = {"authorization": "Bearer the admin token"}


@contextmanager
def client_of(state_dir: Path, **settings) -> Iterator[httpx.Client]:
    app = create_app(ServingSettings(model="demand", state_dir=state_dir, admin_token="the admin token", **settings))
    with (
        proven_in_this_process(),
        listening(app) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as client,
    ):
        yield client


def push(client: httpx.Client, **changes):
    document = ReleasePush.of(BUNDLE, token=3).model_dump(mode="json") | changes
    return client.put("/admin/release", json=document, headers=ADMIN)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Return a server with a release; tests of this module that share it only read."""
    with client_of(tmp_path_factory.mktemp("state"), max_rows=5, max_predict_bytes=10_000) as client:
        assert push(client).status_code == 200
        yield client


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[httpx.Client]:
    with client_of(tmp_path) as client:
        yield client


def predict(client: httpx.Client, body: str | bytes):
    return client.post("/predict", content=body)


def with_field(text: str) -> str:
    """Return a body whose temperature is this JSON text."""
    return f'{{"rows": [{{"hour": 8, "temperature": {text}, "weather": "rain"}}]}}'


# --- before and after a release -------------------------------------------------------------------


def test_a_server_without_a_release_lives_and_is_not_ready(empty):
    assert empty.get("/health/live").json()["model"] == "demand"
    for answer in (empty.get("/health/ready"), empty.get("/release"), predict(empty, json.dumps({"rows": [ROW]}))):
        assert answer.status_code == 503
        assert answer.json()["code"] == "not_ready"
        assert "deploy_model" in answer.json()["error"]


def test_a_server_with_a_release_is_ready(ready):
    assert ready.get("/health/ready").json() == {"status": "ready", "model": "demand", "version": BUNDLE.version}
    receipt = ready.get("/release").json()
    assert (receipt["model"], receipt["version"], receipt["token"]) == ("demand", BUNDLE.version, 3)
    assert receipt["since"].endswith("Z")


def test_an_answer_names_the_version_that_gave_it(ready):
    answer = predict(ready, json.dumps({"rows": [ROW, {**ROW, "hour": None}]}))
    assert answer.status_code == 200
    assert answer.json().keys() == {"model", "version", "predictions"}
    assert (answer.json()["model"], answer.json()["version"]) == ("demand", BUNDLE.version)
    assert answer.json()["predictions"] == pytest.approx(scores_of(BUNDLE, ROW, {**ROW, "hour": None}), abs=1e-6)


def test_a_large_batch_gets_the_same_answer(empty):
    push(empty)
    rows = [{**ROW, "hour": hour % 24} for hour in range(3000)]
    body = json.dumps({"rows": rows})
    assert len(body) > 64 * 1024
    assert predict(empty, body).json()["predictions"] == pytest.approx(scores_of(BUNDLE, *rows), abs=1e-6)


def test_the_front_page_says_what_to_send(ready, empty):
    page = ready.get("/").json()
    assert page["fields"] == {"hour": "integer", "temperature": "number", "weather": "text"}
    assert page["routes"]["/predict"] == "POST"
    assert empty.get("/").json()["release"] is None


# --- requests that are refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e39", "true", '"11.5"', "[]", "{}"]
)
def test_a_value_that_is_no_finite_number_is_refused_by_name(ready, text):
    answer = predict(ready, with_field(text))
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["row"]) == ("temperature", 0)


def test_an_integer_beyond_all_bounds_is_refused(ready):
    for text in ("9" * 400, "9" * 9000, "-" + "9" * 9000):
        answer = predict(ready, with_field(text))
        assert (answer.status_code, answer.json()["field"]) == (422, "temperature")
        assert "sys." not in answer.json()["error"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**ROW, "humidity": 1}, "humidity"),
        ({"hour": 8, "weather": "dry"}, "temperature"),
        ({}, "hour"),
        ({**ROW, "hour": 8.5}, "hour"),
        ({**ROW, "weather": 3}, "weather"),
    ],
)
def test_a_row_with_other_fields_is_refused_by_name(ready, row, field):
    answer = predict(ready, json.dumps({"rows": [ROW, row]}))
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["row"]) == (field, 1)
    assert field in answer.json()["error"]


def test_a_key_that_comes_twice_is_refused_by_name(ready):
    answer = predict(ready, '{"rows": [{"hour": 1, "hour": 2, "temperature": 1, "weather": "dry"}]}')
    assert answer.status_code == 400
    assert answer.json()["field"] == "hour"
    assert predict(ready, '{"rows": [], "rows": []}').json()["field"] == "rows"


@pytest.mark.parametrize(
    "body",
    [b"", b"rows", b"[", b'{"rows": [}', b"\xff\xfe", b'{"rows": "\xff"}', b"[" * 9000, b"'rows'"],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_is_refused(ready, body):
    answer = predict(ready, body)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


def test_a_compressed_body_is_refused_by_the_name_of_its_coding(ready):
    for coding, status in (("gzip", 415), ("br", 415), ("Identity", 200)):
        answer = ready.post("/predict", content=json.dumps({"rows": [ROW]}), headers={"content-encoding": coding})
        assert answer.status_code == status, answer.text
        assert status == 200 or coding in answer.json()["error"]


@pytest.mark.parametrize("document", [[], 1, None, "rows", {}, {"rows": [ROW], "x": 1}, {"row": [ROW]}])
def test_a_body_of_another_shape_is_refused(ready, document):
    answer = predict(ready, json.dumps(document))
    assert answer.status_code == 422
    assert answer.json()["field"] == "rows"


@pytest.mark.parametrize("rows", [[], None, {}, "x", NotImplemented])
def test_rows_have_to_be_a_list_of_something(ready, rows):
    answer = predict(ready, "{}" if rows is NotImplemented else json.dumps({"rows": rows}))
    assert answer.status_code == 422


def test_a_row_that_is_no_object_is_refused_with_its_position(ready):
    answer = predict(ready, json.dumps({"rows": [ROW, 3]}))
    assert (answer.status_code, answer.json()["row"]) == (422, 1)


def test_too_many_rows_are_refused(ready):
    assert predict(ready, json.dumps({"rows": [ROW] * 5})).status_code == 200
    assert predict(ready, json.dumps({"rows": [ROW] * 6})).status_code == 413


def test_too_large_a_body_is_refused_whether_announced_or_not(ready):
    def in_pieces() -> Iterator[bytes]:
        yield from [b" " * 4000] * 4

    for body in (b" " * 10_001, in_pieces()):
        assert ready.post("/predict", content=body).status_code == 413


def test_a_hostile_text_is_echoed_as_plain_ascii(ready):
    answer = predict(ready, r'{"rows": [{"\ud800<script>": 1}]}')
    assert answer.status_code == 422
    assert answer.content.isascii()


def test_an_unknown_path_or_method_is_answered_in_json(ready):
    assert ready.get("/nothing").status_code == 404
    assert ready.get("/predict").status_code == 405
    assert "see GET /" in ready.get("/nothing").json()["error"]


def test_a_fault_of_ours_shows_nothing_of_the_inside(ready, monkeypatch):
    def fail(*_args):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("titlebout.serving.questions.parse_json", fail)
    answer = predict(ready, "{}")
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed; its log has the reason"}


def test_a_score_that_is_no_number_is_our_fault_and_never_sent(ready, monkeypatch):
    monkeypatch.setattr(
        "titlebout.core.predictor.Predictor.predict_rows", lambda *_: __import__("numpy").array([float("nan")])
    )
    assert predict(ready, json.dumps({"rows": [ROW]})).status_code == 500


# --- pushes that are refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Bearer", "the admin token", "Basic the admin token", "Bearer ü"]
)
def test_who_lacks_the_admin_token_changes_nothing(empty, header):
    headers = {"authorization": header.encode("latin-1")} if header else {}
    document = ReleasePush.of(BUNDLE, token=3).model_dump(mode="json")
    assert empty.put("/admin/release", json=document, headers=headers).status_code == 401
    assert empty.get("/release").status_code == 503


def test_the_admin_token_is_asked_before_the_body_is_read(tmp_path):
    with client_of(tmp_path, max_release_bytes=10) as client:
        assert client.put("/admin/release", content=b" " * 100).status_code == 401
        assert client.put("/admin/release", content=b" " * 100, headers=ADMIN).status_code == 413


@pytest.mark.parametrize(
    "changes",
    [
        {"token": 0},
        {"token": "3"},
        {"version": "../../etc"},
        {"version": ""},
        {"version": ".hidden"},
        {"version": "a\n"},
        {"model": "../demand"},
        {"unknown": 1},
        {"files": None},
    ],
    ids=str,
)
def test_a_malformed_push_is_refused(empty, changes):
    answer = push(empty, **changes)
    assert answer.status_code == 400
    assert next(iter(changes)) in answer.json()["error"]


def test_a_file_that_changed_on_the_way_is_refused_before_it_is_parsed(empty, monkeypatch):
    monkeypatch.setattr("titlebout.serving.release_gate.prove_apart", lambda *_, **__: pytest.fail("it was parsed"))
    document = ReleasePush.of(BUNDLE, token=3).model_dump(mode="json")
    other = ReleasePush.of(replace(BUNDLE, booster=BUNDLE.booster[:-1]), token=3).model_dump(mode="json")
    document["files"]["booster.ubj"]["base64"] = other["files"]["booster.ubj"]["base64"]
    answer = empty.put("/admin/release", json=document, headers=ADMIN)
    assert answer.status_code == 422
    assert "booster.ubj" in answer.json()["error"]


def test_an_older_token_is_a_conflict(ready):
    answer = push(ready, token=2)
    assert answer.status_code == 409
    assert "older than 3" in answer.json()["error"]


# --- explanations ---------------------------------------------------------------------------------


def test_an_explanation_adds_up_to_the_prediction(ready):
    rows = [ROW, {**ROW, "hour": None}, {**ROW, "weather": "hail"}]
    for wish, named in ((True, 3), (1, 1), (2, 2)):
        answer = ready.post("/predict", json={"rows": rows, "explain": wish}).json()
        assert answer["predictions"] == pytest.approx(scores_of(BUNDLE, *rows), abs=1e-6)
        for prediction, found in zip(answer["predictions"], answer["explanations"], strict=True):
            assert len(found["features"]) == named
            parts = found["base"] + sum(found["features"].values()) + found["others"]
            assert parts == pytest.approx(prediction, abs=1e-4)


def test_the_largest_share_comes_first(ready):
    (found,) = ready.post("/predict", json={"rows": [ROW], "explain": True}).json()["explanations"]
    sizes = [abs(share) for share in found["features"].values()]
    assert sizes == sorted(sizes, reverse=True)
    assert found["others"] == 0
    assert set(found["features"]) == {"hour", "temperature", "weather"}


def test_nobody_who_did_not_ask_gets_an_explanation(ready):
    for wish in ({}, {"explain": False}, {"explain": None}):
        assert "explanations" not in ready.post("/predict", json={"rows": [ROW]} | wish).json()


@pytest.mark.parametrize("wish", [0, -1, 1001, 1.5, "3", [], {}])
def test_a_wish_for_an_explanation_that_is_none_is_refused(ready, wish):
    answer = ready.post("/predict", json={"rows": [ROW], "explain": wish})
    assert (answer.status_code, answer.json()["field"]) == (422, "explain")


def test_too_many_rows_are_not_explained(empty):
    push(empty)
    answer = empty.post("/predict", json={"rows": [ROW] * 101, "explain": True})
    assert (answer.status_code, answer.json()["field"]) == (413, "explain")
