"""Which TCP ports the demo's services listen on."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import TextIO

LOOPBACK = "127.0.0.1"
CANDIDATES = 1000  # far below the ports from 32768 on, which the kernel hands to connections


class PortClaims:
    """Finds free ports, and keeps two demos of this machine that start together from finding the same one.

    A service takes ten seconds and more until it listens on the port that was chosen for it. Claims are file
    locks: they end with the process that holds them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Claim ports against all others that use the same folder: by default, all of this user's."""
        self._folder = folder or Path(tempfile.gettempdir(), f"titlebout-ports-{os.getuid()}")
        self._held: list[TextIO] = []

    def claim(self, preferred: int) -> int:
        """Return the preferred port or the next one on which nobody listens and which nobody claims.

        Raises:
            OSError: A thousand ports in a row are taken.
        """
        for port in range(preferred, min(preferred + CANDIDATES, 2**16)):
            if _is_free(port) and self._lock(port):
                return port
        message = f"no free port of {LOOPBACK} from {preferred} on"
        raise OSError(message)

    def _lock(self, port: int) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (self._folder / f"{port}.lock").open("w", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held.append(file)
        return True


def free_port() -> int:
    """Return a port that nobody listens on now, for whoever takes it at once."""
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
