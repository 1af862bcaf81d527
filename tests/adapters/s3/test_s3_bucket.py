"""A bucket's errors in our own words, and no wait without an end."""

import math
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fakes.fault_proxy import SLOW_DOWN, Answer, Fault, FaultProxy
from fakes.s3_server import fresh_s3_client, new_bucket, s3_settings
from titlebout.adapters.s3.s3_access import S3Settings, open_client
from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.adapters.s3.s3_faults import ConditionUnknownError, ObjectChangedError
from titlebout.core.errors import AccessRefusedError, ObjectMissingError, UnavailableError

LARGE = bytes(range(256)) * (3 << 12)  # 3 MiB: three chunks


def settings(url: str | None, **changes: object) -> S3Settings:
    quick = S3Settings(
        url,
        "us-east-1",
        "key",
        "secret",
        connect_timeout_seconds=60,
        read_timeout_seconds=60,
        attempts=3,
        pause_seconds=0.001,
    )
    return replace(quick, **changes)


def calls(bucket: S3Bucket) -> list:
    return [
        lambda: bucket.get("a/b"),
        lambda: bucket.head("a/b"),
        lambda: bucket.list_objects("a/"),
        lambda: bucket.put("a/b", b"x", metadata={}, only_if_absent=True),
        lambda: bucket.start_upload("a/b", {}),
        lambda: bucket.open_uploads("a/"),
    ]


def test_waits_are_bounded_without_being_asked_to():
    default = S3Settings()
    pauses = sum(default.pause_seconds * 2**number for number in range(default.attempts - 1))
    silence = default.attempts * (default.connect_timeout_seconds + default.read_timeout_seconds)
    assert silence + pauses <= 45
    config = S3Bucket("b", replace(default, region_name="us-east-1"))._client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (4, 10)
    assert config.retries["total_max_attempts"] == 1


def test_a_secret_is_not_shown():
    shown = repr(S3Settings(secret_key="hidden", session_token="hidden", external_id="hidden"))
    assert "hidden" not in shown


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, "InternalError"),
        Answer(503, "SlowDown"),
        Answer(502, "BadGateway"),
        Answer(429, "TooManyRequests"),
        Answer(400, "RequestTimeout"),
        Answer(409, "ConditionalRequestConflict"),
        Answer(403, "QuotaExceeded"),
    ],
)
def test_a_store_in_trouble_is_worth_a_retry(bucket: S3Bucket, proxy: FaultProxy, answer: Answer):
    bucket.put("a/b", b"x", metadata={}, only_if_absent=True)
    proxy.spoil("GET", answer, 2)
    assert bucket.get("a/b") == b"x"
    proxy.spoil("GET", answer, 3)
    said = rf"s3://{bucket.name}/a/b: the store answered {answer.code} \(HTTP {answer.status}\) in 3 attempts; look"
    with pytest.raises(UnavailableError, match=said):
        bucket.get("a/b")
    assert len(proxy.spoilt) == 5


def test_every_call_meets_a_store_in_trouble_alike(bucket: S3Bucket, proxy: FaultProxy):
    proxy.spoil("", SLOW_DOWN, math.inf)
    for call in calls(bucket):
        with pytest.raises(UnavailableError, match=r"s3://test-.*/a/.* in 3 attempts;"):
            call()
    assert len(proxy.spoilt) == 3 * len(calls(bucket))


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (Answer(403, "AccessDenied"), "grant its user the right"),
        (Answer(403, "InvalidAccessKeyId"), "correct login and password"),
        (Answer(403, "SignatureDoesNotMatch"), "correct login and password"),
        (Answer(400, "ExpiredToken"), "fresh keys and aws_session_token"),
        (Answer(404, "NoSuchBucket"), "create the bucket"),
        (Answer(403, "RequestTimeTooSkewed"), "set the clock"),
        (Answer(403, "Unheard"), "correct the connection's keys and region"),
    ],
)
def test_a_refusal_is_no_reason_to_try_again_and_names_its_remedy(
    bucket: S3Bucket, proxy: FaultProxy, answer: Answer, remedy: str
):
    proxy.spoil("GET", answer, math.inf)
    said = (
        rf"s3://{bucket.name}/a/b: the store refuses GetObject with {answer.code} \(HTTP {answer.status}\); .*{remedy}"
    )
    with pytest.raises(AccessRefusedError, match=said):
        bucket.get("a/b")
    assert len(proxy.spoilt) == 1


@pytest.mark.parametrize("answer", [Answer(301, "PermanentRedirect"), Answer(400, "AuthorizationHeaderMalformed")])
def test_a_wrong_region_or_address_is_named(bucket: S3Bucket, proxy: FaultProxy, answer: Answer):
    proxy.spoil("", answer, math.inf)
    with pytest.raises(AccessRefusedError, match="correct region_name or endpoint_url"):
        bucket.get("a/b")


def test_a_refusal_without_a_body_is_understood_too(bucket: S3Bucket, proxy: FaultProxy):
    proxy.spoil("HEAD", Answer(403, ""))
    with pytest.raises(AccessRefusedError, match="HTTP 403"):
        bucket.head("a/b")


def test_a_bucket_that_does_not_exist_is_named():
    with pytest.raises(AccessRefusedError, match=r"s3://no-such-bucket/a/: .*NoSuchBucket.*create the bucket"):
        S3Bucket("no-such-bucket", s3_settings()).list_objects("a/")


def test_a_store_without_conditional_writes_is_told_apart(bucket: S3Bucket, proxy: FaultProxy):
    proxy.spoil("PUT", Answer(501, "NotImplemented"), math.inf)
    with pytest.raises(ConditionUnknownError):
        bucket.put("a/b", b"x", metadata={}, only_if_absent=True)
    assert len(proxy.spoilt) == 1


def test_nobody_listening_is_worth_a_retry():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        silent = S3Bucket("rides", settings(f"http://127.0.0.1:{port.getsockname()[1]}"))
        for call in calls(silent):
            with pytest.raises(UnavailableError, match=r"did not answer in 3 attempts: .*; start it"):
                call()


@pytest.mark.parametrize("changes", [{"access_key": None, "secret_key": None}, {"secret_key": None}])
def test_a_connection_without_keys_is_refused(monkeypatch: pytest.MonkeyPatch, changes: dict):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for role in (None, "arn:aws:iam::123456789012:role/loader"):
        with pytest.raises(AccessRefusedError, match="correct the connection"):
            S3Bucket("rides", settings("http://127.0.0.1:1", role_arn=role, **changes)).get("a/b")


@pytest.mark.parametrize("changes", [{"endpoint_url": "not an address"}, {"profile_name": "nobody"}])
def test_settings_that_cannot_work_are_refused(changes: dict):
    with pytest.raises(AccessRefusedError, match="correct the connection"):
        S3Bucket("rides", settings(None, **changes)).get("a/b")


def test_settings_are_enough_to_reach_a_store():
    bucket = S3Bucket(new_bucket().name, s3_settings())
    bucket.put("a/b", b"x", metadata={}, only_if_absent=True)
    assert bucket.get("a/b") == b"x"


def test_without_keys_those_of_the_machine_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path):
    (tmp_path / "credentials").write_text("[nightly]\naws_access_key_id = of_file\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of_environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    for profile, expected in ((None, "of_environment"), ("nightly", "of_file")):
        machine = replace(s3_settings(), access_key=None, secret_key=None, profile_name=profile)
        client = S3Bucket(new_bucket().name, machine)._client
        assert client._request_signer._credentials.access_key == expected


def test_a_role_is_assumed_with_the_keys_and_its_token_travels_with_each_request():
    role = {"role_arn": "arn:aws:iam::123456789012:role/loader", "external_id": "of-the-owner"}
    address = s3_settings().endpoint_url
    bucket = S3Bucket(new_bucket().name, replace(s3_settings(), sts_endpoint_url=address, **role))
    sent: list[dict] = []
    bucket._client.meta.events.register("before-send.s3", lambda request, **_: sent.append(dict(request.headers)))
    bucket.put("a", b"x", metadata={}, only_if_absent=True)
    assert all("X-Amz-Security-Token" in headers for headers in sent)
    keys = bucket._client._request_signer._credentials.get_frozen_credentials()
    temporary = {"access_key": keys.access_key, "secret_key": keys.secret_key, "session_token": keys.token}
    assert S3Bucket(bucket.name, replace(s3_settings(), **temporary)).get("a") == b"x"


def test_a_role_that_may_not_be_assumed_is_a_refusal(proxy: FaultProxy):
    role = "arn:aws:iam::123456789012:role/loader"
    proxy.spoil("POST", Answer(403, "AccessDenied"), math.inf)
    with pytest.raises(AccessRefusedError, match=r"s3://rides/a/b: the store refuses AssumeRole with .*403"):
        S3Bucket("rides", settings(proxy.url, role_arn=role, sts_endpoint_url=proxy.url)).get("a/b")
    assert proxy.requests == ["POST /"]


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


def test_an_object_is_read_only_in_the_version_that_was_listed(bucket: S3Bucket):
    bucket.put("a", b"first", metadata={}, only_if_absent=True)
    (listed,) = bucket.list_objects("")
    assert bucket.get("a", etag=listed.etag) == b"first"
    bucket.put("a", b"second", metadata={}, only_if_absent=False)
    with pytest.raises(ObjectChangedError):
        bucket.get("a", etag=listed.etag)
    with pytest.raises(ObjectMissingError):
        bucket.get("b")
    assert bucket.head("b") is None


BEFORE_AN_ANSWER = [SLOW_DOWN, Fault.RESET, Fault.HANG, Fault.LOSE_REPLY]
WITHIN_A_BODY = [Fault.TRUNCATE, Fault.RESET_IN_BODY, Fault.HANG_IN_BODY]


@pytest.mark.parametrize("fault", [*BEFORE_AN_ANSWER, *WITHIN_A_BODY])
def test_an_object_arrives_whole_in_spite_of_two_faults(bucket: S3Bucket, proxy: FaultProxy, fault: Fault):
    bucket.put("a", LARGE, metadata={}, only_if_absent=True)
    proxy.spoil("GET", fault, 2)
    assert bucket.get("a") == LARGE
    assert len(proxy.spoilt) == 2


@pytest.mark.parametrize("fault", [*BEFORE_AN_ANSWER, *WITHIN_A_BODY])
def test_a_third_fault_is_an_error_that_names_the_object_and_the_attempts(
    bucket: S3Bucket, proxy: FaultProxy, fault: Fault
):
    bucket.put("a", b"small enough for one chunk", metadata={}, only_if_absent=True)
    proxy.spoil("GET", fault, 10)
    begin = time.monotonic()
    with pytest.raises(UnavailableError, match=rf"s3://{bucket.name}/a: the store .* in 3 attempts"):
        bucket.get("a")
    assert time.monotonic() - begin < 45  # a store that hangs does so for a minute
    assert len(proxy.spoilt) == 3


@pytest.mark.parametrize("fault", BEFORE_AN_ANSWER)
def test_a_listing_survives_two_faults_and_not_a_third(bucket: S3Bucket, proxy: FaultProxy, fault: Fault):
    bucket.put("a", b"x", metadata={}, only_if_absent=True)
    proxy.spoil("GET", fault, 2, text="list-type")
    assert [found.key for found in bucket.list_objects("")] == ["a"]
    proxy.spoil("GET", fault, 3, text="list-type")
    with pytest.raises(UnavailableError, match="in 3 attempts"):
        bucket.list_objects("")


def test_a_broken_body_is_resumed_where_it_broke(bucket: S3Bucket, proxy: FaultProxy):
    bucket.put("a", LARGE, metadata={}, only_if_absent=True)
    ranges: list[str | None] = []
    bucket._client.meta.events.register(
        "before-send.s3.GetObject", lambda request, **_: ranges.append(request.headers.get("Range"))
    )
    proxy.spoil("GET", Fault.TRUNCATE)
    assert b"".join(bucket.chunks("a")) == LARGE
    assert ranges == [None, b"bytes=1048576-"]


def test_a_body_is_not_resumed_in_another_object(bucket: S3Bucket, behind: S3Bucket, proxy: FaultProxy):
    bucket.put("a", LARGE, metadata={}, only_if_absent=True)

    proxy.spoil("GET", Fault.TRUNCATE)
    chunks = bucket.chunks("a")
    next(chunks)
    behind.put("a", LARGE[::-1], metadata={}, only_if_absent=False)
    with pytest.raises(ObjectChangedError, match="was replaced meanwhile"):
        list(chunks)


def test_whoever_stops_reading_gives_the_connection_up(bucket: S3Bucket):
    bucket.put("a", LARGE, metadata={}, only_if_absent=True)
    for _ in range(20):  # more than the client has connections
        chunks = bucket.chunks("a")
        next(chunks)
        chunks.close()
    assert bucket.get("a") == LARGE


@pytest.mark.parametrize("fault", [SLOW_DOWN, Fault.RESET, Fault.HANG])
def test_bytes_are_sent_again_from_the_first_one(bucket: S3Bucket, proxy: FaultProxy, fault: Fault):
    proxy.spoil("PUT", fault, 2)
    bucket.put("a", LARGE, metadata={"x": "y"}, only_if_absent=True)
    assert bucket.get("a") == LARGE
    assert proxy.count("PUT") == 3


def test_an_upload_in_parts_shows_nothing_before_it_is_finished(bucket: S3Bucket):
    upload = bucket.start_upload("a/b", {"x": "y"})
    etag = bucket.put_part(upload, 1, b"bytes")
    assert (bucket.head("a/b"), bucket.list_objects("")) == (None, [])
    (found,) = bucket.open_uploads("a/")
    assert (found.key, found.upload_id) == ("a/b", upload.upload_id)
    assert abs(found.started - datetime.now(UTC)) < timedelta(minutes=1)
    bucket.finish_upload(upload, [etag], only_if_absent=True)
    assert bucket.get("a/b") == b"bytes"
    assert bucket.head("a/b").metadata == {"x": "y"}
    assert bucket.open_uploads("a/") == []


def test_an_aborted_upload_is_gone(bucket: S3Bucket):
    upload = bucket.start_upload("a/b", {})
    for _ in range(2):
        bucket.abort_upload(upload)
    assert bucket.open_uploads("") == []


def test_only_uploads_below_the_prefix_are_named_also_by_a_store_that_overlooks_it(bucket: S3Bucket):
    for key in ("a/b", "ab", "c"):
        bucket.start_upload(key, {})
    assert [upload.key for upload in bucket.open_uploads("a/")] == ["a/b"]
    careless = S3Bucket(bucket.name, s3_settings(), open_client(bucket._settings))
    careless._client.meta.events.register(
        "provide-client-params.s3.ListMultipartUploads", lambda params, **_: params | {"Prefix": ""}
    )
    assert [upload.key for upload in careless.open_uploads("a/")] == ["a/b"]
