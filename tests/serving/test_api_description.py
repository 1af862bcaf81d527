"""The server's description of itself, read by a validator, by a schema checker and in a browser's eyes."""

import html
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import jsonschema
import pytest

from fakes.bundles import KINDS_ROW, ROW, demand_bundle, kinds_bundle
from fakes.live_server import ADMIN_TOKEN, client_of_server, push_release


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path_factory.mktemp("state"), max_rows=5) as client:
        for path in ("/openapi.json", "/docs"):
            assert client.get(path).status_code == 503
        push_release(client, demand_bundle())
        yield client


def test_the_document_is_valid_openapi(client):
    validator = pytest.importorskip("openapi_spec_validator", reason="comes with moto's server")
    validator.validate(client.get("/openapi.json").json())


def test_the_document_says_what_the_server_takes(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    row = schemas["Row"]
    jsonschema.validate(ROW, row)
    for wrong in ({**ROW, "colour": "red"}, {"hour": 8}, {**ROW, "temperature": "warm"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, row)
        assert client.post("/predict", json={"rows": [wrong]}).status_code == 422
    assert row["properties"]["weather"]["examples"] == ["dry", "rain", "snow"]
    assert schemas["Question"]["properties"]["rows"]["maxItems"] == 5


def test_the_example_is_answered_as_the_document_says(client):
    document = client.get("/openapi.json").json()
    (example,) = document["components"]["schemas"]["Question"]["examples"]
    answer = client.post("/predict", json=example)
    assert answer.status_code == 200
    responses = document["paths"]["/predict"]["post"]["responses"]
    jsonschema.validate(answer.json(), responses["200"]["content"]["application/json"]["schema"])
    refused = client.post("/predict", json={"rows": []}).json()
    jsonschema.validate(refused, responses["422"]["content"]["application/json"]["schema"])


def test_every_example_of_a_category_is_a_value_that_training_saw(tmp_path: Path):
    with client_of_server(tmp_path) as client:
        push_release(client, kinds_bundle())
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
        (whole,) = schemas["Question"]["examples"]
        tried = [{name: each} for name, field in schemas["Row"]["properties"].items() for each in field["examples"]]
        assert {name for row in tried for name in row} == {*KINDS_ROW}
        for changes in tried:
            row = {**whole["rows"][0], **changes}
            jsonschema.validate(row, schemas["Row"])
            answer = client.post("/predict", json={"rows": [row]})
            assert answer.status_code == 200, answer.text
            assert "other" not in answer.json(), changes
        assert "<td>0, 1, 2, 3, 4" in client.get("/docs").text


@pytest.mark.parametrize("wish", [True, False, None, 1, 2, 1000, 0, 1001, -1, 1.5, "2"])
def test_a_wish_to_explain_is_answered_as_the_document_says(client, wish):
    document = client.get("/openapi.json").json()
    question = {"rows": [ROW], "explain": wish}
    schema = document["components"]["schemas"]["Question"]["properties"]["explain"]
    answer = client.post("/predict", json=question)
    assert (answer.status_code == 200) is jsonschema.Draft202012Validator(schema).is_valid(wish)
    if answer.status_code == 200:
        responses = document["paths"]["/predict"]["post"]["responses"]
        jsonschema.validate(answer.json(), responses["200"]["content"]["application/json"]["schema"])


def test_the_page_names_every_field_and_loads_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for field in ROW:
        assert f"<code>{field}</code>" in page.text
    assert f"{client.base_url}".rstrip("/") + "/predict" in page.text
    assert not re.search(r"(src|href)=.?(https?:)?//", page.text)


def test_a_token_is_named_where_one_is_needed_and_nowhere_else(tmp_path, client):
    validator = pytest.importorskip("openapi_spec_validator", reason="comes with moto's server")
    with client_of_server(tmp_path) as closed:
        push_release(closed, demand_bundle())
        admin = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        assert closed.put("/admin/tokens", json={"predict": ["the-token-of-a-client"]}, headers=admin).is_success
        assert closed.get("/openapi.json").status_code == 401
        caller = {"authorization": "Bearer the-token-of-a-client"}
        document, page = closed.get("/openapi.json", headers=caller).json(), closed.get("/docs", headers=caller).text
    validator.validate(document)
    predict = document["paths"]["/predict"]["post"]
    (named,) = predict["security"][0]
    assert document["components"]["securitySchemes"][named]["scheme"] == "bearer"
    assert "401" in predict["responses"]
    assert "authorization: Bearer" in page
    unguarded = client.get("/openapi.json").json()
    assert "securitySchemes" not in unguarded["components"]
    assert "security" not in unguarded["paths"]["/predict"]["post"]
    assert "Bearer" not in client.get("/docs").text


def ran(call: str, folder: Path) -> list[str]:
    """Paste a call into a shell in which `curl` only says what it was given."""
    command = ["bash", "-c", f'curl() {{ printf "%s\\0" "$@"; }}\n{call}']
    told = subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True)
    return told.stdout.split("\0")[:-1]


def test_the_call_to_copy_runs_nothing_that_the_data_or_the_caller_says(tmp_path: Path):
    hostile = "it's; touch pwned; echo '"
    with client_of_server(tmp_path / "state") as client:
        push_release(client, demand_bundle(weather=hostile))
        sent = {"host": "x$(touch${IFS}pwned)"}
        page = html.unescape(client.get("/docs", headers=sent).text)
        *_, body = ran(re.search(r"<pre>(curl .*?)</pre>", page, re.DOTALL)[1], tmp_path)
        assert json.loads(body)["rows"][0]["weather"] == hostile
        ran(client.get("/", headers=sent).json()["predict"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_the_page_may_run_and_load_nothing(client):
    headers = client.get("/docs").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
