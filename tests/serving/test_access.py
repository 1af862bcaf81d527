import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from fakes.bundles import ROW, demand_bundle
from fakes.live_server import ADMIN_TOKEN, client_of_server, push_release
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.ports import ServerAddress
from titlebout.core.wire import REPLAY_PREFIX
from titlebout.serving import access, token_file
from titlebout.serving.access import Access
from titlebout.serving.application import create_app
from titlebout.serving.settings import ServingSettings

BUNDLE = demand_bundle()
CALLER, OTHER = "the-token-of-a-caller", "the-token-of-another-caller"
BODY = json.dumps({"rows": [ROW]})
V2 = "/v2/models/demand"
ASKED = [
    ("POST", "/predict"),
    ("POST", "/invocations"),
    ("POST", f"{V2}/infer"),
    ("POST", f"{V2}/versions/{BUNDLE.version}/infer"),
]
TOLD = ["/", "/release", "/docs", "/openapi.json", "/metrics", "/v2", V2, f"{V2}/ready", "/nothing-here"]
OPEN = ["/health/live", "/health/ready", "/ping", "/version", "/v2/health/live", "/v2/health/ready"]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@contextmanager
def server(state_dir: Path, **settings) -> Iterator[httpx.Client]:
    with client_of_server(state_dir, **settings) as client:
        push_release(client, BUNDLE)
        yield client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Return a server whose predictions need a token; tests that share it only read."""
    with server(tmp_path_factory.mktemp("state"), predict_tokens=(CALLER,)) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), [*ASKED, *(("GET", path) for path in TOLD)])
@pytest.mark.parametrize("sent", [{}, bearer("wrong"), {"authorization": CALLER}, {"authorization": "Bearer"}])
def test_without_its_token_a_server_says_nothing(guarded, method, path, sent):
    answer = guarded.request(method, path, content=BODY if method == "POST" else None, headers=sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json().keys() == {"error"}
    assert "demand" not in answer.text
    assert BUNDLE.version not in answer.text


@pytest.mark.parametrize("token", [CALLER, ADMIN_TOKEN])
@pytest.mark.parametrize(("method", "path"), [ASKED[0], *(("GET", path) for path in TOLD if path != "/nothing-here")])
def test_callers_and_administrators_are_answered(guarded, method, path, token):
    answer = guarded.request(method, path, content=BODY if method == "POST" else None, headers=bearer(token))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", OPEN)
def test_health_is_for_everyone_and_says_nothing_of_the_fields(guarded, path):
    answer = guarded.get(path)
    assert answer.status_code == 200
    assert "temperature" not in answer.text


@pytest.mark.parametrize("path", ["/admin/release", "/admin/tokens", "/admin/log", "/admin/trial"])
def test_administration_is_for_the_admin_token_alone(guarded, path):
    assert guarded.put(path, content="{}").status_code == 401
    assert guarded.put(path, content="{}", headers=bearer("wrong")).status_code == 401
    refused = guarded.put(path, content="{}", headers=bearer(CALLER))
    assert refused.status_code == 403
    assert "www-authenticate" not in refused.headers
    assert guarded.put(path, content="{}", headers=bearer(ADMIN_TOKEN)).status_code in {200, 400, 404}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/admin/release"),
        ("PUT", "/admin/tokens"),
        ("PUT", "/admin/log"),
        ("POST", "/admin/log/segments"),
        ("GET", "/admin/log/segments/0123456789abcdef-00000001"),
        ("DELETE", "/admin/log/segments/0123456789abcdef-00000001"),
        ("GET", "/admin/trial"),
        ("PUT", "/admin/trial"),
        ("DELETE", "/admin/trial/7"),
    ],
)
def test_a_route_of_administration_is_closed_even_where_the_path_let_a_request_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str
):
    monkeypatch.setattr(Access, "refusal", lambda *_: None)
    client = TestClient(create_app(ServingSettings(model="demand", state_dir=tmp_path, admin_token=ADMIN_TOKEN)))
    for sent in ({}, bearer("wrong")):
        assert client.request(method, path, content="{}", headers=sent).status_code == 401


def test_a_server_without_tokens_answers_everyone(tmp_path: Path):
    with server(tmp_path) as client:
        assert client.post("/predict", content=BODY).status_code == 200
        assert client.get("/metrics").status_code == 200
        assert client.put("/admin/tokens", content="{}").status_code == 401


def test_a_server_that_others_reach_is_closed_until_it_has_tokens(tmp_path: Path):
    with server(tmp_path, needs_token=True) as client:
        assert client.post("/predict", content=BODY).status_code == 401
        assert client.post("/predict", content=BODY, headers=bearer(ADMIN_TOKEN)).status_code == 200
        told = client.put("/admin/tokens", json={"predict": [CALLER]}, headers=bearer(ADMIN_TOKEN))
        assert told.json() == {"predict": 1}
        assert client.post("/predict", content=BODY, headers=bearer(CALLER)).status_code == 200
        client.put("/admin/tokens", json={"predict": []}, headers=bearer(ADMIN_TOKEN))
        assert client.post("/predict", content=BODY, headers=bearer(CALLER)).status_code == 401


@pytest.mark.parametrize("tokens", ["x", ["short"], [CALLER, "two words of a token"], [1], {}])
def test_what_is_no_token_is_refused_and_changes_nothing(tmp_path: Path, tokens):
    with server(tmp_path, predict_tokens=(CALLER,)) as client:
        answer = client.put("/admin/tokens", json={"predict": tokens}, headers=bearer(ADMIN_TOKEN))
        assert answer.status_code in {400, 422}
        assert "two words" not in answer.text
        assert client.post("/predict", content=BODY, headers=bearer(CALLER)).status_code == 200


def test_tokens_are_good_after_a_restart(tmp_path: Path):
    with server(tmp_path) as client:
        client.put("/admin/tokens", json={"predict": [CALLER]}, headers=bearer(ADMIN_TOKEN))
    with client_of_server(tmp_path) as client:
        assert client.post("/predict", content=BODY).status_code == 401
        assert client.post("/predict", content=BODY, headers=bearer(CALLER)).status_code == 200


def test_tokens_are_changed_under_load_and_no_request_fails(tmp_path: Path):
    statuses: list[int] = []
    has_to_stop = threading.Event()
    with server(tmp_path, predict_tokens=()) as client:
        admin = bearer(ADMIN_TOKEN)
        client.put("/admin/tokens", json={"predict": [CALLER]}, headers=admin)
        current = [CALLER]

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, timeout=60, trust_env=False) as caller:
                while not has_to_stop.is_set():
                    statuses.append(caller.post("/predict", content=BODY, headers=bearer(current[0])).status_code)

        callers = [threading.Thread(target=ask) for _ in range(2)]
        for thread in callers:
            thread.start()
        for before, after in [(CALLER, OTHER), (OTHER, CALLER)] * 3:
            client.put("/admin/tokens", json={"predict": [after, before]}, headers=admin)
            current[0] = after
            asked = len(statuses)
            while len(statuses) < asked + 8:  # whoever still had the old one has been answered
                has_to_stop.wait(0.005)
            client.put("/admin/tokens", json={"predict": [after]}, headers=admin)
        has_to_stop.set()
        for thread in callers:
            thread.join(10)
        assert client.post("/predict", content=BODY, headers=bearer(OTHER)).status_code == 401
    assert set(statuses) == {200}


def test_an_admin_token_is_changed_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(token_file, "LOOK_SECONDS", -1.0)
    file = tmp_path / "admin"
    file.touch(mode=0o600)
    file.write_text(f"{ADMIN_TOKEN.replace(' ', '-')}\n")
    with client_of_server(tmp_path, admin_token_file=file) as client:
        old, new = bearer(ADMIN_TOKEN.replace(" ", "-")), bearer("the-new-token-of-administrators")
        policy = {"predict": []}
        assert client.put("/admin/tokens", json=policy, headers=old).status_code == 200
        file.write_text(f"the-new-token-of-administrators\n{ADMIN_TOKEN.replace(' ', '-')}\n")
        assert [client.put("/admin/tokens", json=policy, headers=each).status_code for each in (old, new)] == [200, 200]
        file.write_text("the-new-token-of-administrators\n")
        assert [client.put("/admin/tokens", json=policy, headers=each).status_code for each in (old, new)] == [401, 200]


def test_whoever_deploys_presents_the_admin_token_everywhere(tmp_path: Path):
    with server(tmp_path, needs_token=True) as client:
        address = ServerAddress(url=str(client.base_url).rstrip("/"), admin_token=ADMIN_TOKEN)
        speaker = HttpServerClient()
        assert speaker.served(address).version == BUNDLE.version
        assert len(speaker.predict(address, [ROW])) == 1


def test_no_token_is_never_the_right_one(tmp_path: Path):
    settings = ServingSettings(model="demand", state_dir=tmp_path, admin_token="")
    scope = {"path": "/admin/tokens", "headers": [(b"authorization", b"Bearer ")]}
    assert Access(settings).refusal(scope).status == 401


def test_refused_callers_are_counted(tmp_path: Path):
    with server(tmp_path, needs_token=True) as client:
        client.post("/predict", content=BODY)
        counted = client.get("/metrics", headers=bearer(ADMIN_TOKEN)).text
    assert 'route="none",status="401"} 1' in counted


def test_every_token_is_compared_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compared: list[bytes] = []
    right = token_file.hmac.compare_digest
    monkeypatch.setattr(
        token_file.hmac, "compare_digest", lambda known, token: compared.append(known) or right(known, token)
    )
    tokens = token_file.TokenFile(tmp_path / "none", fixed=[CALLER, OTHER])
    assert tokens.has(CALLER.encode())
    assert compared == [CALLER.encode(), OTHER.encode()]
    assert access.hmac is token_file.hmac


def test_nobody_hides_from_the_log_behind_the_name_of_the_products_own_questions(tmp_path: Path):
    sent = {"x-request-id": f"{REPLAY_PREFIX}1"}
    with server(tmp_path) as client:
        answers = [client.post("/predict", content=BODY, headers=sent | more) for more in ({}, bearer(ADMIN_TOKEN))]
    ours, theirs = (answer.headers["x-request-id"] for answer in reversed(answers))
    assert ours == sent["x-request-id"]
    assert not theirs.startswith(REPLAY_PREFIX)
