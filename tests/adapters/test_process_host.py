import fcntl
import http.server
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle, scores_of
from fakes.ports import own_port
from titlebout.adapters import process_host
from titlebout.adapters.http_server import HttpServerClient
from titlebout.adapters.process_host import ProcessHost
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.ports import ServedRelease, ServerAddress

MODEL = "demand"
PATIENCE_SECONDS = 180

STARTER = """
import sys
from pathlib import Path
from titlebout.adapters.process_host import ProcessHost
print(ProcessHost(Path(sys.argv[1])).ensure_running("demand").url)
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ProcessHost]:
    host = ProcessHost(tmp_path / "servers")
    yield host
    host.stop(MODEL)


def description(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "servers" / MODEL / "state" / "address.json").read_text())


def pid_of(tmp_path: Path) -> int:
    return int(description(tmp_path)["pid"])


def starter(tmp_path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STARTER, str(tmp_path / "servers")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_server_outlives_the_process_that_started_it_and_holds_nothing_of_it(host, tmp_path):
    process = starter(tmp_path)
    # Would wait for the server's end if the server had inherited the pipe.
    url, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    assert host.find(MODEL) == host.ensure_running(MODEL)
    assert host.find(MODEL).url == url.strip()
    assert os.getsid(pid_of(tmp_path)) == pid_of(tmp_path)


def test_a_server_that_has_answered_is_there_however_late_its_next_answer_is(host, monkeypatch):
    answers, answers_as = [], process_host._answers_as

    def answers_once(described) -> bool:
        if answers or not answers_as(described):
            return False
        answers.append(described.url)
        return True

    monkeypatch.setattr(process_host, "_answers_as", answers_once)
    assert [host.ensure_running(MODEL).url] == answers


def test_starters_at_once_share_one_server(host, tmp_path):
    starters = [starter(tmp_path) for _ in range(3)]
    said = [process.communicate(timeout=PATIENCE_SECONDS) for process in starters]
    assert {url.strip() for url, _ in said} == {host.find(MODEL).url}, said


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP], ids=lambda s: s.name)
def test_a_server_that_died_or_hangs_is_replaced_and_serves_on(host, tmp_path, monkeypatch, ending):
    client, bundle = HttpServerClient(), demand_bundle()
    client.push(host.ensure_running(MODEL), bundle, token=6)
    first = pid_of(tmp_path)

    os.kill(first, ending)
    assert process_host._waited_for(lambda: host.find(MODEL) is None, PATIENCE_SECONDS)
    if ending is signal.SIGSTOP:
        monkeypatch.setattr(process_host, "HANG_TIMEOUT_SECONDS", 0.5)
        monkeypatch.setattr(process_host, "STOP_TIMEOUT_SECONDS", 3.0)

    address = host.ensure_running(MODEL)
    assert pid_of(tmp_path) != first
    assert client.served(address) == ServedRelease(MODEL, bundle.version, 6)
    assert client.predict(address, [ROW]) == pytest.approx(scores_of(bundle, ROW), abs=1e-6)


class Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "live", "model": "demand", "instance": "another"}')

    def log_message(self, *_args):
        pass


def test_a_stranger_on_the_port_of_a_dead_server_is_not_taken_for_it(host, tmp_path):
    host.ensure_running(MODEL)
    address_file = tmp_path / "servers" / MODEL / "state" / "address.json"
    content = address_file.read_text()
    host.stop(MODEL)
    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        address_file.write_text(json.dumps(json.loads(content) | {"port": stranger.server_port, "pid": os.getpid()}))
        assert host.find(MODEL) is None
        # It would end this very process if it took the file's word for it.
        assert host.ensure_running(MODEL).url != f"http://127.0.0.1:{stranger.server_port}"
        stranger.shutdown()


def test_a_server_that_does_not_start_says_why(host, tmp_path):
    state = tmp_path / "servers" / MODEL / "state"
    state.mkdir(parents=True)
    (state / "fence.json").write_text("damaged")
    with pytest.raises(DeploymentError, match=r"did not start.*server.log ends with.*fence\.json is damaged"):
        host.ensure_running(MODEL)


def test_a_server_that_takes_too_long_to_start_is_given_up(tmp_path):
    host = ProcessHost(tmp_path / "servers", start_timeout_seconds=0.01)
    with pytest.raises(DeploymentError, match="did not start"):
        host.ensure_running(MODEL)
    assert ProcessHost(tmp_path / "servers").find(MODEL) is None


def test_a_wanted_port_is_used_and_a_taken_one_is_not(tmp_path):
    wanted = own_port()
    first, second = (ProcessHost(tmp_path / name, port=wanted) for name in ("a", "b"))
    try:
        assert first.ensure_running(MODEL).url == f"http://127.0.0.1:{wanted}"
        assert second.ensure_running(MODEL).url != f"http://127.0.0.1:{wanted}"
    finally:
        first.stop(MODEL)
        second.stop(MODEL)


def test_the_server_gets_none_of_the_secrets_of_the_task(host, tmp_path, monkeypatch):
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc to see the environment of a process")
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "s3://secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("TITLEBOUT_ADMIN_TOKEN", "secret")
    host.ensure_running(MODEL)
    environment = Path(f"/proc/{pid_of(tmp_path)}/environ").read_bytes()
    assert b"secret" not in environment
    assert b"PATH=" in environment


def test_only_its_own_user_may_read_the_token(host, tmp_path):
    address = host.ensure_running(MODEL)
    file = tmp_path / "servers" / MODEL / "state" / "admin_token"
    assert file.read_text() == address.admin_token
    assert file.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    host = ProcessHost(tmp_path / "file")
    assert host.find(MODEL) is None
    with pytest.raises(DeploymentError, match="correct the folder"):
        host.ensure_running(MODEL)


def test_a_starter_that_never_ends_is_not_waited_for_without_end(host, tmp_path, monkeypatch):
    monkeypatch.setattr(process_host, "STOP_TIMEOUT_SECONDS", 0.1)
    impatient = ProcessHost(tmp_path / "servers", start_timeout_seconds=0.1)
    folder = tmp_path / "servers" / MODEL
    folder.mkdir(parents=True)
    with (folder / "host.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match=r"host\.lock"):
            impatient.ensure_running(MODEL)


@pytest.mark.parametrize("name", ["", ".", "../other", "a/b", "Model", "x" * 64, "name\n"])
def test_a_hostile_name_never_becomes_a_path(host, tmp_path, name):
    for call in (host.ensure_running, host.find, host.stop):
        with pytest.raises(DeploymentError, match="no name of a model"):
            call(name)
    assert list(tmp_path.iterdir()) == []


def test_looking_for_a_server_leaves_no_trace(host, tmp_path):
    assert host.find(MODEL) is None
    host.stop(MODEL)
    assert list(tmp_path.iterdir()) == []


def test_a_long_log_is_set_aside(host, tmp_path, monkeypatch):
    monkeypatch.setattr(process_host, "MAX_LOG_BYTES", 10)
    host.ensure_running(MODEL)
    host.stop(MODEL)
    assert isinstance(host.ensure_running(MODEL), ServerAddress)
    assert (tmp_path / "servers" / MODEL / "server.log.1").exists()


def test_nobody_else_reads_the_log_of_a_server_or_holds_its_lock(tmp_path: Path):
    """A file that others may open they may lock, too: no release would ever get through."""
    folder = tmp_path / "servers" / MODEL
    with process_host._sole_starter(folder, PATIENCE_SECONDS):
        assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, folder / "state")] == [0o700, 0o700]
