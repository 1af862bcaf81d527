"""Which TCP ports the demo's services listen on."""

import socket

LOOPBACK = "127.0.0.1"


def free_port(preferred: int) -> int:
    """Return the preferred port where nobody listens on it, otherwise one that the kernel picks."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # Without it, a connection that was just closed would make the port look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "the kernel has no free TCP port on 127.0.0.1"
    raise OSError(message)
