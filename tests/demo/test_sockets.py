"""Ports: the preferred one where it is free."""

import socket

from titlebout.demo.sockets import LOOPBACK, free_port


def test_a_free_port_is_taken_as_preferred():
    preferred = free_port(0)
    assert free_port(preferred) == preferred


def test_a_port_in_use_is_replaced_by_another_one():
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        found = free_port(port)
    assert found not in {0, port}


def test_a_port_that_somebody_holds_on_all_interfaces_counts_as_in_use():
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port


def test_a_port_whose_last_connection_just_closed_is_free():
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)):
            accepted, _ = server.accept()
            accepted.close()  # this side closes first and so keeps the port in TIME_WAIT
    assert free_port(port) == port
