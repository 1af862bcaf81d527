"""Answers that no model server of ours gives, and what the client makes of them."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import listening
from titlebout.adapters.http_server import HttpServerClient, Predictions
from titlebout.core.errors import DeploymentError, StaleTokenError, UnavailableError
from titlebout.core.ports import ServerAddress

CLIENT = HttpServerClient()
IMPATIENT = HttpServerClient(answer_timeout_seconds=0.5, push_timeout_seconds=0.5)


@contextmanager
def answering(response: Response, seen: list[Request] | None = None) -> Iterator[ServerAddress]:
    async def answer(request: Request) -> Response:
        await request.body()
        (seen if seen is not None else []).append(request)
        return response

    methods = ["GET", "POST", "PUT"]
    with listening(Starlette(routes=[Route("/{path:path}", answer, methods=methods)])) as url:
        yield ServerAddress(url, "the token")


def calls(address: ServerAddress, client: HttpServerClient = CLIENT) -> list[Callable[[], object]]:
    return [
        lambda: client.push(address, demand_bundle(), token=1),
        lambda: client.served(address),
        lambda: client.predict(address, [ROW]),
    ]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, DeploymentError),
        (401, DeploymentError),
        (404, DeploymentError),
        (408, UnavailableError),
        (409, StaleTokenError),
        (413, DeploymentError),
        (422, DeploymentError),
        (429, UnavailableError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
        (201, DeploymentError),
        (204, DeploymentError),
    ],
)
def test_every_status_but_success_is_one_of_our_errors(status, error):
    response = Response(status_code=204) if status == 204 else JSONResponse({"error": "because"}, status_code=status)
    with answering(response) as address:
        for call in calls(address):
            with pytest.raises(error, match="status 204" if status == 204 else "because") as caught:
                call()
            assert type(caught.value) is error


def test_a_server_that_does_not_know_a_request_may_run_an_older_release():
    unknown = JSONResponse({"error": "GET /admin/trial: Not Found"}, status_code=404)
    with answering(unknown) as address, pytest.raises(DeploymentError, match="older release, end it and clear this"):
        CLIENT.trial(address)


@pytest.mark.parametrize(
    "response",
    [
        PlainTextResponse("hello"),
        JSONResponse([]),
        JSONResponse({"version": 1}),
        JSONResponse({"model": "demand", "version": "v", "token": None, "predictions": ["x"]}),
        Response(b'{"version": "v", "predictions": [NaN], "model": "demand", "token": Infinity}'),
    ],
)
def test_an_answer_of_another_program_is_not_believed(response):
    with answering(response) as address:
        for call in calls(address):
            with pytest.raises(DeploymentError, match="no model server"):
                call()


def test_a_redirect_is_not_followed():
    seen: list[Request] = []
    with answering(RedirectResponse("http://127.0.0.1:9/"), seen) as address:
        for call in calls(address):
            with pytest.raises(DeploymentError, match="status 307"):
                call()
    assert len(seen) == 3


def test_a_wrong_number_of_predictions_is_an_error():
    with answering(JSONResponse({"model": "m", "version": "v", "predictions": [1.0]})) as address:
        assert CLIENT.predict(address, [ROW]) == [1.0]
        with pytest.raises(DeploymentError, match="1 predictions to 2 rows"):
            CLIENT.predict(address, [ROW, ROW])


def test_a_server_that_accepts_and_never_answers_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = ServerAddress(f"http://127.0.0.1:{silent.getsockname()[1]}", "x")
        for call in calls(address, IMPATIENT):
            with pytest.raises(UnavailableError, match="in time"):
                call()


@pytest.mark.parametrize("url", ["http://[", "ftp://127.0.0.1", "nonsense", "http://127.0.0.1:port", "http://x\n"])
def test_an_address_that_is_none_is_one_of_our_errors(url):
    for call in calls(ServerAddress(url, "x")):
        with pytest.raises((DeploymentError, UnavailableError)):
            call()


def test_proxies_of_the_environment_never_see_the_admin_token(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    seen: list[Request] = []
    with answering(JSONResponse({"error": "no"}, status_code=422), seen) as address, pytest.raises(DeploymentError):
        CLIENT.push(address, demand_bundle(), token=1)
    assert seen[0].headers["authorization"] == "Bearer the token"


def test_every_call_bears_the_admin_token_for_a_server_may_ask_for_it_everywhere():
    seen: list[Request] = []
    with answering(JSONResponse({}, status_code=404), seen) as address:
        for call in calls(address):
            with pytest.raises(DeploymentError):
                call()
    assert {request.headers["authorization"] for request in seen} == {"Bearer the token"}


def test_messages_stay_short_and_free_of_secrets():
    with answering(JSONResponse({"error": "x" * 10_000}, status_code=422)) as address:
        secret = replace(address, admin_token="hunter2")
        with pytest.raises(DeploymentError) as caught:
            CLIENT.push(secret, demand_bundle(), token=1)
    assert len(str(caught.value)) <= 500
    assert "hunter2" not in str(caught.value)


def test_a_row_with_nan_reaches_the_server_which_names_the_field():
    seen: list[bytes] = []

    async def answer(request: Request) -> Response:
        seen.append(await request.body())
        return JSONResponse({"error": "field 'temperature' is nan"}, status_code=422)

    app = Starlette(routes=[Route("/predict", answer, methods=["POST"])])
    with listening(app) as url, pytest.raises(DeploymentError, match="temperature"):
        CLIENT.predict(ServerAddress(url, "x"), [{**ROW, "temperature": float("nan")}])
    assert "NaN" in seen[0].decode()
    assert json.loads(seen[0])["rows"][0]["hour"] == 8


@pytest.mark.parametrize(
    ("answer", "scores"),
    [
        ({"predictions": [1, 2.5]}, [1.0, 2.5]),
        ({"predictions": ["low"], "probabilities": [[0.75, 0.25]]}, [[0.75, 0.25]]),
        ({"predictions": [3], "probabilities": [[0.75, 0.25]]}, [[0.75, 0.25]]),
        ({"predictions": [True], "probabilities": [[0.75, 0.25]]}, [[0.75, 0.25]]),
    ],
)
def test_scores_are_numbers_or_probabilities(answer, scores):
    assert Predictions.model_validate_json(json.dumps({"version": "1", **answer})).scores == scores


@pytest.mark.parametrize("predictions", [["low"], [True], [None], [[0.5, 0.5]]])
def test_classes_without_probabilities_are_no_answer(predictions):
    with pytest.raises(ValidationError):
        Predictions.model_validate_json(json.dumps({"version": "1", "predictions": predictions}))
