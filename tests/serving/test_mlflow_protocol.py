"""`/invocations` in the forms that MLflow's own scoring server takes."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.live_server import client_of_server, push_release

if TYPE_CHECKING:
    import pandas

BUNDLE = demand_bundle()
ROWS = [ROW, {"hour": 3, "temperature": None, "weather": "hail"}]
CSV = {"content-type": "text/csv; charset=utf-8"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path_factory.mktemp("state"), max_rows=5) as client:
        push_release(client, BUNDLE)
        yield client


def frame() -> "pandas.DataFrame":
    import pandas as pd

    return pd.DataFrame({"hour": [8, 3], "temperature": [11.5, None], "weather": ["rain", "hail"]})


def split() -> dict[str, Any]:
    return json.loads(frame().to_json(orient="split"))


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": split()},
        {"dataframe_split": {key: value for key, value in split().items() if key != "index"}},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"inputs": ROWS},
        {"inputs": frame().astype(object).where(frame().notna(), None).to_dict(orient="list")},
        {"instances": {"hour": [[8], [3]], "temperature": [[11.5], [None]], "weather": [["rain"], ["hail"]]}},
        {"dataframe_records": ROWS, "params": {}},
    ],
    ids=["split", "no index", "records", "instances", "inputs", "columns", "column vectors", "no params"],
)
def test_each_form_gives_the_scores_of_the_model(client, body):
    answer = client.post("/invocations", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": pytest.approx(scores_of(BUNDLE, *ROWS), abs=1e-6)}


def test_csv_gives_the_scores_of_the_model(client):
    answer = client.post("/invocations", content=frame().to_csv(index=False), headers=CSV)
    assert answer.json() == {"predictions": pytest.approx(scores_of(BUNDLE, *ROWS), abs=1e-6)}


def frame_with_gaps() -> "pandas.DataFrame":
    """Return rows of which some values are missing: pandas makes floats of the hours, and NaN of what is not there."""
    import pandas as pd

    rows = [ROW, {"hour": None, "temperature": None, "weather": "rain"}, {**ROW, "weather": None}]
    return pd.DataFrame(rows)


def test_mlflows_own_client_sends_what_is_missing_as_pandas_says_it(client):
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    gaps = frame_with_gaps()
    wanted = scores_of(BUNDLE, ROW, {"hour": None, "temperature": None, "weather": "rain"}, {**ROW, "weather": None})
    asking = ScoringServerClient(client.base_url.host, client.base_url.port)
    asking.wait_server_ready()
    assert asking.invoke(gaps).get_predictions()[0].tolist() == pytest.approx(wanted, abs=1e-6)
    answer = client.post("/invocations", content=gaps.to_csv(index=False), headers=CSV)
    assert answer.json() == {"predictions": pytest.approx(wanted, abs=1e-6)}
    with pytest.raises(Exception, match="'temperature' of row 0 is inf"):
        asking.invoke(gaps.fillna({"temperature": float("inf")}).tail(2))


@pytest.mark.parametrize("form", ["dataframe_records", "instances", "inputs"])
def test_a_number_that_is_none_is_missing_in_each_form_and_never_at_predict(client, form):
    row = json.dumps(ROW | {"temperature": float("nan")})
    answer = client.post("/invocations", content=f'{{"{form}": [{row}]}}', headers={"content-type": "application/json"})
    assert answer.json() == {"predictions": pytest.approx(scores_of(BUNDLE, ROW | {"temperature": None}), abs=1e-6)}
    assert client.post("/predict", content=f'{{"rows": [{row}]}}').json()["field"] == "temperature"
    infinite = json.dumps({form: [ROW | {"temperature": float("-inf")}]})
    assert client.post("/invocations", content=infinite).json()["field"] == "temperature"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422),
        ({}, 422),
        ({"rows": ROWS}, 422),
        ({"instances": ROWS, "inputs": ROWS}, 422),
        ({"instances": []}, 422),
        ({"instances": [1.5, 2.5]}, 422),
        ({"instances": ROWS * 3}, 413),
        ({"inputs": {"hour": [8, 3], "temperature": [1.5]}}, 422),
        ({"inputs": {"hour": 8}}, 422),
        ({"inputs": {}}, 422),
        ({"dataframe_records": ROWS, "params": {"temperature": 1}}, 422),
        ({"dataframe_split": {"columns": ["hour"], "data": [[1, 2]]}}, 422),
        ({"dataframe_split": {"columns": ["hour", "hour"], "data": [[1, 2]]}}, 422),
        ({"dataframe_split": {"columns": [1], "data": [[1]]}}, 422),
        ({"dataframe_split": {"columns": ["hour"], "data": []}}, 422),
        ({"dataframe_split": {"columns": ["hour"], "data": [[1]] * 6}}, 413),
        ({"dataframe_split": [[1]]}, 422),
    ],
)
def test_what_is_in_none_of_the_forms_is_refused(client, body, status):
    answer = client.post("/invocations", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


def test_columns_that_the_model_does_not_know_or_lacks_are_named(client):
    for rows, field in (([{**ROW, "colour": 1}], "colour"), ([{"hour": 8, "weather": "dry"}], "temperature")):
        answer = client.post("/invocations", json={"dataframe_records": rows})
        assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 422),
        ("hour,temperature,weather\n", 422),
        ("hour,hour\n1,2\n", 422),
        ("hour,temperature,weather\n8,11.5\n", 422),
        ("hour,temperature,weather\nacht,11.5,rain\n", 422),
        ("hour,temperature,weather\n8,nan,rain\n", 422),
        ("hour,temperature,weather\n8.5,1,rain\n", 422),
        ("hour,colour\n8,red\n", 422),
        ("hour,temperature,weather\n1_0,11.5,rain\n", 422),
        ("hour,temperature,weather\n 7 ,11.5,rain\n", 422),
        ("hour,temperature,weather\n8,1_0.5,rain\n", 422),
        ("hour,temperature,weather\n\u0667,11.5,rain\n", 422),
        ('hour,temperature,weather\n8,11.5,"rain\n', 400),
        (b"hour\xff\n8\n", 400),
        ("hour,temperature,weather\n" + "8,1,dry\n" * 6, 413),
    ],
)
def test_csv_that_does_not_fit_is_refused(client, text, status):
    answer = client.post("/invocations", content=text, headers=CSV)
    assert answer.status_code == status, answer.text


def test_another_content_type_is_refused(client):
    answer = client.post("/invocations", content=b"x", headers={"content-type": "application/x-parquet"})
    assert answer.status_code == 415


def test_what_mlflows_tools_ask_besides_is_answered(client):
    assert client.get("/ping").status_code == 200
    assert client.get("/version").text
