"""Runs the server of this very image with one candidate, asks it as callers do, and says what it took.

Run as a program (`python -m titlebout.serving.drill FOLDER`) in a throw-away container without a network: the server
listens on the container's own loopback. The last line on standard output is the answers as JSON; the server's log and
the reason of a failure go to standard error. What the answers are worth is judged outside.
"""

import http.client
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue

from titlebout.core.candidates.examination import QUESTIONS_FILE, STATE_FOLDER, Answers, Questions
from titlebout.core.errors import DeploymentError, TitleboutError, bounded
from titlebout.core.wire import (
    ADDRESS_FILE,
    ADMIN_RELEASE_PATH,
    ADMIN_TOKEN_FILE,
    PREDICT_PATH,
    RELEASE_PATH,
    ReleasePush,
    ServerDescription,
)
from titlebout.serving.proof import read_bundle

START_TIMEOUT_SECONDS = 60.0
ANSWER_TIMEOUT_SECONDS = 90.0
WARM_UP_REQUESTS = 20
LIFETIME_SECONDS = 230

Row = dict[str, JsonValue]


class ServerOnLoopback:
    """A model server of this image and one connection to it."""

    def __init__(self, process: "subprocess.Popen[bytes]", state_dir: Path) -> None:
        """Wait until the server answers, and connect.

        Raises:
            DeploymentError: It ended, or did not come up in time.
        """
        address = _awaited_address(process, state_dir)
        self._pid = process.pid
        self._admin_token = (state_dir / ADMIN_TOKEN_FILE).read_text(encoding="ascii").strip()
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=ANSWER_TIMEOUT_SECONDS)

    def ask(self, method: str, path: str, body: bytes | None = None) -> JsonValue:
        """Send one request.

        Raises:
            DeploymentError: The answer is no success, no JSON, or there is none.
        """
        headers = {"authorization": f"Bearer {self._admin_token}", "content-type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            message = f"the server broke off at {method} {path}: {error or type(error).__name__}"
            raise DeploymentError(message) from error
        if answer.status != http.client.OK:
            said = content[:300].decode("utf-8", "replace")
            message = f"the server answered {answer.status} to {method} {path}: {said}"
            raise DeploymentError(message)
        try:
            document: JsonValue = json.loads(content)
        except ValueError as error:
            message = f"the server answered no JSON to {method} {path}"
            raise DeploymentError(message) from error
        return document

    def scores(self, rows: Sequence[Row]) -> list[JsonValue]:
        """Ask for the scores of rows."""
        said = self.ask("POST", PREDICT_PATH, json.dumps({"rows": list(rows)}).encode())
        # Of several classes, each row's score is the probabilities of all of them.
        scores = said.get("probabilities", said.get("predictions")) if isinstance(said, dict) else None
        if not isinstance(scores, list):
            message = f"the server answered no predictions to {PREDICT_PATH}"
            raise DeploymentError(message)
        return [_plain(score) for score in scores]

    def milliseconds(self, rows: Sequence[Row], requests: int) -> list[float]:
        """Ask one row at a time, one after the other, and return how long each took."""
        bodies = [json.dumps({"rows": [row]}).encode() for row in rows]
        took = []
        for number in range(requests):
            start = time.perf_counter()
            self.ask("POST", PREDICT_PATH, bodies[number % len(bodies)])
            took.append((time.perf_counter() - start) * 1000)
        return took

    def memory_bytes(self) -> int:
        """Return the largest resident memory that the server's process ever had."""
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024


def drill(folder: Path) -> Answers:
    """Start the server, push the candidate of a folder, and ask it.

    Raises:
        DeploymentError: The server did not come up, refused, or broke off.
    """
    questions = Questions.model_validate_json((folder / QUESTIONS_FILE).read_bytes())
    bundle = read_bundle(folder, model=questions.model, version=questions.version)
    with _server(questions.model, folder / STATE_FOLDER) as server:
        server.ask("PUT", ADMIN_RELEASE_PATH, ReleasePush.of(bundle, token=1).model_dump_json().encode())
        served = server.ask("GET", RELEASE_PATH)
        scores = server.scores(questions.rows)
        singles = [score for row in questions.rows for score in server.scores([row])]
        server.milliseconds(questions.rows, WARM_UP_REQUESTS)
        rounds = [sorted(server.milliseconds(questions.rows, questions.requests)) for _ in range(questions.rounds)]
        return Answers(
            version=str(served.get("version")) if isinstance(served, dict) else "",
            scores=tuple(scores),
            single_scores=tuple(singles),
            memory_bytes=server.memory_bytes(),
            p50_ms=min(_percentile(took, 0.5) for took in rounds),
            p99_ms=min(_percentile(took, 0.99) for took in rounds),
        )


@contextmanager
def _server(model: str, state: Path) -> Iterator[ServerOnLoopback]:
    """Run the server as the image's own entry point does, but on the loopback."""
    command = [sys.executable, "-m", "titlebout.serving", "--model", model, "--state-dir", str(state)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        yield ServerOnLoopback(process, state)
    finally:
        process.kill()
        process.wait()


def _awaited_address(process: "subprocess.Popen[bytes]", state_dir: Path) -> ServerDescription:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    file = state_dir / ADDRESS_FILE
    while time.monotonic() < deadline:
        if file.exists():  # written in one step, once the server answers
            return ServerDescription.model_validate_json(file.read_bytes())
        if process.poll() is not None:
            message = f"the server ended at its start, with status {process.returncode}"
            raise DeploymentError(message)
        time.sleep(0.02)
    message = f"the server did not come up in {START_TIMEOUT_SECONDS:.0f} s"
    raise DeploymentError(message)


def _percentile(ascending: Sequence[float], share: float) -> float:
    return ascending[math.ceil(share * len(ascending)) - 1]


def _plain(score: JsonValue) -> JsonValue:
    """Write NaN and infinity, which are no JSON, as texts."""
    if isinstance(score, list):
        return [_plain(part) for part in score]
    return str(score) if isinstance(score, float) and not math.isfinite(score) else score


if __name__ == "__main__":
    signal.alarm(LIFETIME_SECONDS)  # also where nobody waits for the end any more
    try:
        print(drill(Path(sys.argv[1])).model_dump_json())  # noqa: T201  # a program's answer
    except TitleboutError as failure:
        sys.exit(bounded(str(failure)))
