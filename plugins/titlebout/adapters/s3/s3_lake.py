"""The lake below a prefix of an S3 bucket."""

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.adapters.s3.s3_copies import local_disk, write_object
from titlebout.adapters.s3.s3_faults import ConditionUnknownError, ObjectChangedError
from titlebout.adapters.s3.s3_upload import Content, abort_abandoned_uploads, upload_in_parts
from titlebout.core.errors import CorruptObjectError, LakeConflictError, LakePathError, UnavailableError
from titlebout.core.lake_paths import checked_path, checked_prefix, forgettable_path

if TYPE_CHECKING:
    from titlebout.core.ports import Lake

_HASH = "titlebout-sha256"
_LARGEST_REQUEST_BYTES = 64 << 20


class S3Lake:
    """Objects with their SHA-256 beside them as metadata.

    A store shows an object only when all of its bytes have arrived. Before writing, the lake asks what
    stands at the path, and after writing it asks again: correctness needs no conditional write. Where the
    store honours `If-None-Match: *`, it is an extra guard. Some stores honour it for an object that arrives
    in one request and overlook it for one that arrives in parts: of two writers of *other* bytes that finish
    within the same milliseconds the last one wins there, and a reader of the first one's manifest notices.
    """

    def __init__(self, bucket: S3Bucket, prefix: str, *, largest_request_bytes: int = _LARGEST_REQUEST_BYTES) -> None:
        """Take the bucket and the prefix of the lake's root; empty: the whole bucket.

        Args:
            bucket: Where the objects lie.
            prefix: Path of the lake's root in the bucket.
            largest_request_bytes: What is larger is sent in parts. So much of an object is held in memory.

        Raises:
            LakePathError: The prefix is no plain path.
        """
        self._bucket = bucket
        self._prefix = f"{checked_prefix(prefix)}/" if prefix else ""
        self._largest_request_bytes = largest_request_bytes

    def publish(self, path: str, data: bytes | Path) -> str:
        """Store bytes or a local file in one atomic step; see the port."""
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            content = Content(file, file.seek(0, io.SEEK_END), sha256)
            file.seek(0)
            if not self._stands(path, content):
                self._store(path, content)
                if not self._stands(path, content):
                    message = (
                        f"{self.uri(path)}: is not there after it was stored; look after the store, clear the task"
                    )
                    raise UnavailableError(message)
        return self.uri(path)

    def read(self, path: str, *, sha256: str | None = None) -> bytes:
        """Return an object's bytes; see the port."""
        content = self._bucket.get(self._key(path))
        if sha256 is not None:
            self._refuse_corrupt(path, hashlib.sha256(content).hexdigest(), sha256)
        return content

    def local_copy(self, path: str, *, sha256: str) -> Path:
        """Return a file with the object's bytes, which lives as long as this lake; see the port."""
        key = self._key(path)
        with local_disk(self._copies_folder):
            folder = self._copies_folder / sha256
            folder.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as unchecked:
                copy = Path(unchecked) / key.rpartition("/")[-1]
                with copy.open("wb") as file:
                    found = write_object(self._bucket, key, file)
                self._refuse_corrupt(path, found, sha256)
                return copy.replace(folder / copy.name)

    def has(self, path: str) -> bool:
        """Whether something was published at the path."""
        return self._bucket.head(self._key(path)) is not None

    def list_paths(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Yield the published paths below a prefix in sorted order; see the port."""
        folder = checked_prefix(prefix)
        below = f"{self._prefix}{folder}/" if folder else self._prefix
        for listed in self._bucket.list_objects(below, after=f"{self._prefix}{after}" if after else ""):
            path = listed.key.removeprefix(self._prefix)
            if _is_path(path):  # other tools leave folder markers and hidden objects
                yield path

    def uri(self, path: str) -> str:
        """Return the URI of a path."""
        return self._bucket.uri(self._key(path))

    def forget(self, path: str) -> None:
        """Delete a file of an inference log; see the port."""
        self._bucket.delete(self._key(forgettable_path(path)))

    @cached_property
    def _copies_folder(self) -> Path:
        with local_disk():
            self._copies = tempfile.TemporaryDirectory(prefix="titlebout-lake-", ignore_cleanup_errors=True)
        return Path(self._copies.name)

    def _key(self, path: str) -> str:
        return f"{self._prefix}{checked_path(path)}"

    def _store(self, path: str, content: Content) -> None:
        key, metadata = self._key(path), {_HASH: content.sha256}
        if content.size_bytes > self._largest_request_bytes:
            abort_abandoned_uploads(self._bucket, f"{self._prefix}{path.partition('/')[0]}/")
            upload_in_parts(self._bucket, key, content, metadata, stands=lambda: self._stands(path, content))
            return
        whole = content.file.read()
        try:
            self._bucket.put(key, whole, metadata=metadata, only_if_absent=True)
        except ConditionUnknownError:
            self._bucket.put(key, whole, metadata=metadata, only_if_absent=False)
        except ObjectChangedError:
            return  # another writer was first, or an answer was lost; what stands there is asked next

    def _stands(self, path: str, content: Content) -> bool:
        """Whether the object stands there already; any other one at its path is an error."""
        key = self._key(path)
        head = self._bucket.head(key)
        if head is None:
            return False
        # An object that was copied by another tool may have lost its metadata.
        found = head.metadata.get(_HASH) or _sha256(self._bucket.chunks(key))
        if (found, head.size_bytes) != (content.sha256, content.size_bytes):
            message = f"{self.uri(path)}: other bytes already stand at this immutable path; find out who wrote them"
            raise LakeConflictError(message)
        return True

    def _refuse_corrupt(self, path: str, found: str, wanted: str) -> None:
        if found != wanted:
            message = f"{self.uri(path)}: the bytes have SHA-256 {found[:12]}…, not {wanted[:12]}…; restore a backup"
            raise CorruptObjectError(message)


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _is_path(path: str) -> bool:
    try:
        checked_path(path)
    except LakePathError:
        return False
    return True


if TYPE_CHECKING:
    _proof: Lake = S3Lake(S3Bucket("bucket", S3Settings()), "")
