"""A real Ceph object gateway from Debian's packages: a monitor, a store in memory and a gateway, up in two seconds."""

import atexit
import ctypes
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.ports import own_port
from titlebout.adapters.s3.s3_access import S3Settings

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw")
DEADLINE_SECONDS = 180
_PR_SET_PDEATHSIG = 1

# Nobody proves who he is inside the cluster, nothing is replicated, and nothing waits for others to join.
CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor_port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr1 = false
ms mon client mode = crc
run dir = {folder}
crash dir = {folder}
admin socket =
pid file =
log file = {folder}/$name.log
mon allow pool size one = true
mon data avail crit = 0
mon data avail warn = 0
paxos propose interval = 0.05
paxos min wait = 0.01
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
[mon.a]
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw multipart min part size = 65536
# What is deleted makes room at once, not two hours later.
rgw gc obj min wait = 1
rgw gc processor period = 2
rgw gc processor max time = 2
rgw s3 auth use sts = true
rgw sts key = titlebout-tests!
"""


@dataclass
class RadosGateway:
    """A running gateway and the keys of its one user, `tester`."""

    settings: S3Settings
    admin: Callable[..., str]
    """Runs `radosgw-admin` and returns what it prints."""
    store: "subprocess.Popen[bytes]"
    """The process that holds the objects: frozen, it makes the gateway hang."""

    def freeze(self) -> None:
        self.store.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.store.send_signal(signal.SIGCONT)


@functools.cache
def radosgw() -> RadosGateway:
    """Start the gateway on first use; it ends with the test process. Skips where the programs are absent."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian packages of the same names)")
    folder = Path(tempfile.mkdtemp(prefix="titlebout-ceph-"))
    processes: list[subprocess.Popen[bytes]] = []
    atexit.register(_stop, processes, folder)
    return _Cluster(folder, processes).start()


class _Cluster:
    def __init__(self, folder: Path, processes: "list[subprocess.Popen[bytes]]") -> None:
        self._folder = folder
        self._processes = processes
        self._configuration = folder / "ceph.conf"

    def start(self) -> RadosGateway:
        ports = {"monitor_port": own_port(), "gateway_port": own_port()}
        fsid = str(uuid.uuid4())
        self._configuration.write_text(CONFIGURATION.format(folder=self._folder, fsid=fsid, **ports))
        for name in ("mon", "osd", "rgw"):
            (self._folder / name).mkdir()
        monitors = self._folder / "monitors"
        address = f"[v2:127.0.0.1:{ports['monitor_port']}]"
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, str(monitors))
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", str(monitors))
        self._launch("ceph-mon", "-i", "a")
        store_id = str(uuid.uuid4())
        self._run("ceph", "osd", "new", store_id)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store_id)
        store = self._launch("ceph-osd", "-i", "0")
        settings = S3Settings(
            endpoint_url=f"http://127.0.0.1:{ports['gateway_port']}",
            region_name="us-east-1",
            access_key="tester",
            secret_key="tester-secret",
            pause_seconds=0.01,
        )
        keys = (f"--access-key={settings.access_key}", f"--secret-key={settings.secret_key}")
        admin = functools.partial(self._run, "radosgw-admin", "-n", "client.rgw")
        admin("user", "create", "--uid=tester", "--display-name=tester", *keys)
        gateway = self._launch("radosgw", "-n", "client.rgw")
        _await_answer(settings.endpoint_url, gateway, self._folder)
        return RadosGateway(settings, admin, store)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            self._configured(command), capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
        )
        assert done.returncode == 0, f"{command[0]}: {done.stderr}\n{_last_words(self._folder)}"
        return done.stdout

    def _launch(self, *command: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [*self._configured(command), "-f"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (it takes no lock and allocates next to nothing)
        )
        self._processes.append(process)
        return process

    def _configured(self, command: tuple[str, ...]) -> list[str]:
        return [*command] if command[0] == "monmaptool" else [*command, "-c", str(self._configuration)]


def _await_answer(url: str, gateway: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and gateway.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the object gateway did not come up:\n{_last_words(folder)}")


def _last_words(folder: Path) -> str:
    """Return the ends of the logs of all programs."""
    ends = {log.name: log.read_text(errors="replace").splitlines()[-5:] for log in sorted(folder.glob("*.log"))}
    return "\n".join(f"{name}: {line}" for name, lines in ends.items() for line in lines)


def _end_with_parent() -> None:
    """Ask the kernel to kill this process when the tests are killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()


def _stop(processes: "list[subprocess.Popen[bytes]]", folder: Path) -> None:
    for process in reversed(processes):
        process.kill()
    for process in processes:
        process.wait(DEADLINE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
