"""The lake in a local folder."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.core.errors import (
    AccessRefusedError,
    CorruptObjectError,
    LakeConflictError,
    ObjectMissingError,
    UnavailableError,
)
from titlebout.core.lake_paths import checked_path, checked_prefix

if TYPE_CHECKING:
    from titlebout.core.ports import Lake

_CHUNK_BYTES = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class LocalLake:
    """Objects as files below one root, readable by their owner only.

    A file is written under a hidden name in the folder where it belongs, flushed to the disk, and then
    linked to its path: `link` fails where something stands already, so no object is ever replaced.
    """

    def __init__(self, root: Path) -> None:
        """Take the root folder; it is made when the first object is published."""
        self._root = root.absolute()

    def publish(self, path: str, data: bytes | Path) -> str:
        """Store bytes or a local file in one atomic step; see the port."""
        target = self._located(path)
        try:
            self._make_folder(target.parent)
            temporary = _written(target.parent, data)
            try:
                os.link(temporary, target)
                _flush_folder(target.parent)
            except FileExistsError:
                self._refuse_other_bytes(target, temporary)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise self._translated(error, target, _size(data)) from error
        return self.uri(path)

    def read(self, path: str, *, sha256: str | None = None) -> bytes:
        """Return an object's bytes; see the port."""
        target = self._located(path)
        try:
            content = target.read_bytes()
        except OSError as error:
            raise self._translated(error, target) from error
        if sha256 is not None:
            self._refuse_corrupt(target, hashlib.sha256(content).hexdigest(), sha256)
        return content

    def local_copy(self, path: str, *, sha256: str) -> Path:
        """Return the object's own file, checked; see the port."""
        target = self._located(path)
        try:
            self._refuse_corrupt(target, _file_sha256(target), sha256)
        except OSError as error:
            raise self._translated(error, target) from error
        return target

    def has(self, path: str) -> bool:
        """Whether something was published at the path."""
        return self._located(path).is_file()

    def list_paths(self, prefix: str) -> Iterator[str]:
        """Yield the published paths below a prefix in sorted order."""
        folder = self._root / checked_prefix(prefix)
        found = (path.relative_to(self._root) for path in folder.rglob("*") if path.is_file())
        return iter(sorted(path.as_posix() for path in found if not path.name.startswith(".")))

    def uri(self, path: str) -> str:
        """Return the URI of a path."""
        return (self._root / checked_path(path)).as_uri()

    def _located(self, path: str) -> Path:
        """Return the file of a path. A symbolic link on the way could lead out of the lake, so it is refused."""
        target = self._root / checked_path(path)
        for part in (target, *target.parents):
            if part == self._root:
                return target
            if part.is_symlink():
                message = f"{part}: is a symbolic link, which the lake does not follow; replace it by what it names"
                raise AccessRefusedError(message)
        return target

    def _make_folder(self, folder: Path) -> None:
        for part in reversed([folder, *folder.parents]):
            if part == self._root or self._root in part.parents:
                part.mkdir(mode=0o700, parents=part == self._root, exist_ok=True)

    def _refuse_other_bytes(self, target: Path, temporary: Path) -> None:
        if _file_sha256(target) != _file_sha256(temporary):
            message = f"{target}: other bytes already stand at this immutable path; find out who wrote them"
            raise LakeConflictError(message)

    @staticmethod
    def _refuse_corrupt(target: Path, found: str, wanted: str) -> None:
        if found != wanted:
            message = f"{target}: bytes have SHA-256 {found[:12]}…, wanted {wanted[:12]}…; restore it from a backup"
            raise CorruptObjectError(message)

    def _translated(self, error: OSError, target: Path, needed_bytes: int = 0) -> Exception:
        if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
            return ObjectMissingError(f"{target}: nothing was published there")
        if error.errno in _NO_SPACE:
            free_bytes = shutil.disk_usage(self._root).free
            return UnavailableError(f"{target}: {needed_bytes} bytes needed, {free_bytes} free; make room")
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            return AccessRefusedError(f"{target}: {error.strerror}; give the Airflow user the right to it")
        return UnavailableError(f"{target}: {error.strerror or error}; look after the disk")


def _written(folder: Path, data: bytes | Path) -> Path:
    """Write bytes to a hidden file and flush them to the disk; nothing is left where that fails."""
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(data, Path):
                with data.open("rb") as source:
                    shutil.copyfileobj(source, file, _CHUNK_BYTES)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _flush_folder(folder: Path) -> None:
    """Flush the folder's entry: without it a power cut may forget the name of a flushed file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(data: bytes | Path) -> int:
    return data.stat().st_size if isinstance(data, Path) else len(data)


if TYPE_CHECKING:
    _proof: Lake = LocalLake(Path())
