"""The model server as a program of its own."""

import gc
import json
import logging
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.ports import own_port
from fakes.server_program import PATIENCE_SECONDS, PROGRAM, running, until
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.errors import DeploymentError
from titlebout.core.ports import ServedRelease
from titlebout.serving import server_process
from titlebout.serving.server_process import AddressedServer, admin_token, collect_rarely, serve
from titlebout.serving.settings import ServingSettings


def test_it_serves_stops_on_sigterm_and_serves_again(tmp_path: Path):
    client, bundle = HttpServerClient(), demand_bundle()
    with running(tmp_path) as server:
        client.push(server.address, bundle, token=4)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=PATIENCE_SECONDS)
        assert not (tmp_path / "address.json").exists()
    with running(tmp_path) as server:
        assert client.served(server.address) == ServedRelease("demand", bundle.version, 4)
        assert client.predict(server.address, [ROW]) == pytest.approx(scores_of(bundle, ROW), abs=1e-6)


def test_a_killed_server_leaves_a_state_that_the_next_one_takes_over(tmp_path: Path):
    with running(tmp_path) as server:
        first = server.description
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(timeout=PATIENCE_SECONDS)
        (tmp_path / "address.json").rename(tmp_path / "what-it-left")  # so that the next one is waited for
    with running(tmp_path, "--port", "0") as server:
        assert server.description["instance"] != first["instance"]


def test_the_address_of_a_killed_server_is_withdrawn_before_anything_else(tmp_path: Path):
    """Its pid may belong to a stranger by now, and the lock of the state folder would vouch for it."""
    (tmp_path / "address.json").write_text("of a killed server")
    subprocess.run(
        [*PROGRAM, "--state-dir", str(tmp_path), "--host", "192.0.2.1"], timeout=PATIENCE_SECONDS, check=False
    )
    assert not (tmp_path / "address.json").exists()


def test_a_running_request_is_finished_before_it_ends(tmp_path: Path):
    with running(tmp_path) as server:
        HttpServerClient().push(server.address, demand_bundle(), token=1)
        body = json.dumps({"rows": [ROW]}).encode()
        address = ("127.0.0.1", server.description["port"])
        with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
            head = f"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
            connection.sendall(f"{head}expect: 100-continue\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 100")  # it has begun with the request
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not (tmp_path / "address.json").exists())  # it has begun to end
            connection.sendall(body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"predictions" in answer


def test_a_second_server_on_the_same_state_is_refused(tmp_path: Path, monkeypatch):
    with running(tmp_path) as server:
        second = subprocess.run(
            [*PROGRAM, "--state-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert second.returncode == 1
        assert "another server owns" in second.stderr
        assert "Traceback" not in second.stderr
        assert httpx.get(server.address.url + "/health/live", timeout=60).status_code == 200
        assert json.loads((tmp_path / "address.json").read_text()) == server.description


def test_a_taken_port_falls_back_to_a_free_one(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        with running(tmp_path, "--port", str(wanted)) as server:
            assert server.description["port"] not in {0, wanted}


def test_a_wanted_port_is_used(tmp_path: Path):
    wanted = own_port()
    with running(tmp_path, "--port", str(wanted)) as server:
        assert server.description["port"] == wanted


def test_an_address_that_is_not_ours_is_explained(tmp_path: Path):
    failed = subprocess.run(
        [*PROGRAM, "--state-dir", str(tmp_path), "--host", "192.0.2.1"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert failed.returncode == 1
    assert "cannot listen on 192.0.2.1" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_admin_token_may_come_from_the_environment(tmp_path: Path):
    with running(tmp_path, env={"TITLEBOUT_ADMIN_TOKEN": "a-token-from-outside"}) as server:
        assert not (tmp_path / "admin_token").exists()
        HttpServerClient().push(server.address, demand_bundle(), token=1)


@pytest.mark.parametrize("token", ["x", "secret", "with a blank in it", "ö" * 20])
def test_an_admin_token_of_the_environment_that_could_be_guessed_is_refused(tmp_path: Path, monkeypatch, token: str):
    monkeypatch.setenv("TITLEBOUT_ADMIN_TOKEN", token)
    with pytest.raises(DeploymentError, match="TITLEBOUT_ADMIN_TOKEN is not 16 to 512 characters") as refused:
        admin_token(tmp_path / "admin_token")
    assert token not in str(refused.value).replace("TITLEBOUT_ADMIN_TOKEN", "").replace("characters", "")


def test_what_callers_provoke_is_written_once_a_minute(tmp_path: Path, monkeypatch, caplog):
    """A line for each request that is none would fill the disk of a server that anybody can reach."""
    uvicorns = logging.getLogger("uvicorn.error")

    class Server(AddressedServer):
        def run(self, sockets=None):
            for _ in range(100):
                uvicorns.warning("Invalid HTTP request received.")
            uvicorns.warning("Exceeded concurrency limit.")
            for _ in range(2):
                uvicorns.error("Exception in ASGI application")
            self._app.close()

    monkeypatch.setattr(server_process, "AddressedServer", Server)
    monkeypatch.setattr(server_process, "collect_rarely", lambda: None)
    settings = ServingSettings("demand", tmp_path, "a-token-of-the-test")
    try:
        serve(settings, host="127.0.0.1", port=0, address_file=tmp_path / "address.json")
    finally:
        uvicorns.filters.clear()
    told = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert told == [
        "Invalid HTTP request received.",
        "Exceeded concurrency limit.",
        *["Exception in ASGI application"] * 2,
    ]


def test_what_it_writes_is_for_its_own_user_only(tmp_path: Path):
    state = tmp_path / "state"
    with running(state) as server:
        HttpServerClient().push(server.address, demand_bundle(), token=1)
        open_to_others = [path for path in (state, *state.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []


def test_an_admin_token_is_made_once_and_guarded(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("TITLEBOUT_ADMIN_TOKEN", raising=False)
    file = tmp_path / "admin_token"
    token = admin_token(file)
    assert len(token) > 40
    assert admin_token(file) == token
    assert [path.name for path in tmp_path.iterdir()] == ["admin_token"]
    for spoil in (lambda: file.chmod(0o644), lambda: (file.chmod(0o600), file.write_text(""))):
        spoil()
        with pytest.raises(Exception, match="readable by its owner only"):
            admin_token(file)


@pytest.mark.parametrize("options", [[], ["--help"], ["--model", "demand"]])
def test_the_command_line_explains_itself_quickly(options: list[str]):
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "titlebout.serving", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert shown.returncode == (0 if options == ["--help"] else 2)
    assert "--state-dir" in shown.stdout + shown.stderr
    assert "numpy" not in shown.stderr


def test_what_is_loaded_is_not_looked_through_for_garbage_once_it_serves():
    thresholds = gc.get_threshold()
    try:
        collect_rarely()
        assert {"xgboost", "treelite"} <= {*sys.modules}
        assert gc.get_freeze_count() > sum(gc.get_count())
        assert gc.get_threshold()[0] >= 10 * thresholds[0]  # of 700 objects, or 2000 from Python 3.13 on
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def test_the_server_loads_neither_pandas_nor_what_trains_and_schedules():
    """XGBoost imports scikit-learn, and with it pandas and Arrow, wherever it finds them: not in a server."""
    unwanted = [
        "pandas",
        "pyarrow",
        "sklearn",
        "mlflow",
        "airflow",
        "great_expectations",
        "boto3",
        "sqlalchemy",
        "docker",
    ]
    code = (
        "import sys\n"
        "from titlebout.serving.proof import without_sklearn\n"
        "without_sklearn()\n"
        "import titlebout.serving.__main__, titlebout.serving.server_process, titlebout.serving.application, xgboost\n"
        f"print([name for name in {unwanted} if sys.modules.get(name)])"
    )
    probe = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert probe.stdout.strip() == "[]"


def test_a_running_server_has_loaded_none_of_them_either(tmp_path: Path):
    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc to see what a process has loaded")
    with running(tmp_path) as server:
        HttpServerClient().push(server.address, demand_bundle(), token=1)
        HttpServerClient().predict(server.address, [ROW])
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "xgboost" in maps
    for library in ("pandas", "pyarrow", "sklearn"):
        assert f"/{library}/" not in maps
