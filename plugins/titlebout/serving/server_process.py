"""Runs a model server as a process: one owner of the state folder, a port, an address file, a graceful end."""

import asyncio
import errno
import gc
import importlib
import ipaddress
import logging
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from titlebout.core.errors import DeploymentError
from titlebout.core.machine.file_locks import try_lock
from titlebout.core.machine.lean_xgboost import load_xgboost
from titlebout.core.wire import LOCK_FILE, ServerDescription, first_token
from titlebout.serving.access import Guard
from titlebout.serving.application import create_app
from titlebout.serving.caller_warnings import Rarely
from titlebout.serving.protocol_choice import http_protocol
from titlebout.serving.settings import ServingSettings
from titlebout.serving.token_file import checked_tokens

LOCK_PATIENCE_SECONDS = 2.0
GRACE_SECONDS = 10
PARTING_SECONDS = 0.5
PUBLISH_SECONDS = 10.0
"""So often a server tries to say where it listens while its disk is full."""
# Far above what one model on one machine is asked, far below what runs out of memory or file descriptors.
MAX_CONNECTIONS = 512
GARBAGE_OBJECTS = 20_000
"""More objects than that have to be new before the collector looks for garbage; they take a few megabytes."""

_logger = logging.getLogger(__name__)


class AddressedServer(uvicorn.Server):
    """A uvicorn server that says where it listens, for as long as it does."""

    def __init__(self, config: uvicorn.Config, address_file: Path, description: ServerDescription, app: Guard) -> None:
        """Take the address to write once the server answers, and what to close once it does not any more."""
        super().__init__(config)
        self._app = app
        self._address_file = address_file
        self._description = description
        self._publishing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then publish the address."""
        await super().startup(sockets)
        self._publishing = asyncio.create_task(self._publish())

    async def _publish(self) -> None:
        """Write the address in one step; callers are answered meanwhile, should the disk be full for hours."""
        temporary = self._address_file.with_name(f".{self._address_file.name}.{os.getpid()}")
        while not self._address_file.exists():
            try:
                temporary.write_text(self._description.model_dump_json(), encoding="utf-8")
                temporary.replace(self._address_file)
            except OSError as error:
                _logger.warning("%s cannot be written: %s; make room; trying again, answers go on", temporary, error)
                await asyncio.sleep(PUBLISH_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Withdraw the address, finish the running requests, then write down what was answered."""
        if self._publishing is not None:
            self._publishing.cancel()
        self._address_file.unlink(missing_ok=True)
        await self._part_from_clients()
        await super().shutdown(sockets)
        await asyncio.to_thread(self._app.close)  # here: uvicorn raises the signal again before it returns

    async def _part_from_clients(self) -> None:
        """Say with each answer that it is the connection's last, for a moment.

        A connection that is closed between two requests would lose the one that is on its way just then.
        """
        for listener in self.servers:
            listener.close()
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        deadline = time.monotonic() + PARTING_SECONDS
        while state.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class TlsFiles:
    """Certificate and key, in PEM."""

    certificate: Path
    key: Path | None = None
    """None: it stands in the file of the certificate."""


def serve(settings: ServingSettings, *, host: str, port: int, address_file: Path, tls: TlsFiles | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        DeploymentError: Another server owns the state folder, the folder is damaged, or the host is not ours.
    """
    with _sole_owner(settings.state_dir, address_file), _listening_socket(host, port) as listener:
        bound_port = listener.getsockname()[1]
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            http=http_protocol(app),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,  # it would fill the disk and tell nothing that the answers do not
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        description = ServerDescription(
            model=settings.model,
            instance=settings.instance,
            pid=os.getpid(),
            host=host,
            port=bound_port,
            scheme="https" if tls else "http",
            started_at=datetime.now(tz=UTC),
        )
        _logger.info(
            "model server of %s on %s port %d, state in %s", settings.model, host, bound_port, settings.state_dir
        )
        collect_rarely()
        logging.getLogger("uvicorn.error").addFilter(Rarely())
        AddressedServer(config, address_file, description, app).run(sockets=[listener])


def collect_rarely() -> None:
    """Have the collector of garbage hold answers up as rarely as possible: they leave hardly anything to it.

    What is here stays and is not looked through again; so what the first release would load is loaded before. A large
    request makes some objects for each of its rows, which are all gone once it is answered.
    """
    load_xgboost()
    with suppress(ImportError, OSError):  # where it does not load, XGBoost scores everything, and the log says so
        importlib.import_module("treelite")
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name that is no address is taken for one that others reach."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def admin_token(file: Path) -> str:
    """Return the admin token from the environment, or the first of a file that is made on the first start.

    Raises:
        DeploymentError: Others may read the file, it is empty, or the token of the environment is none.
    """
    if token := os.environ.get("TITLEBOUT_ADMIN_TOKEN"):
        checked_tokens([token], "TITLEBOUT_ADMIN_TOKEN")
        return token
    if not file.exists():
        _make_token(file)
    token = first_token(file.read_text(encoding="ascii"))
    if not token or file.stat().st_mode & 0o077:
        message = f"{file} must hold the admin token and be readable by its owner only; remove it to have it made anew"
        raise DeploymentError(message)
    return token


def _make_token(file: Path) -> None:
    """Make the file in one step; where another server was faster, its token stands."""
    descriptor, made = tempfile.mkstemp(dir=file.parent)  # readable by its owner only
    with os.fdopen(descriptor, "w", encoding="ascii") as writable:
        writable.write(secrets.token_urlsafe(32))
    with suppress(FileExistsError):
        os.link(made, file)
    Path(made).unlink()


@contextmanager
def _sole_owner(state_dir: Path, address_file: Path) -> Iterator[None]:
    """Hold the lock of a state folder for as long as this process lives.

    The kernel lets go of it when the process ends in whatever way. So whoever finds it taken knows that the
    process of the address file lives, even if it does not answer, and that its number is not reused.
    """
    descriptor = os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS  # a host that looks whether we live holds it for a moment
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            message = f"another server owns {state_dir}; stop it, or give this one a folder of its own"
            raise DeploymentError(message)
        time.sleep(0.05)
    try:
        address_file.unlink(missing_ok=True)  # of a predecessor that was killed: its pid may be a stranger's by now
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on the wanted port, or on a free one where it is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, host, port)
        yield listener
    finally:
        listener.close()


def _bind(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.bind((host, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not port:
            message = f"cannot listen on {host} port {port}: {error}; choose another with --host and --port"
            raise DeploymentError(message) from error
        _logger.warning("port %d of %s is taken, choosing a free one", port, host)
        _bind(listener, host, 0)
