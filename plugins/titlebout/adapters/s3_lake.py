"""The lake below a prefix of an S3 bucket."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.adapters.s3_bucket import ConditionUnknownError, ObjectChangedError, S3Bucket, S3Settings
from titlebout.core.errors import CorruptObjectError, LakeConflictError, LakePathError, UnavailableError
from titlebout.core.lake_paths import checked_path, checked_prefix

if TYPE_CHECKING:
    from titlebout.core.ports import Lake

_HASH = "titlebout-sha256"


class S3Lake:
    """Objects with their SHA-256 beside them as metadata.

    A store shows an object only when all of its bytes have arrived. Before writing, the lake asks what
    stands at the path, and after writing it asks again: correctness needs no conditional write. Where the
    store honours `If-None-Match: *`, it is an extra guard.
    """

    def __init__(self, bucket: S3Bucket, prefix: str) -> None:
        """Take the bucket and the prefix of the lake's root; empty: the whole bucket.

        Raises:
            LakePathError: The prefix is no plain path.
        """
        self._bucket = bucket
        self._prefix = f"{checked_prefix(prefix)}/" if prefix else ""
        self._copies = tempfile.TemporaryDirectory(prefix="titlebout-lake-", ignore_cleanup_errors=True)

    def publish(self, path: str, data: bytes | Path) -> str:
        """Store bytes or a local file in one atomic step; see the port."""
        content = data.read_bytes() if isinstance(data, Path) else bytes(data)
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._stands(path, sha256, len(content)):
            self._put(self._key(path), content, {_HASH: sha256})
            if not self._stands(path, sha256, len(content)):
                message = f"{self.uri(path)}: is not there after it was stored; look after the store, clear the task"
                raise UnavailableError(message)
        return self.uri(path)

    def read(self, path: str, *, sha256: str | None = None) -> bytes:
        """Return an object's bytes; see the port."""
        content = self._bucket.get(self._key(path))
        if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
            message = f"{self.uri(path)}: the bytes have SHA-256 {found[:12]}…, not {sha256[:12]}…; restore a backup"
            raise CorruptObjectError(message)
        return content

    def local_copy(self, path: str, *, sha256: str) -> Path:
        """Return a file with the object's bytes, which lives as long as this lake; see the port."""
        content = self.read(path, sha256=sha256)
        folder = Path(self._copies.name) / sha256
        copy = folder / checked_path(path).rpartition("/")[-1]
        try:
            folder.mkdir(exist_ok=True)
            copy.write_bytes(content)
        except OSError as error:
            with suppress(OSError):
                copy.unlink()
            message = f"{copy}: cannot write {len(content)} bytes: {error.strerror}; make room in the temporary folder"
            raise UnavailableError(message) from error
        return copy

    def has(self, path: str) -> bool:
        """Whether something was published at the path."""
        return self._bucket.head(self._key(path)) is not None

    def list_paths(self, prefix: str) -> Iterator[str]:
        """Yield the published paths below a prefix in sorted order."""
        folder = checked_prefix(prefix)
        below = f"{self._prefix}{folder}/" if folder else self._prefix
        for listed in self._bucket.list_objects(below):
            path = listed.key.removeprefix(self._prefix)
            if _is_path(path):  # other tools leave folder markers and hidden objects
                yield path

    def uri(self, path: str) -> str:
        """Return the URI of a path."""
        return self._bucket.uri(self._key(path))

    def _key(self, path: str) -> str:
        return f"{self._prefix}{checked_path(path)}"

    def _put(self, key: str, content: bytes, metadata: dict[str, str]) -> None:
        try:
            self._bucket.put(key, content, metadata=metadata, only_if_absent=True)
        except ConditionUnknownError:
            self._bucket.put(key, content, metadata=metadata, only_if_absent=False)
        except ObjectChangedError:
            return  # another writer was first; whether it wrote the same is asked next

    def _stands(self, path: str, sha256: str, size_bytes: int) -> bool:
        """Whether the object stands there already; any other one at its path is an error."""
        head = self._bucket.head(self._key(path))
        if head is None:
            return False
        # An object that was copied by another tool may have lost its metadata.
        found = head.metadata.get(_HASH) or hashlib.sha256(self._bucket.get(self._key(path))).hexdigest()
        if (found, head.size_bytes) != (sha256, size_bytes):
            message = f"{self.uri(path)}: other bytes already stand at this immutable path; find out who wrote them"
            raise LakeConflictError(message)
        return True


def _is_path(path: str) -> bool:
    try:
        checked_path(path)
    except LakePathError:
        return False
    return True


if TYPE_CHECKING:
    _proof: Lake = S3Lake(S3Bucket("bucket", S3Settings()), "")
