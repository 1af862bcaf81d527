"""The model server as a program of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from titlebout.core.ports import ServerAddress

PATIENCE_SECONDS = 60
PROGRAM = [sys.executable, "-m", "titlebout.serving", "--model", "demand"]


@dataclass
class Running:
    process: "subprocess.Popen[str]"
    description: dict[str, Any]
    address: ServerAddress


@contextmanager
def running(
    state_dir: Path, *options: str, env: dict[str, str] | None = None, program: Sequence[str] = PROGRAM
) -> Iterator[Running]:
    # A pipe that nobody reads would hold up a server that has much to say.
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*program, "--state-dir", str(state_dir), *options],
            stderr=log,
            text=True,
            env={**os.environ, **(env or {})},
        )
        try:
            address_file = state_dir / "address.json"
            until(lambda: address_file.exists() or process.poll() is not None)
            assert process.poll() is None, f"the server did not come up: {_written(log)}"
            description = json.loads(address_file.read_text())
            token = (env or {}).get("TITLEBOUT_ADMIN_TOKEN") or (state_dir / "admin_token").read_text()
            yield Running(process, description, ServerAddress(f"http://127.0.0.1:{description['port']}", token))
        finally:
            process.kill()
            process.wait()


def _written(log: IO[str]) -> str:
    log.seek(0)
    return log.read()[-2000:]


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, on a busy machine, too."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s"
        time.sleep(0.01)
