"""Ports: the preferred one where it is free and nobody else is about to use it."""

import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from titlebout.demo import sockets
from titlebout.demo.failure import DemoError
from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Progress
from titlebout.demo.sockets import LOOPBACK, PortClaims
from titlebout.demo.stack import Stack

CLAIM = "import sys; from titlebout.demo.sockets import PortClaims; print(PortClaims().claim(int(sys.argv[1])))"


@pytest.fixture
def claims() -> Iterator[PortClaims]:
    claims = PortClaims()
    yield claims
    claims.close()


@pytest.fixture
def port() -> int:
    """A port that is free, and none of those that the kernel hands to connections or that another worker looks at."""
    return PortClaims().claim(10_000 + 20 * os.getpid() % 9_000)


def test_a_free_port_is_taken_as_preferred(claims, port):
    assert claims.claim(port) == port


def test_a_port_in_use_is_replaced_by_another_one(claims, port):
    with socket.create_server((LOOPBACK, port)):
        assert claims.claim(port) > port


def test_a_port_that_somebody_holds_on_all_interfaces_counts_as_in_use(claims, port):
    with socket.create_server(("0.0.0.0", port)):
        assert claims.claim(port) != port


def test_a_port_that_another_demo_claims_is_replaced_before_anybody_listens_on_it(claims, port, tmp_path):
    """Wherever that demo keeps its temporary files; and nothing of a claim is left there."""
    assert claims.claim(port) == port
    command = [sys.executable, "-c", CLAIM, str(port)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(other.stdout) > port
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_was_given_up_is_free_for_others(claims, port):
    claims.claim(port)
    claims.close()
    assert PortClaims().claim(port) == port


def test_a_port_on_which_another_demo_begins_to_listen_in_this_moment_is_replaced(claims, port, monkeypatch):
    other, is_free = PortClaims(), sockets._is_free
    assert other.claim(port) == port
    with ExitStack() as listening:

        def looked_at(asked: int) -> bool:
            found = is_free(asked)
            if asked == port:
                listening.enter_context(socket.create_server((LOOPBACK, port)))
                other.close()
            return found

        monkeypatch.setattr(sockets, "_is_free", looked_at)
        assert claims.claim(port) > port


def test_demos_in_other_folders_claim_other_ports(tmp_path):
    stacks = [Stack(DemoFolder(tmp_path / name, name), Progress(io.StringIO())) for name in ("one", "other")]
    ports = [port for stack in stacks for port in (stack.ports.airflow, stack.ports.mlflow)]
    assert len(set(ports)) == len(ports)


def test_a_machine_without_a_free_port_is_said(claims, port, monkeypatch):
    monkeypatch.setattr(sockets, "CANDIDATES", 1)
    with (
        socket.create_server((LOOPBACK, port)),
        pytest.raises(DemoError, match=rf"no free port of {LOOPBACK} from {port}"),
    ):
        claims.claim(port)


def test_a_port_whose_last_connection_just_closed_is_free(claims, port):
    with socket.create_server((LOOPBACK, port)) as server, socket.create_connection((LOOPBACK, port)):
        accepted, _ = server.accept()
        accepted.close()  # this side closes first and so keeps the port in TIME_WAIT
    assert claims.claim(port) == port
