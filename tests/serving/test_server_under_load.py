"""The model server as a program: how fast it is there, how it leaves, and what a swap costs those who ask."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from fakes.bundles import ROW, demand_bundle
from fakes.server_program import running
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.errors import DeploymentError
from titlebout.core.wire import OPEN_PREDICTIONS
from titlebout.serving.__main__ import _parser, _settings

BODY = json.dumps({"rows": [ROW]})


class Asking:
    """Clients that ask without a pause on connections that they keep, until the server closes them."""

    def __init__(self, port: int, clients: int = 3) -> None:
        self.versions: list[str] = []
        self.failures: list[str] = []
        self._port, self._has_to_stop = port, False
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._has_to_stop = True
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, answers: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.versions) < answers:
            assert time.monotonic() < deadline, self.failures[:3]
            time.sleep(0.01)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.connect()
        while not self._has_to_stop:
            try:
                connection.request("POST", "/predict", BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                document = json.loads(answer.read())
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                return
            if answer.status != http.client.OK:
                self.failures.append(f"{answer.status}: {document}")
                return
            self.versions.append(document["version"])
            if answer.headers.get("connection") == "close":
                return


def test_a_swap_under_load_fails_no_request(tmp_path: Path):
    old, new = demand_bundle(), demand_bundle("2024-01-11-bbbbbbbbbbbb", rounds=7)
    client = HttpServerClient()
    with running(tmp_path) as server:
        client.push(server.address, old, token=1)
        with Asking(server.description["port"]) as asking:
            for token, bundle in enumerate([new, old], start=2):
                asking.wait_for(len(asking.versions) + 100)
                client.push(server.address, bundle, token=token)
            asking.wait_for(len(asking.versions) + 100)
    assert asking.failures == []
    assert set(asking.versions) == {old.version, new.version}
    assert asking.versions[-1] == old.version


def test_a_server_that_is_told_to_end_fails_no_request(tmp_path: Path):
    """Even one that comes on a kept connection in the very moment in which the server lets go of it."""
    with running(tmp_path) as server:
        HttpServerClient().push(server.address, demand_bundle(), token=1)
        with Asking(server.description["port"], clients=6) as asking:
            asking.wait_for(200)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(timeout=60)
    assert asking.failures == []


def test_a_server_with_a_release_is_there_soon(tmp_path: Path):
    """Against the least that any such server pays: importing XGBoost and uvicorn. CPU time: others work here too."""
    with running(tmp_path) as server:
        HttpServerClient().push(server.address, demand_bundle(), token=1)
    (tmp_path / "address.json").unlink()

    def cpu_seconds(act) -> float:
        before = os.times()
        act()
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def bare() -> None:
        program = "import sys; sys.modules['sklearn'] = None; import xgboost, uvicorn"
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    def start() -> None:
        with running(tmp_path) as server:
            assert HttpServerClient().served(server.address).token == 1
        (tmp_path / "address.json").unlink()

    assert cpu_seconds(start) < 4 * cpu_seconds(bare)


def certificate(folder: Path) -> Path:
    """Make a certificate for the loopback, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(tz=UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(tz=UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_it_speaks_https_with_a_certificate(tmp_path: Path):
    file = certificate(tmp_path)
    with running(tmp_path / "state", "--ssl-certfile", str(file)) as server:
        assert server.description["scheme"] == "https"
        url = f"https://127.0.0.1:{server.description['port']}"
        context = ssl.create_default_context(cafile=str(file))
        with httpx.Client(base_url=url, verify=context, timeout=60, trust_env=False) as client:
            assert client.get("/health/live").json()["model"] == "demand"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(f"{url}/health/live", timeout=60, trust_env=False)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{server.description['port']}/health/live", timeout=60, trust_env=False)


def test_a_server_that_others_reach_answers_nobody_without_a_token(tmp_path: Path):
    with running(tmp_path, "--host", "0.0.0.0") as server:
        client = HttpServerClient()
        client.push(server.address, demand_bundle(), token=1)
        assert httpx.post(f"{server.address.url}/predict", content=BODY, timeout=60, trust_env=False).status_code == 401
        assert len(client.predict(server.address, [ROW])) == 1


@pytest.mark.parametrize(
    ("options", "env", "needs_token"),
    [
        ([], {}, False),
        (["--host", "::1"], {}, False),
        (["--host", "localhost"], {}, False),
        (["--host", "0.0.0.0"], {}, True),
        (["--host", "::"], {}, True),
        (["--host", "models.example.org"], {}, True),
        (["--host", "0.0.0.0", "--open-predictions"], {}, False),
        (["--host", "0.0.0.0"], {OPEN_PREDICTIONS: "1"}, False),
        (["--host", "0.0.0.0"], {OPEN_PREDICTIONS: "no"}, True),
    ],
)
def test_predictions_need_a_token_wherever_others_reach_the_server(tmp_path, monkeypatch, options, env, needs_token):
    monkeypatch.delenv(OPEN_PREDICTIONS, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    parsed = _parser().parse_args(["--model", "demand", "--state-dir", str(tmp_path), *options])
    assert _settings(parsed, tmp_path).needs_token is needs_token


@pytest.mark.parametrize("name", ["größe", 'a"b', "../demand", ""])
def test_a_name_that_is_none_is_refused_before_anything_is_made_of_it(tmp_path: Path, name: str):
    parsed = _parser().parse_args(["--model", name, "--state-dir", str(tmp_path)])
    with pytest.raises(DeploymentError, match="is no name of a model; use lower case letters"):
        _settings(parsed, tmp_path)


def test_tokens_of_the_environment_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TITLEBOUT_PREDICT_TOKENS", "a-token-of-a-caller, another-token-of-a-caller,")
    parsed = _parser().parse_args(["--model", "demand", "--state-dir", str(tmp_path)])
    assert _settings(parsed, tmp_path).predict_tokens == ("a-token-of-a-caller", "another-token-of-a-caller")
