"""A real MLflow server on a free port, for the slow tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from fakes.ports import own_port

PATIENCE_SECONDS = 180


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Start a server that keeps everything in a folder, and stop it with all its workers."""
    uri = f"http://127.0.0.1:{own_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", uri.rpartition(":")[2]]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--workers", "1"],
            cwd=folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(server, uri, folder / "server.log")
        yield uri
    finally:
        _stop(server)


def _wait_until_healthy(server: subprocess.Popen[bytes], uri: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{uri}/health", timeout=10, trust_env=False).is_success:
                return
        time.sleep(0.3)
    raise AssertionError(f"MLflow server did not start: {log.read_text()[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server with its workers; one that has ended by itself was told of when it did not come up."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, ending)
        with suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE_SECONDS / 4)
            return
