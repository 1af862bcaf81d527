"""Objects of S3 on their way into local files, never whole in memory."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.core.errors import UnavailableError


@contextmanager
def local_disk(folder: Path | None = None) -> Iterator[None]:
    """Name the folder of local copies where it cannot be written, and how much room is left.

    Only for what touches the disk: whatever fails on the way to the store is translated before.
    """
    try:
        yield
    except OSError as error:
        place = folder or Path(tempfile.tempdir or "/tmp")  # noqa: S108  # only named; it may be what is missing
        message = f"{place}: cannot hold a copy: {error.strerror or error}{_room(place)}; make room, clear the task"
        raise UnavailableError(message) from error


def write_object(bucket: S3Bucket, key: str, file: BinaryIO, *, etag: str | None = None) -> str:
    """Write an object into an open file and return the SHA-256 of its bytes; see `S3Bucket.chunks`."""
    digest = hashlib.sha256()
    for chunk in bucket.chunks(key, etag=etag):
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()


def _room(folder: Path) -> str:
    try:
        found = os.statvfs(folder)
    except OSError:
        return ""
    return f" ({found.f_bavail * found.f_frsize} bytes free)"
