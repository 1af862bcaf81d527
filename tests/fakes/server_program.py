"""The model server as a program of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titlebout.core.ports import ServerAddress

PROGRAM = [sys.executable, "-m", "titlebout.serving", "--model", "demand"]


@dataclass
class Running:
    process: "subprocess.Popen[str]"
    description: dict[str, Any]
    address: ServerAddress


@contextmanager
def running(state_dir: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Running]:
    process = subprocess.Popen(
        [*PROGRAM, "--state-dir", str(state_dir), *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    address_file = state_dir / "address.json"
    try:
        deadline = time.monotonic() + 30
        while not address_file.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        description = json.loads(address_file.read_text())
        token = (env or {}).get("TITLEBOUT_ADMIN_TOKEN") or (state_dir / "admin_token").read_text()
        yield Running(process, description, ServerAddress(f"http://127.0.0.1:{description['port']}", token))
    finally:
        process.kill()
        process.communicate()
