"""Large objects go to S3 in parts, a few at a time, and nothing of a failed upload stays behind."""

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from titlebout.adapters.s3.s3_bucket import OpenUpload, S3Bucket
from titlebout.adapters.s3.s3_faults import ConditionUnknownError, ObjectChangedError, UploadGoneError
from titlebout.core.errors import TitleboutError, UnavailableError

log = logging.getLogger(__name__)

# At most 32 MiB of the object are in memory at once.
PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 4
_MOST_PARTS = 10_000  # Source: Amazon S3 multipart upload limits
_ABANDONED = timedelta(hours=24)


@dataclass(frozen=True)
class Content:
    """Bytes on their way into the store: an open file, and what it must hold."""

    file: BinaryIO
    size_bytes: int
    sha256: str


def upload_in_parts(
    bucket: S3Bucket, key: str, content: Content, metadata: Mapping[str, str], *, stands: Callable[[], bool]
) -> None:
    """Store the rest of an open file as one object, unless it stands there.

    Whether it stands there afterwards is for the caller to ask: another writer may have been first, or the
    store's last answer may have been lost.

    Args:
        bucket: Where to.
        key: Of the object.
        content: The open file; it must still hold these bytes when it is read.
        metadata: Of the object.
        stands: Asked when all parts have arrived: not every store looks by itself, and it may have taken long.

    Raises:
        UnavailableError: The file was changed while it was read, or the store does not answer.
    """
    upload = bucket.start_upload(key, metadata)
    try:
        etags = _put_parts(bucket, upload, content)
        if stands():
            _abort(bucket, upload)
        else:
            _finish(bucket, upload, etags)
    except BaseException:
        _abort(bucket, upload)
        raise


def part_size(size_bytes: int) -> int:
    """Return how many bytes a part of so large an object takes: a store counts parts only so far."""
    return max(PART_BYTES, -(-size_bytes // _MOST_PARTS))


def abort_abandoned_uploads(bucket: S3Bucket, prefix: str) -> None:
    """Abort what killed writers began below a prefix a day ago or earlier: its parts are stored and invisible.

    This is housekeeping: where the keys may not list or abort uploads, a lifecycle rule of the bucket does it.
    """
    oldest = datetime.now(UTC) - _ABANDONED
    try:
        for upload in bucket.open_uploads(prefix):
            if upload.started < oldest:
                log.info("%s: an upload of %s was abandoned and is aborted", bucket.uri(upload.key), upload.started)
                bucket.abort_upload(upload)
    except TitleboutError as error:
        log.info("abandoned uploads are left to the bucket's lifecycle rule: %s", error)


def _put_parts(bucket: S3Bucket, upload: OpenUpload, content: Content) -> list[str]:
    part_bytes = part_size(content.size_bytes)
    digest, etags, pending = hashlib.sha256(), [], deque[Future[str]]()
    with ThreadPoolExecutor(_PARTS_AT_ONCE) as senders:
        for number, part in enumerate(iter(lambda: content.file.read(part_bytes), b""), start=1):
            pending.append(senders.submit(bucket.put_part, upload, number, part))
            digest.update(part)
            if len(pending) == _PARTS_AT_ONCE:
                etags.append(pending.popleft().result())
        etags += [sent.result() for sent in pending]
    if digest.hexdigest() != content.sha256:
        message = f"{bucket.uri(upload.key)}: its local file was changed while it was published; clear the task"
        raise UnavailableError(message)
    return etags


def _finish(bucket: S3Bucket, upload: OpenUpload, etags: list[str]) -> None:
    try:
        try:
            bucket.finish_upload(upload, etags, only_if_absent=True)
        except ConditionUnknownError:
            bucket.finish_upload(upload, etags, only_if_absent=False)
    except ObjectChangedError:
        _abort(bucket, upload)  # another writer was first
    except UploadGoneError:
        pass  # finished by an attempt whose answer was lost


def _abort(bucket: S3Bucket, upload: OpenUpload) -> None:
    try:
        bucket.abort_upload(upload)
    except TitleboutError as error:
        log.warning("the parts of a failed upload are left behind for a day: %s", error)
