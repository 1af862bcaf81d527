"""Model servers as processes of this machine, one per model. They outlive the task that starts them."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

import titlebout
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.machine.file_locks import try_lock
from titlebout.core.ports import ServerAddress
from titlebout.core.wire import (
    ADDRESS_FILE,
    ADMIN_TOKEN_FILE,
    LIVE_PATH,
    LOCK_FILE,
    ServerDescription,
    checked_model_name,
    first_token,
)

if TYPE_CHECKING:
    from titlebout.core.ports import ServerHost

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 15.0
PROBE_TIMEOUT_SECONDS = 2.0
HANG_TIMEOUT_SECONDS = 15.0
LOG_LINES = 20
LOG_CHARACTERS_IN_ERRORS = 250
STATE = "state"
MAX_LOG_BYTES = 5 * 2**20

# Everything else stays behind: an Airflow task's environment is full of connections and keys.
INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "PYTHONPATH")

_logger = logging.getLogger(__name__)


class ProcessHost:
    """Start model servers below one folder: `<root>/<model>/` with the server's log and its `state/`.

    Args:
        root: Folder for all models; it has to outlive reboots, as releases live there.
        port: Wanted port on the loopback interface; 0, or one that is taken: a free one.
        start_timeout_seconds: A server that does not answer by then has failed.
    """

    def __init__(self, root: Path, *, port: int = 0, start_timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Take where servers live; nothing is started."""
        self._root = root.absolute()
        self._port = port
        self._start_timeout = start_timeout_seconds
        # Kept so that a server that ends before this process does is reaped, and not a zombie.
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def ensure_running(self, model: str) -> ServerAddress:
        """Return the address of the model's server, started if it was not running.

        Raises:
            DeploymentError: It does not come up; the message holds its last log lines.
            UnavailableError: Another process has been starting it for too long.
        """
        folder = self._folder(model)
        with _sole_starter(folder, self._start_timeout + STOP_TIMEOUT_SECONDS):
            found = self.find(model)
            if found is None and _is_owned(folder):  # it lives: busy, or still starting
                found = self._awaited(model, lambda: not _is_owned(folder), HANG_TIMEOUT_SECONDS)
            if found is None:
                self._end(model)
                found = self._start(model)
            return found

    def find(self, model: str) -> ServerAddress | None:
        """Return the address of the model's server if it answers as itself, or None."""
        folder = self._folder(model)
        described = _described(folder)
        if described is None or not _answers_as(described):
            return None
        try:
            token = first_token((folder / STATE / ADMIN_TOKEN_FILE).read_text(encoding="ascii"))
        except OSError as error:
            message = f"server of {model!r} runs, but its admin token is not readable: {error}; run as its user"
            raise DeploymentError(message) from error
        return ServerAddress(url=described.url, admin_token=token)

    def stop(self, model: str) -> None:
        """Stop the model's server after its running requests; no error when none runs."""
        folder = self._folder(model)
        if folder.exists():
            with _sole_starter(folder, self._start_timeout + STOP_TIMEOUT_SECONDS):
                self._end(model)

    def renew(self, model: str) -> None:
        """Do nothing: a process keeps the code it was started with until somebody restarts it."""

    def image_id(self) -> None:
        """Name none: a process runs what is installed here."""

    def _folder(self, model: str) -> Path:
        return self._root / checked_model_name(model)

    def _awaited(self, model: str, is_hopeless: Callable[[], bool], timeout_seconds: float) -> ServerAddress | None:
        """Wait until the server answers, and ask it no second time: on a busy machine the next answer may be late."""
        found = _waited_for(lambda: self.find(model) or is_hopeless(), timeout_seconds)
        return found if isinstance(found, ServerAddress) else None

    def _start(self, model: str) -> ServerAddress:
        folder = self._folder(model)
        log = folder / "server.log"
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(folder / "server.log.1")
        command = [sys.executable, "-P", "-m", "titlebout.serving", "--model", model, "--port", str(self._port)]
        with log.open("ab") as output:
            # A session of its own and no shared file descriptor: Airflow ends a task's process group, and waits
            # until every copy of the task's sockets is closed.
            child = subprocess.Popen(
                [*command, "--state-dir", str(folder / STATE)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_environment(),
                start_new_session=True,
                close_fds=True,
            )
        self._children[model] = child
        found = self._awaited(model, lambda: child.poll() is not None, self._start_timeout)
        if found is None:
            child.kill()
            child.wait()
            message = f"server of {model!r} did not start; {_last_lines(folder)}"
            raise DeploymentError(message)
        _logger.info("started server of %s, process %d, log in %s", model, child.pid, log)
        return found

    def _end(self, model: str) -> None:
        """End whatever owns the model's state folder: politely, then by force."""
        folder = self._folder(model)
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if not _is_owned(folder):
                break
            _waited_for(lambda: _described(folder) or not _is_owned(folder), PROBE_TIMEOUT_SECONDS)
            if described := _described(folder):
                # The lock is taken and its owner wrote this file, so the number is that of a living server.
                with suppress(ProcessLookupError):
                    os.kill(described.pid, ending)
            _waited_for(lambda: not _is_owned(folder), STOP_TIMEOUT_SECONDS)
        if _is_owned(folder):
            message = f"server of {model!r} does not end; find out who holds {folder / STATE / LOCK_FILE} and kill it"
            raise DeploymentError(message)
        if child := self._children.pop(model, None):
            child.wait()


def _described(folder: Path) -> ServerDescription | None:
    try:
        return ServerDescription.model_validate_json((folder / STATE / ADDRESS_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
    except OSError as error:
        message = f"cannot look for a model server in {folder}: {error}; run as the user who started it"
        raise DeploymentError(message) from error


def _answers_as(described: ServerDescription) -> bool:
    """Whether the server of the file answers at its port, and not a stranger who got the port after it."""
    try:
        answer = httpx.get(described.url + LIVE_PATH, timeout=PROBE_TIMEOUT_SECONDS, trust_env=False)
        said = json.loads(answer.content)
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(said, dict) and (said.get("model"), said.get("instance")) == (described.model, described.instance)


def _is_owned(folder: Path) -> bool:
    """Whether a living server holds the state folder, answering or not."""
    lock = folder / STATE / LOCK_FILE
    if not lock.exists():
        return False
    descriptor = os.open(lock, os.O_RDWR)
    try:
        return not try_lock(descriptor, is_shared=True)
    finally:
        os.close(descriptor)


@contextmanager
def _sole_starter(folder: Path, patience_seconds: float) -> Iterator[None]:
    """Let one process at a time start or stop the server; the kernel frees the lock of one that dies."""
    lock = folder / "host.lock"
    try:
        for each in (folder, folder / STATE):  # parents are made with a mode of their own
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock.open("ab") as held:
            if not _waited_for(lambda: try_lock(held), patience_seconds):
                message = f"another process has held {lock} for {patience_seconds:g} s; clear this task"
                raise UnavailableError(message)
            yield
    except OSError as error:
        message = f"cannot keep a model server in {folder}: {error}; correct the folder or the right to write to it"
        raise DeploymentError(message) from error


def _waited_for(look: Callable[[], object], timeout_seconds: float) -> object:
    """Look until there is something to see, and return what was seen last."""
    deadline = time.monotonic() + timeout_seconds
    while not (seen := look()) and time.monotonic() <= deadline:
        time.sleep(0.05)
    return seen


def _environment() -> dict[str, str]:
    """Return what the server needs to find Python and this package, and none of the task's secrets."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    package_parent = str(Path(titlebout.__file__).resolve().parent.parent)  # `plugins/` is on no path but Airflow's
    search_path = [package_parent, *filter(None, [inherited.get("PYTHONPATH")])]
    return {**inherited, "PYTHONPATH": os.pathsep.join(search_path)}


def _last_lines(folder: Path) -> str:
    """Log the end of the server's log, and return as much of its very end as an error message holds."""
    log = folder / "server.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = "\n".join(text.splitlines()[-LOG_LINES:])
    _logger.error("last lines of %s:\n%s", log, lines)
    return f"{log} ends with: {lines[-LOG_CHARACTERS_IN_ERRORS:]}"


if TYPE_CHECKING:
    _host: ServerHost = ProcessHost(Path())
