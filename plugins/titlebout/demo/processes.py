"""Starts the demo's services and stops exactly those again, also after a crash of the demo itself."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no annotations

from titlebout.demo.failure import DemoError

GRACE_SECONDS = 8.0
KILL_SECONDS = 60.0  # nobody refuses that signal, but a busy machine may take its time to carry it out
# At an interrupt Postgres shuts down at once; at a terminate it waits for its clients.
_POLITE_SIGNALS = {"postgres": signal.SIGINT}


@dataclass(frozen=True)
class Service:
    """A process that the demo started as the leader of its own session.

    The session is what identifies a service's family later on: children that Airflow puts into process
    groups of their own, and workers that outlive a killed scheduler, still belong to it.
    """

    name: str
    pid: int
    log: str
    stops_last: bool = False


class ProcessBook:
    """Starts services and writes their ids down before anything else can fail."""

    def __init__(self, path: Path, root: Path) -> None:
        """Keep the book in `path`; every service works inside `root`."""
        self._path = path
        self._root = root
        self._children: list[subprocess.Popen[bytes]] = []  # kept, so that Python does not warn about them

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path, stops_last: bool = False
    ) -> Service:
        """Start one service in the background, with its output in a log file."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children.append(process)
        service = Service(name=name, pid=process.pid, log=str(log), stops_last=stops_last)
        self._write([*self.services(), service])
        return service

    def services(self) -> list[Service]:
        """Return everything in the book, running or not."""
        try:
            return [Service(**entry) for entry in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []

    def check_running(self, service: Service) -> None:
        """Fail early when a service that should come up has died.

        Raises:
            DemoError: It is gone; the error shows its last log lines.
        """
        if not is_alive(service.pid):
            message = f"{service.name} stopped by itself"
            raise DemoError(message, log=Path(service.log))

    def listens(self, service: Service, port: int) -> bool:
        """Whether it is this service that listens on a port, and not a stranger who was faster.

        Raises:
            DemoError: The service is gone.
        """
        self.check_running(service)
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for process in self._family(service)
            for connection in _connections(process)
        )

    def stop_all(self) -> list[str]:
        """Stop all services of the book that still run; return their names."""
        running = [service for service in self.services() if self._family(service)]
        self._stop([service for service in running if not service.stops_last])
        self._stop([service for service in running if service.stops_last])
        self._path.unlink(missing_ok=True)
        return [service.name for service in running]

    def _stop(self, services: Sequence[Service]) -> None:
        """Ask the leaders, all at once; what is left of a family when they are gone is killed."""
        families = [process for service in services for process in self._family(service)]
        # Airflow's and MLflow's children take their orders from their leader.
        asked = {service.pid: _POLITE_SIGNALS.get(service.name, signal.SIGTERM) for service in services}
        leaders = [process for process in families if process.pid in asked]
        for process in leaders:
            _signal(process, asked[process.pid])
        psutil.wait_procs(leaders, timeout=GRACE_SECONDS)
        for process in families:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(families, timeout=KILL_SECONDS)

    def _family(self, service: Service) -> list[psutil.Process]:
        """Return the living processes of a service: of its session, and at work inside the demo's folder.

        The second condition keeps a process safe that by chance got the id of a service long gone.
        """
        return [process for pid in psutil.pids() if (process := self._member(pid, service)) is not None]

    def _member(self, pid: int, service: Service) -> psutil.Process | None:
        try:
            if os.getsid(pid) != service.pid:
                return None
            # Made here: `psutil.process_iter` remembers who had this id when it last looked, and refuses to signal
            # another.
            process = psutil.Process(pid)
            is_ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(self._root)
        except (ProcessLookupError, PermissionError, psutil.Error):
            return None
        return process if is_ours else None

    def _write(self, services: Sequence[Service]) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps([asdict(service) for service in services], indent=1), encoding="utf-8")
        temporary.replace(self._path)


def is_alive(pid: int) -> bool:
    """Whether a process runs (a child that has ended but was not collected yet does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _connections(process: psutil.Process) -> Sequence[Any]:
    try:
        return list(process.net_connections(kind="tcp"))
    except psutil.Error:
        return ()


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
