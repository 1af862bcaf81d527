"""A bucket's errors in our own words, and no wait without an end."""

import socket
import time
from dataclasses import replace

import pytest

from fakes.s3_server import faulty_server, fresh_s3_client, new_bucket, s3_settings
from titlebout.adapters.s3_bucket import ConditionUnknownError, ObjectChangedError, S3Bucket, S3Settings
from titlebout.core.errors import AccessRefusedError, ObjectMissingError, UnavailableError


def settings(url: str | None, **changes: object) -> S3Settings:
    quick = S3Settings(url, "us-east-1", "key", "secret", 0.5, 0.5, attempts=2)
    return replace(quick, **changes)


def calls(bucket: S3Bucket) -> list:
    return [
        lambda: bucket.get("a/b"),
        lambda: bucket.head("a/b"),
        lambda: bucket.list_objects("a/"),
        lambda: bucket.put("a/b", b"x", metadata={}, only_if_absent=True),
    ]


def test_waits_are_bounded_without_being_asked_to():
    default = S3Settings()
    assert (default.connect_timeout_seconds, default.read_timeout_seconds, default.attempts) == (5, 20, 3)
    config = S3Bucket(
        "b", settings("http://127.0.0.1:1", **vars(default) | {"region_name": "us-east-1"})
    )._client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 20)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_a_secret_is_not_shown():
    assert "hidden" not in repr(S3Settings(secret_key="hidden"))


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (502, "BadGateway"), (400, "RequestTimeout")]
)
def test_a_store_in_trouble_is_worth_a_retry(status: int, code: str):
    with faulty_server(status, code) as (url, requests):
        with pytest.raises(
            UnavailableError, match=rf"s3://rides/a/b: the store answered {code} \(HTTP {status}\) in 2"
        ):
            S3Bucket("rides", settings(url)).get("a/b")
        assert len(requests) == 2


def test_every_call_meets_a_store_in_trouble_alike():
    with faulty_server(503, "SlowDown") as (url, _):
        for call in calls(S3Bucket("rides", settings(url, attempts=1))):
            with pytest.raises(UnavailableError, match="s3://rides/a/"):
                call()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (400, "ExpiredToken"),
        (404, "NoSuchBucket"),
    ],
)
def test_a_refusal_is_no_reason_to_try_again(status: int, code: str):
    with faulty_server(status, code) as (url, requests):
        with pytest.raises(AccessRefusedError, match=rf"s3://rides/a/b: the store refuses with {code}"):
            S3Bucket("rides", settings(url)).get("a/b")
        assert len(requests) == 1


def test_a_refusal_without_a_body_is_understood_too():
    with faulty_server(403, "") as (url, _), pytest.raises(AccessRefusedError, match="HTTP 403"):
        S3Bucket("rides", settings(url)).head("a/b")


def test_a_bucket_that_does_not_exist_is_named():
    with pytest.raises(AccessRefusedError, match=r"s3://no-such-bucket/a/: .*NoSuchBucket.*create the bucket"):
        S3Bucket("no-such-bucket", s3_settings()).list_objects("a/")


def test_a_store_without_conditional_writes_is_told_apart():
    with faulty_server(501, "NotImplemented") as (url, _), pytest.raises(ConditionUnknownError):
        S3Bucket("rides", settings(url)).put("a/b", b"x", metadata={}, only_if_absent=True)


def test_nobody_listening_is_worth_a_retry():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        for call in calls(S3Bucket("rides", settings(f"http://127.0.0.1:{port.getsockname()[1]}"))):
            with pytest.raises(UnavailableError, match=r"did not answer in 2 attempts: .*; start it"):
                call()


def test_a_store_that_hangs_is_given_up():
    with faulty_server(200, "", delay_seconds=30) as (url, requests):
        begin = time.monotonic()
        with pytest.raises(UnavailableError, match="did not answer in 2 attempts"):
            S3Bucket("rides", settings(url)).get("a/b")
        assert time.monotonic() - begin < 10
        assert len(requests) == 2


def test_a_connection_without_keys_is_refused(monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(AccessRefusedError, match="correct the connection"):
        S3Bucket("rides", settings("http://127.0.0.1:1", access_key=None, secret_key=None)).get("a/b")
    with pytest.raises(AccessRefusedError, match="correct the connection"):
        S3Bucket("rides", settings("http://127.0.0.1:1", secret_key=None)).get("a/b")


def test_an_endpoint_that_is_no_address_is_refused():
    with pytest.raises(AccessRefusedError, match="correct the connection"):
        S3Bucket("rides", settings("not an address")).get("a/b")


def test_settings_are_enough_to_reach_a_store():
    bucket = S3Bucket(new_bucket().name, s3_settings())
    bucket.put("a/b", b"x", metadata={}, only_if_absent=True)
    assert bucket.get("a/b") == b"x"


def test_more_objects_than_fit_on_a_page_are_all_listed():
    name, client = new_bucket().name, fresh_s3_client()
    pages: list[dict] = []

    def two_a_page(params: dict, **_: object) -> dict:
        pages.append(params)
        return params | {"MaxKeys": 2}

    client.meta.events.register("provide-client-params.s3.ListObjectsV2", two_a_page)
    for key in ("rides/b", "rides/d", "rides/a", "rides/e", "rides/c"):
        client.put_object(Bucket=name, Key=key, Body=b"")
    assert [found.key[-1] for found in S3Bucket(name, S3Settings(), client).list_objects("rides/")] == list("abcde")
    assert len(pages) == 3


def test_an_object_is_read_only_in_the_version_that_was_listed():
    bucket = new_bucket()
    bucket.put("a", b"first", metadata={}, only_if_absent=True)
    (listed,) = bucket.list_objects("")
    assert bucket.get("a", etag=listed.etag) == b"first"
    bucket.put("a", b"second", metadata={}, only_if_absent=False)
    with pytest.raises(ObjectChangedError):
        bucket.get("a", etag=listed.etag)
    with pytest.raises(ObjectMissingError):
        bucket.get("b")
    assert bucket.head("b") is None
