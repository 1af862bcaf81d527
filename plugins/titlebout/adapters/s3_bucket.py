"""One S3 bucket with bounded waits, and botocore's errors in our own words: what `s3_lake` and `s3_source` share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from titlebout.core.errors import AccessRefusedError, ObjectMissingError, TitleboutError, UnavailableError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHANGED = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_BUSY = {"429", "SlowDown", "Throttling", "ThrottlingException", "RequestTimeout"}


class ObjectChangedError(TitleboutError):
    """The object is another one than the request's condition names. Stays within the S3 adapters."""


class ConditionUnknownError(TitleboutError):
    """The store knows no conditional write. Stays within the S3 adapters."""


@dataclass(frozen=True)
class S3Settings:
    """Where the store is and how long to wait for it: at most about a minute per call, all tries together."""

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    connect_timeout_seconds: float = 5
    read_timeout_seconds: float = 20
    attempts: int = 3


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


class S3Bucket:
    """Objects of one bucket by key."""

    def __init__(self, name: str, settings: S3Settings, client: "S3Client | None" = None) -> None:
        """Take the bucket's name and either settings or a client that is ready to use."""
        self.name = name
        self._settings = settings
        self._given_client = client

    def uri(self, key: str) -> str:
        """Return the URI of a key."""
        return f"s3://{self.name}/{key}"

    def list_objects(self, prefix: str) -> list[ListedObject]:
        """Return every object whose key starts with the prefix, sorted by key."""
        with self._translated(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            found = [
                ListedObject(item["Key"], item["ETag"].strip('"'), item["Size"])
                for page in pages
                for item in page.get("Contents", [])
            ]
        return sorted(found, key=lambda listed: listed.key)

    def head(self, key: str) -> ObjectHead | None:
        """Return what is known about an object, or None where there is none."""
        try:
            with self._translated(key):
                answer = self._client.head_object(Bucket=self.name, Key=key)
        except ObjectMissingError:
            return None
        return ObjectHead(answer["ContentLength"], answer["Metadata"])

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return an object's bytes; with an ETag only those that were listed.

        Raises:
            ObjectMissingError: There is no such object.
            ObjectChangedError: It has been replaced since it was listed.
        """
        condition: dict[str, Any] = {"IfMatch": etag} if etag else {}
        with self._translated(key):
            return self._client.get_object(Bucket=self.name, Key=key, **condition)["Body"].read()

    def put(self, key: str, content: bytes, *, metadata: dict[str, str], only_if_absent: bool) -> None:
        """Store an object.

        Raises:
            ObjectChangedError: `only_if_absent`, and something stands there.
            ConditionUnknownError: `only_if_absent`, and the store does not know such a condition.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_absent else {}
        with self._translated(key):
            self._client.put_object(Bucket=self.name, Key=key, Body=content, Metadata=metadata, **condition)

    @cached_property
    def _client(self) -> "S3Client":
        if self._given_client is not None:
            return self._given_client
        import boto3
        from botocore.config import Config

        settings = self._settings
        return boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region_name,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": settings.attempts},
                connect_timeout=settings.connect_timeout_seconds,
                read_timeout=settings.read_timeout_seconds,
                # Stores other than Amazon's stumble over checksum trailers; the lake checks SHA-256 itself.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            ParamValidationError,
            PartialCredentialsError,
        )
        from urllib3.exceptions import HTTPError

        where = self.uri(key)
        try:
            yield
        except ClientError as error:
            raise self._answer(error, where) from error
        except (NoCredentialsError, PartialCredentialsError, ParamValidationError, ValueError) as error:
            message = f"{where}: cannot be asked for: {_one_line(error)}; correct the connection"
            raise AccessRefusedError(message) from error
        except (BotoCoreError, HTTPError, OSError) as error:
            message = (
                f"{where}: the store did not answer in {self._settings.attempts} attempts: {_one_line(error)}; "
                "start it or correct endpoint_url of the connection"
            )
            raise UnavailableError(message) from error

    def _answer(self, error: "ClientError", where: str) -> TitleboutError:
        """Return our own error for an answer of the store."""
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _MISSING:
            return ObjectMissingError(f"{where}: there is no such object; run the step that makes it again")
        if code in _CHANGED:
            return ObjectChangedError(f"{where}: is another object than expected")
        if status == 501 or code == "NotImplemented":
            return ConditionUnknownError(f"{where}: the store knows no conditional write")
        if status >= 500 or code in _BUSY:
            said = f"the store answered {code} (HTTP {status}) in {self._settings.attempts} attempts"
            return UnavailableError(f"{where}: {said}; look after it, then clear the task")
        remedy = "create the bucket or correct its name" if code == "NoSuchBucket" else "correct the connection's keys"
        said = f"the store refuses with {code} (HTTP {status})"
        return AccessRefusedError(f"{where}: {said}; {remedy}, or grant its user the right")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
