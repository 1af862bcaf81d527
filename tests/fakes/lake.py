"""A lake in memory: passes the contract suite of the real ones."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from titlebout.core.errors import CorruptObjectError, LakeConflictError, ObjectMissingError
from titlebout.core.lake_paths import checked_path, checked_prefix, forgettable_path


class MemoryLake:
    """Immutable objects in a dictionary; `objects` is open to tests that break them on purpose."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._copies = tempfile.TemporaryDirectory(prefix="titlebout-memory-lake-")

    def publish(self, path: str, data: bytes | Path) -> str:
        content = data.read_bytes() if isinstance(data, Path) else bytes(data)
        if self.objects.setdefault(checked_path(path), content) != content:
            message = f"{self.uri(path)}: other bytes already stand there"
            raise LakeConflictError(message)
        return self.uri(path)

    def read(self, path: str, *, sha256: str | None = None) -> bytes:
        if checked_path(path) not in self.objects:
            message = f"{self.uri(path)}: nothing was published there"
            raise ObjectMissingError(message)
        content = self.objects[path]
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            message = f"{self.uri(path)}: the bytes do not have the SHA-256 {sha256}"
            raise CorruptObjectError(message)
        return content

    def local_copy(self, path: str, *, sha256: str) -> Path:
        content = self.read(path, sha256=sha256)
        copy = Path(self._copies.name) / sha256 / Path(path).name
        copy.parent.mkdir(exist_ok=True)
        # Several threads may ask for one object: none of them sees a file half written by another.
        with tempfile.NamedTemporaryFile(dir=copy.parent, delete=False) as temporary:
            temporary.write(content)
        Path(temporary.name).replace(copy)
        return copy

    def has(self, path: str) -> bool:
        return checked_path(path) in self.objects

    def list_paths(self, prefix: str, *, after: str = "") -> Iterator[str]:
        folder = f"{checked_prefix(prefix)}/" if prefix else ""
        return iter(sorted(path for path in [*self.objects] if path.startswith(folder) and path > after))

    def forget(self, path: str) -> None:
        self.objects.pop(forgettable_path(path), None)

    def uri(self, path: str) -> str:
        return f"memory:///{checked_path(path)}"
