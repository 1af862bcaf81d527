"""Which TCP ports the demo's services listen on."""

import socket

from titlebout.demo.failure import DemoError

LOOPBACK = "127.0.0.1"
CANDIDATES = 1000  # far below the ports from 32768 on, which the kernel hands to connections


class PortClaims:
    """Finds free ports, and keeps two demos of this machine that start together from finding the same one.

    A service takes ten seconds and more until it listens on the port that was chosen for it. What marks a claim
    meanwhile is the UDP port of the same number, which nobody else wants. It leaves no file behind, it means the same
    to demos with different folders for temporary files, and it ends with the process that holds it.
    """

    def __init__(self) -> None:
        """Claim nothing yet."""
        self._marks: list[socket.socket] = []

    def claim(self, preferred: int) -> int:
        """Return the preferred port or the next one on which nobody listens and which nobody claims.

        Raises:
            DemoError: A thousand ports in a row are taken.
        """
        for port in range(preferred, min(preferred + CANDIDATES, 2**16)):
            # In this order: whoever gives a claim up listens by then.
            if self._mark(port) and _is_free(port):
                return port
        message = f"no free port of {LOOPBACK} from {preferred} on"
        raise DemoError(message)

    def close(self) -> None:
        """Give up all claims: the services listen, or will never."""
        for mark in self._marks:
            mark.close()
        self._marks.clear()

    def __del__(self) -> None:
        self.close()

    def _mark(self, port: int) -> bool:
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind((LOOPBACK, port))
        except OSError:
            mark.close()
            return False
        self._marks.append(mark)
        return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it, a connection that was just closed would make the port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
