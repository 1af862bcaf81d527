"""The lake in a local folder."""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.core.errors import (
    AccessRefusedError,
    CorruptObjectError,
    LakeConflictError,
    ObjectMissingError,
    UnavailableError,
)
from titlebout.core.lake_paths import checked_path, checked_prefix, forgettable_path
from titlebout.core.machine.durable_files import sync_folder

if TYPE_CHECKING:
    from titlebout.core.ports import Lake

_CHUNK_BYTES = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_TEMPORARY_PREFIX = ".new-"
_ABANDONED_SECONDS = 24 * 3600


class LocalLake:
    """Objects as files below one root, readable by their owner only.

    A file is written under a hidden name in the folder where it belongs, flushed to the disk, and then
    linked to its path: `link` fails where something stands already, so no object is ever replaced.
    """

    def __init__(self, root: Path) -> None:
        """Take the root folder, which may itself be a link; it is made when the first object is published."""
        self._root = root.resolve()

    def publish(self, path: str, data: bytes | Path) -> str:
        """Store bytes or a local file in one atomic step; see the port."""
        target = self._located(path)
        with self._translated(target, _size(data)):
            if target.exists():
                _refuse_other_bytes(target, data)
                return self.uri(path)
            self._make_folder(target.parent)
            _sweep(target.parent)
            temporary = _written(target.parent, data)
            try:
                _link(temporary, target)
                sync_folder(target.parent)
            except FileExistsError:
                _refuse_other_bytes(target, temporary)
            finally:
                temporary.unlink(missing_ok=True)
        return self.uri(path)

    def read(self, path: str, *, sha256: str | None = None) -> bytes:
        """Return an object's bytes; see the port."""
        target = self._located(path)
        with self._translated(target):
            content = target.read_bytes()
        if sha256 is not None:
            _refuse_corrupt(target, hashlib.sha256(content).hexdigest(), sha256)
        return content

    def local_copy(self, path: str, *, sha256: str) -> Path:
        """Return the object's own file, checked; see the port."""
        target = self._located(path)
        with self._translated(target):
            _refuse_corrupt(target, _file_sha256(target), sha256)
        return target

    def has(self, path: str) -> bool:
        """Whether something was published at the path."""
        target = self._located(path)
        with self._translated(target):
            return target.is_file()

    def list_paths(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Yield the published paths below a prefix in sorted order; see the port."""
        below = checked_prefix(prefix)
        folder = self._located(below) if below else self._root
        files = _files_below(folder, f"{self._root}/{after}" if after else "")
        # Sorted as whole paths, as an object store sorts its keys: `a-b/c` comes before `a/c`.
        paths = sorted(path.relative_to(self._root).as_posix() for path in files)
        return iter(path for path in paths if path > after)

    def uri(self, path: str) -> str:
        """Return the URI of a path."""
        return (self._root / checked_path(path)).as_uri()

    def forget(self, path: str) -> None:
        """Delete a file of an inference log; see the port."""
        target = self._located(forgettable_path(path))
        with self._translated(target):
            if not target.is_file():
                return
            target.unlink(missing_ok=True)
            sync_folder(target.parent)

    def _located(self, path: str) -> Path:
        """Return the file of a path. A symbolic link on the way could lead out of the lake, so it is refused."""
        target = self._root
        with self._translated(target / checked_path(path)):
            for part in path.split("/"):
                target /= part
                if target.is_symlink():
                    remedy = "replace it by what it names"
                    message = f"{target}: is a symbolic link, which the lake does not follow; {remedy}"
                    raise AccessRefusedError(message)
        return target

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, and flush each name: a power cut must not forget it."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = [part for part in (folder, *folder.parents) if self._root in part.parents and not part.exists()]
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
            sync_folder(part.parent)

    @contextmanager
    def _translated(self, target: Path, needed_bytes: int = 0) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError) as error:
            message = f"{target}: nothing was published there; run the step that makes it again"
            raise ObjectMissingError(message) from error
        except (FileExistsError, NotADirectoryError) as error:
            message = f"{error.filename}: is a file where the lake needs a folder; find out who wrote it"
            raise LakeConflictError(message) from error
        except PermissionError as error:
            message = f"{target}: {error.strerror}; give the Airflow user the right to it"
            raise AccessRefusedError(message) from error
        except OSError as error:
            if error.errno == errno.EROFS:
                message = f"{target}: {error.strerror}; mount the lake writable"
                raise AccessRefusedError(message) from error
            raise self._unavailable(error, target, needed_bytes) from error

    def _unavailable(self, error: OSError, target: Path, needed_bytes: int) -> UnavailableError:
        if error.errno not in _NO_SPACE:
            return UnavailableError(f"{target}: {error.strerror or error}; look after the disk, then clear the task")
        existing = next(part for part in target.parents if part.exists())
        free_bytes = shutil.disk_usage(existing).free
        return UnavailableError(
            f"{target}: no space left: {needed_bytes} bytes needed, {free_bytes} free; make room, then clear the task"
        )


def _refuse_other_bytes(target: Path, data: bytes | Path) -> None:
    wanted = _file_sha256(data) if isinstance(data, Path) else hashlib.sha256(data).hexdigest()
    if target.is_dir() or _file_sha256(target) != wanted:
        message = f"{target}: something else already stands at this immutable path; find out who wrote it"
        raise LakeConflictError(message)


def _refuse_corrupt(target: Path, found: str, wanted: str) -> None:
    if found != wanted:
        message = f"{target}: the bytes have SHA-256 {found[:12]}…, not {wanted[:12]}…; restore it from a backup"
        raise CorruptObjectError(message)


def _files_below(folder: Path, after: str) -> Iterator[Path]:
    """Yield regular files, never what hides behind a dot or a symbolic link; folders before a path are passed by."""
    for parent, folders, names in os.walk(folder):
        reaching = (name for name in folders if f"{parent}/{name}/" > after or after.startswith(f"{parent}/{name}/"))
        folders[:] = [name for name in reaching if not name.startswith(".")]
        files = (Path(parent) / name for name in names if not name.startswith("."))
        yield from (file for file in files if file.is_file() and not file.is_symlink())


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left behind a day ago or earlier."""
    for leftover in folder.glob(f"{_TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):  # a writer beside this one may finish between listing and looking
            if leftover.lstat().st_mtime < time.time() - _ABANDONED_SECONDS:
                leftover.unlink()


def _link(temporary: Path, target: Path) -> None:
    """Give a finished file its name, unless the name is taken."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # SMB and some FUSE mounts know no hard links. What stands there was looked for before; of two
        # writers at the same moment the last one wins, and both write what the hash in the path names.
        temporary.rename(target)


def _written(folder: Path, data: bytes | Path) -> Path:
    """Write bytes to a hidden file and flush them to the disk; nothing is left where that fails."""
    descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=folder)
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


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(data: bytes | Path) -> int:
    return data.stat().st_size if isinstance(data, Path) else len(data)


if TYPE_CHECKING:
    _proof: Lake = LocalLake(Path())
