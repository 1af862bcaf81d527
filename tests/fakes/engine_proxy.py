"""A Docker engine that goes down in the middle: a socket in front of the real one, which others need."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REAL_ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


class EngineProxy:
    """Hands requests on until it has handed on as many as it may; then it is dead, or frozen.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/engine.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/engine.sock")
        self._listener.listen()
        self._left, self._is_frozen, self._open = 0, False, set[socket.socket]()
        self._counting = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def live_for(self, requests: int, *, then_frozen: bool = False) -> None:
        """Hand on so many requests from now on."""
        self._hang_up()
        self._left, self._is_frozen = requests, then_frozen

    def close(self) -> None:
        self._hang_up()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                theirs, _ = self._listener.accept()
            except OSError:
                return
            ours = socket.socket(socket.AF_UNIX)
            ours.connect(REAL_ENGINE)
            self._open |= {theirs, ours}
            threading.Thread(target=self._hand_on, args=(theirs, ours), kwargs={"counts": True}, daemon=True).start()
            threading.Thread(target=self._hand_on, args=(ours, theirs), daemon=True).start()

    def _hand_on(self, sender: socket.socket, receiver: socket.socket, *, counts: bool = False) -> None:
        with suppress(OSError):
            while content := sender.recv(1 << 16):
                if counts and not self._may_pass():
                    if self._is_frozen:
                        return  # and never an answer
                    break
                receiver.sendall(content)
        for end in (sender, receiver):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _may_pass(self) -> bool:
        with self._counting:
            self._left -= 1
            return self._left >= 0

    def _hang_up(self) -> None:
        for each in [*self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()


@contextmanager
def engine_proxy(folder: Path) -> Iterator[EngineProxy]:
    proxy = EngineProxy(folder)
    try:
        yield proxy
    finally:
        proxy.close()
