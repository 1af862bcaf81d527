"""Which TCP ports the demo's services listen on."""

import fcntl
import socket
from pathlib import Path
from typing import TextIO

LOOPBACK = "127.0.0.1"


class PortClaims:
    """Finds free ports, and keeps two demos that start together from finding the same one.

    A service takes ten seconds and more until it listens on the port that was chosen for it. Claims are file
    locks: they end with the process that holds them.
    """

    def __init__(self, folder: Path) -> None:
        """Claim ports against all others that use the same folder."""
        self._folder = folder
        self._held: list[TextIO] = []

    def claim(self, preferred: int) -> int:
        """Return the preferred port where nobody listens on it or claims it, otherwise one that the kernel picks."""
        return preferred if self._lock(preferred) and _is_free(preferred) else free_port()

    def _lock(self, port: int) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = (self._folder / f".port-{port}.lock").open("w", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held.append(file)
        return True


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it, a connection that was just closed would make the port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
