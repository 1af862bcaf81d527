"""Ports: the preferred one where it is free and nobody else is about to use it."""

import io
import socket
from pathlib import Path

import pytest

from titlebout.demo.folder import DemoFolder
from titlebout.demo.progress import Progress
from titlebout.demo.sockets import LOOPBACK, PortClaims, free_port
from titlebout.demo.stack import Stack


@pytest.fixture
def claims(tmp_path: Path) -> PortClaims:
    return PortClaims(tmp_path)


def test_a_free_port_is_taken_as_preferred(claims):
    preferred = free_port()
    assert claims.claim(preferred) == preferred


def test_a_port_in_use_is_replaced_by_another_one(claims):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        assert claims.claim(port) > port


def test_a_port_that_somebody_holds_on_all_interfaces_counts_as_in_use(claims):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        assert claims.claim(port) != port


def test_a_port_that_another_demo_claims_is_replaced_before_anybody_listens_on_it(claims, tmp_path):
    port = free_port()
    other = PortClaims(tmp_path)
    assert claims.claim(port) == port
    assert other.claim(port) != port


def test_demos_in_other_folders_claim_other_ports(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stacks = [Stack(DemoFolder(tmp_path / name, name), Progress(io.StringIO())) for name in ("one", "other")]
    ports = [port for stack in stacks for port in (stack.ports.airflow, stack.ports.mlflow)]
    assert len(set(ports)) == len(ports)


def test_a_machine_without_a_free_port_is_said(claims):
    with socket.create_server((LOOPBACK, 65535)), pytest.raises(OSError, match=r"no free port of .* from 65535 on"):
        claims.claim(65535)


def test_a_port_whose_last_connection_just_closed_is_free(claims):
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)):
            accepted, _ = server.accept()
            accepted.close()  # this side closes first and so keeps the port in TIME_WAIT
    assert claims.claim(port) == port
