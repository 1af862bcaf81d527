"""A real MLflow server on a free port, for the slow tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Start a server that keeps everything in a folder, and stop it with all its workers."""
    uri = f"http://127.0.0.1:{free_port()}"
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
        os.killpg(server.pid, 15)
        server.wait(timeout=30)


def _wait_until_healthy(server: subprocess.Popen[bytes], uri: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{uri}/health", timeout=1).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise AssertionError(f"MLflow server did not start: {log.read_text()[-2000:]}")
