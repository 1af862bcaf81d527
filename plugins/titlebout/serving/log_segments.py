"""The inference log on the server's disk: files that are appended to, closed, collected and deleted.

    <state>/log/<server>-<number>.open      being written by this run of the server
    <state>/log/<server>-<number>.jsonl     closed; it waits until whoever collected it says so

What was appended survives the end of the process in whatever way, as the kernel holds it; `sync` saves it from the
end of the machine. Only one process at a time may use a folder. One thread at a time may use it, but `waiting` and
`content` look at closed files alone: they may run beside the one that writes.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from titlebout.core.inference_log.log_port import WaitingSegment
from titlebout.core.machine.durable_files import sync_folder

_OPEN, _CLOSED = ".open", ".jsonl"


class LogSegments:
    """Append to segments and hand the closed ones out."""

    def __init__(self, folder: Path, instance: str) -> None:
        """Take the folder over; a file that a killed predecessor was writing is closed."""
        self._folder, self._instance = folder, instance
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._hashes: dict[str, str] = {}
        self._numbers = 0
        self._descriptor: int | None = None
        self._name, self.size, self._opened, self._is_synced = "", 0, 0.0, True
        self._close_leftovers()
        self.closed_bytes = sum(path.stat().st_size for path in folder.glob(f"*{_CLOSED}"))

    @property
    def is_open(self) -> bool:
        """Whether a segment is being written."""
        return self._descriptor is not None

    @property
    def age_seconds(self) -> float:
        """For how long the open segment has been written."""
        return time.monotonic() - self._opened if self.is_open else 0.0

    @property
    def total_bytes(self) -> int:
        """What all segments take on the disk."""
        return self.closed_bytes + self.size

    @property
    def count(self) -> int:
        """How many closed segments wait."""
        return sum(1 for _ in self._folder.glob(f"*{_CLOSED}"))

    def open(self) -> None:
        """Begin a segment.

        Raises:
            OSError: The disk does not take it.
        """
        self._close_leftovers()
        self._numbers += 1
        self._name, self.size = f"{self._instance}-{self._numbers:08d}", 0
        self._descriptor = os.open(self._path(_OPEN), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._opened, self._is_synced = time.monotonic(), True

    def append(self, content: bytes | bytearray) -> None:
        """Append whole lines to the open segment, all of them or none.

        Raises:
            OSError: The disk does not take them.
        """
        if self._descriptor is None:
            message = "no segment is open"
            raise ValueError(message)
        rest, self._is_synced = memoryview(content), False
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)  # a line that was cut would end the segment for its readers
            raise
        self.size += len(content)

    def sync(self) -> None:
        """Save what was appended from a power cut."""
        if self._descriptor is not None and not self._is_synced:
            os.fsync(self._descriptor)
            self._is_synced = True

    def close(self) -> None:
        """Close the open segment, if there is one, so that it can be collected."""
        self.sync()
        self.abandon()
        self._close_leftovers()

    def abandon(self) -> None:
        """Write no more to the open segment; what is whole in it is closed when the disk takes that."""
        if self._descriptor is not None:
            with suppress(OSError):  # a network disk may say once more that it is full; the descriptor is gone anyway
                os.close(self._descriptor)
            self._descriptor = None
            self.closed_bytes += self.size
            self.size = 0

    def waiting(self) -> list[WaitingSegment]:
        """Return the closed segments, oldest first."""
        paths = sorted(self._folder.glob(f"*{_CLOSED}"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [
            WaitingSegment(name=path.stem, sha256=self._sha256(path), size_bytes=path.stat().st_size) for path in paths
        ]

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a closed segment; None where there is none of that name."""
        path = self._folder / f"{name}{_CLOSED}"
        return path.read_bytes() if path.is_file() else None

    def forget(self, name: str, sha256: str) -> bool:
        """Delete a closed segment; False where it is not the one that was collected."""
        path = self._folder / f"{name}{_CLOSED}"
        if not path.is_file():
            return True
        if self._sha256(path) != sha256:
            return False
        size = path.stat().st_size
        path.unlink()
        sync_folder(self._folder)
        self._hashes.pop(path.stem, None)
        self.closed_bytes -= size
        return True

    def _close_leftovers(self) -> None:
        for leftover in self._folder.glob(f"*{_OPEN}"):
            if not leftover.stat().st_size:
                leftover.unlink()
                continue
            leftover.rename(leftover.with_suffix(_CLOSED))
        with suppress(OSError):  # a name that a power cut forgets is found as a leftover once more
            sync_folder(self._folder)

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._name}{suffix}"

    def _sha256(self, path: Path) -> str:
        found = self._hashes.get(path.stem)
        if found is None:
            found = self._hashes[path.stem] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found
