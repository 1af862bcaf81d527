"""One S3 bucket with bounded waits: what the lake and the source on S3 share."""

import io
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from titlebout.adapters.s3.s3_access import S3Settings, open_client
from titlebout.adapters.s3.s3_faults import VENDOR_ERRORS, UploadGoneError, fault_of, is_worth_another_try
from titlebout.core.errors import ObjectMissingError

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_CHUNK_BYTES = 1 << 20
_DICE = secrets.SystemRandom()

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ListedObject:
    """One object of a listing."""

    key: str
    etag: str
    size_bytes: int


@dataclass(frozen=True)
class ObjectHead:
    """What the store knows about one object without its bytes."""

    size_bytes: int
    metadata: dict[str, str]


@dataclass(frozen=True)
class OpenUpload:
    """An upload in parts that was neither finished nor aborted."""

    key: str
    upload_id: str
    started: datetime


class S3Bucket:
    """Objects of one bucket by key.

    Every call tries again where the store was busy, silent or broke off, a bounded number of times. Each
    request here may be repeated: storing the same bytes twice changes nothing.
    """

    def __init__(self, name: str, settings: S3Settings, client: "S3Client | None" = None) -> None:
        """Take the bucket's name and either settings or a client that is ready to use."""
        self.name = name
        self._settings = settings
        self._given_client = client

    def uri(self, key: str) -> str:
        """Return the URI of a key."""
        return f"s3://{self.name}/{key}"

    def list_objects(self, prefix: str, *, after: str = "") -> list[ListedObject]:
        """Return every object whose key starts with the prefix and sorts behind another, sorted by key."""

        def ask(client: "S3Client") -> list[ListedObject]:
            paginator = client.get_paginator("list_objects_v2")
            pages = paginator.paginate(Bucket=self.name, Prefix=prefix, StartAfter=after)
            return [
                ListedObject(item["Key"], item["ETag"].strip('"'), item["Size"])
                for page in pages
                for item in page.get("Contents", [])
            ]

        return sorted(self._call(prefix, ask), key=lambda listed: listed.key)

    def head(self, key: str) -> ObjectHead | None:
        """Return what is known about an object, or None where there is none."""
        try:
            answer = self._call(key, lambda client: client.head_object(Bucket=self.name, Key=key))
        except ObjectMissingError:
            return None
        return ObjectHead(answer["ContentLength"], answer["Metadata"])

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return an object's bytes; see `chunks`."""
        return b"".join(self.chunks(key, etag=etag))

    def chunks(self, key: str, *, etag: str | None = None) -> Iterator[bytes]:
        """Yield an object's bytes in order; with an ETag only those that were listed.

        A connection that breaks off is resumed at the byte where it broke, and only in the same object.

        Raises:
            ObjectMissingError: There is no such object.
            ObjectChangedError: It has been replaced since it was listed, or while it was read.
        """
        with closing(_Reading(self.name, key, etag)) as reading:
            while chunk := self._call(key, reading.next_chunk):
                yield chunk

    def put(self, key: str, content: bytes, *, metadata: Mapping[str, str], only_if_absent: bool) -> None:
        """Store an object in one request.

        Raises:
            ObjectChangedError: `only_if_absent`, and something stands there.
            ConditionUnknownError: `only_if_absent`, and the store does not know such a condition.
        """
        condition = _condition(only_if_absent)

        def ask(client: "S3Client") -> None:
            client.put_object(Bucket=self.name, Key=key, Body=_body(content), Metadata=metadata, **condition)

        self._call(key, ask)

    def delete(self, key: str) -> None:
        """Delete an object; none of that key is fine too."""
        self._call(key, lambda client: client.delete_object(Bucket=self.name, Key=key))

    def start_upload(self, key: str, metadata: Mapping[str, str]) -> OpenUpload:
        """Start an upload in parts; nothing is visible before it is finished."""

        def ask(client: "S3Client") -> str:
            return client.create_multipart_upload(Bucket=self.name, Key=key, Metadata=metadata)["UploadId"]

        return OpenUpload(key, self._call(key, ask), datetime.now(UTC))

    def put_part(self, upload: OpenUpload, number: int, content: bytes) -> str:
        """Store one part, counted from 1, and return its ETag."""

        def ask(client: "S3Client") -> str:
            place = self._place(upload)
            return client.upload_part(**place, PartNumber=number, Body=_body(content))["ETag"]

        return self._call(upload.key, ask)

    def finish_upload(self, upload: OpenUpload, etags: Sequence[str], *, only_if_absent: bool) -> None:
        """Make the object of its parts.

        Raises:
            ObjectChangedError: `only_if_absent`, and something stands there. Not every store looks.
            ConditionUnknownError: `only_if_absent`, and the store does not know such a condition.
            UploadGoneError: It was finished or aborted before, perhaps by a request whose answer was lost.
        """
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)
        ]
        condition = _condition(only_if_absent)

        def ask(client: "S3Client") -> None:
            client.complete_multipart_upload(**self._place(upload), MultipartUpload={"Parts": parts}, **condition)

        self._call(upload.key, ask)

    def abort_upload(self, upload: OpenUpload) -> None:
        """Throw an upload and its parts away; nothing to do where it is gone already."""
        with suppress(UploadGoneError):
            self._call(upload.key, lambda client: client.abort_multipart_upload(**self._place(upload)))

    def open_uploads(self, prefix: str) -> list[OpenUpload]:
        """Return the uploads in parts to keys below a prefix that were neither finished nor aborted."""

        def ask(client: "S3Client") -> list[OpenUpload]:
            pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
            return [
                OpenUpload(item["Key"], item["UploadId"], item["Initiated"])
                for page in pages
                for item in page.get("Uploads", [])
                if item["Key"].startswith(prefix)  # a store that overlooks the prefix names those of other tools too
            ]

        return self._call(prefix, ask)

    @cached_property
    def _client(self) -> "S3Client":
        return self._given_client or open_client(self._settings)

    def _place(self, upload: OpenUpload) -> dict[str, Any]:
        return {"Bucket": self.name, "Key": upload.key, "UploadId": upload.upload_id}

    def _call(self, key: str, ask: Callable[["S3Client"], Answer]) -> Answer:
        """Ask the store, and once more where it was only busy or silent.

        botocore would count attempts too, but not those in which the answer's body broke off.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return ask(self._client)
            except VENDOR_ERRORS as error:
                fault = fault_of(error, self.uri(key), attempt)
                if attempt >= self._settings.attempts or not is_worth_another_try(fault):
                    raise fault from error
            # Not all tasks of a backfill come back at the same moment.
            time.sleep(self._settings.pause_seconds * 2 ** (attempt - 1) * _DICE.uniform(0.5, 1))


class _Reading:
    """An object while it is read; after a failure the next chunk is asked for where the last one ended."""

    def __init__(self, bucket: str, key: str, etag: str | None) -> None:
        self._place: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._etag = etag
        self._taken_bytes = 0
        self._body: StreamingBody | None = None

    def next_chunk(self, client: "S3Client") -> bytes:
        """Return the next bytes, none at the end."""
        try:
            body = self._body = self._body or self._opened(client)
            chunk: bytes = body.read(_CHUNK_BYTES)
            if len(chunk) < _CHUNK_BYTES:
                chunk += body.read()  # the end: only to read on shows whether the body was cut short
        except BaseException:
            self.close()
            raise
        self._taken_bytes += len(chunk)
        return chunk

    def close(self) -> None:
        """Give the connection up."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _opened(self, client: "S3Client") -> "StreamingBody":
        options: dict[str, Any] = {"IfMatch": self._etag} if self._etag else {}
        if self._taken_bytes:
            options["Range"] = f"bytes={self._taken_bytes}-"
        answer = client.get_object(**self._place, **options)
        self._etag = answer["ETag"]
        return answer["Body"]


def _condition(only_if_absent: bool) -> dict[str, Any]:
    return {"IfNoneMatch": "*"} if only_if_absent else {}


def _body(content: bytes) -> io.BytesIO:
    """Return a body that is sent piece by piece: a timeout then bounds each piece, not the whole body."""
    return io.BytesIO(content)
