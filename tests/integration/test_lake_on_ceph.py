"""The lake and its keys on a real S3 implementation: what an imitation lets pass.

The contract suites and the fault tests of the S3 adapters run on the same gateway: see `tests/contracts` and
`tests/adapters`.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes.ledger import MemoryLedger
from fakes.radosgw import RadosGateway, radosgw
from fakes.s3_server import new_bucket
from fakes.specs import demand_spec
from titlebout.adapters.s3 import s3_upload
from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.adapters.s3.s3_faults import ObjectChangedError, UploadGoneError
from titlebout.adapters.s3.s3_lake import S3Lake
from titlebout.connection_fields import ConnectionFields
from titlebout.core.errors import AccessRefusedError, UnavailableError
from titlebout.steps.prune_log import prune_log
from titlebout.wiring import build_lake

pytestmark = pytest.mark.slow

SENT_AND_HELD_MB = 96  # four parts of eight megabytes, and what botocore and the allocator need around them


@pytest.fixture(scope="session")
def gateway() -> RadosGateway:
    return radosgw()


@pytest.fixture
def bucket(gateway: RadosGateway) -> S3Bucket:
    return new_bucket(gateway.settings)


@pytest.mark.parametrize("changes", [{"access_key": "nobody"}, {"secret_key": "wrong"}], ids=["key", "secret"])
def test_wrong_keys_are_one_clear_error_and_one_request(gateway: RadosGateway, bucket: S3Bucket, changes: dict):
    refused = S3Bucket(bucket.name, replace(gateway.settings, **changes))
    asked: list[object] = []
    refused._client.meta.events.register("before-send.s3", lambda **_: asked.append(1))
    said = rf"s3://{bucket.name}/a: the store refuses GetObject with .* \(HTTP 403\); .* correct the connection's keys"
    with pytest.raises(AccessRefusedError, match=said):
        refused.get("a")
    assert len(asked) == 1
    with pytest.raises(AccessRefusedError, match="HTTP 403"):
        S3Lake(refused, "").publish("m/a", b"hello")


def test_a_bucket_that_is_not_there_is_named(gateway: RadosGateway):
    with pytest.raises(AccessRefusedError, match=r"NoSuchBucket .* create the bucket"):
        S3Lake(S3Bucket("no-such-bucket", gateway.settings), "").publish("m/a", b"hello")


@pytest.fixture(scope="session")
def role_arn(gateway: RadosGateway) -> str:
    """A role that the one user may assume and that may do everything in the store."""
    may_assume = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/tester"]}, "Action": ["sts:AssumeRole"]}
    may_do = {"Effect": "Allow", "Action": ["s3:*"], "Resource": "arn:aws:s3:::*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_assume]})
    made = gateway.admin("role", "create", "--role-name=loader", f"--assume-role-policy-doc={policy}")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_do]})
    gateway.admin("role-policy", "put", "--role-name=loader", "--policy-name=all", f"--policy-doc={policy}")
    return json.loads(made)["Arn"]


def test_a_connection_may_assume_a_role_or_bring_temporary_keys(gateway: RadosGateway, bucket: S3Bucket, role_arn: str):
    address = gateway.settings.endpoint_url

    def lake(login: str, password: str, **extra: str) -> S3Lake:
        fields = {"root_uri": f"s3://{bucket.name}/lake", "endpoint_url": address, "region_name": "us-east-1"} | extra
        return build_lake(ConnectionFields("titlebout_lake", "aws", login=login, password=password, extra=fields))

    in_role = lake("tester", gateway.settings.secret_key, role_arn=role_arn, sts_endpoint_url=address)
    in_role.publish("m/a", b"hello")
    keys = in_role._bucket._client._request_signer._credentials.get_frozen_credentials()
    assert lake(keys.access_key, keys.secret_key, aws_session_token=keys.token).read("m/a") == b"hello"
    with pytest.raises(AccessRefusedError, match="the store refuses"):
        lake(keys.access_key, keys.secret_key).read("m/a")
    other = lake("tester", gateway.settings.secret_key, role_arn=f"{role_arn}-nobody", sts_endpoint_url=address)
    with pytest.raises(AccessRefusedError, match="the store refuses AssumeRole"):
        other.read("m/a")


def test_of_sixteen_writers_exactly_one_is_first(bucket: S3Bucket):
    def write(number: int) -> bool:
        try:
            bucket.put("a", str(number).encode(), metadata={}, only_if_absent=True)
        except ObjectChangedError:
            return False
        return True

    with ThreadPoolExecutor(16) as writers:
        won = [*writers.map(write, range(16))]
    assert won.count(True) == 1
    assert bucket.get("a") == str(won.index(True)).encode()


def test_fifteen_hundred_objects_are_all_listed_in_order(bucket: S3Bucket):
    paths = [f"m/partitions/{number:04d}/data.parquet" for number in range(1500)]
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda path: bucket.put(path, b"", metadata={}, only_if_absent=False), paths))
    asked: list[object] = []
    bucket._client.meta.events.register("before-send.s3.ListObjectsV2", lambda **_: asked.append(1), unique_id="pages")
    try:
        assert list(S3Lake(bucket, "").list_paths("m")) == paths
    finally:
        bucket._client.meta.events.unregister("before-send.s3.ListObjectsV2", unique_id="pages")
    assert len(asked) == 2


def test_a_large_object_goes_and_comes_back_in_bounded_memory(gateway: RadosGateway, bucket: S3Bucket):
    settings, script = gateway.settings, Path(__file__).parents[1] / "fakes" / "lake_traffic.py"
    command = [settings.endpoint_url, settings.access_key, settings.secret_key, bucket.name, "192"]
    done = subprocess.run(
        [sys.executable, str(script), *command], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    grown_by = json.loads(done.stdout)
    assert max(grown_by.values()) < SENT_AND_HELD_MB
    assert bucket.open_uploads("") == []


def test_a_store_that_freezes_is_given_up_and_goes_on_when_it_is_back(gateway: RadosGateway, bucket: S3Bucket):
    impatient = replace(gateway.settings, connect_timeout_seconds=1, read_timeout_seconds=1)
    lake = S3Lake(S3Bucket(bucket.name, impatient), "")
    lake.publish("m/a", b"hello")
    gateway.freeze()
    try:
        begin = time.monotonic()
        for call in (lambda: lake.read("m/a"), lambda: lake.publish("m/b", b"hello")):
            with pytest.raises(UnavailableError, match="did not answer in 3 attempts: Read timeout"):
                call()
        assert time.monotonic() - begin < 30  # and not until it thaws
    finally:
        gateway.thaw()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            lake.publish("m/b", b"hello")
            break
        except UnavailableError:
            continue
    assert (lake.read("m/a"), lake.read("m/b")) == (b"hello", b"hello")


def test_a_killed_writer_leaves_parts_that_the_next_one_finds(bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch):
    killed = bucket.start_upload("m/a", {})
    bucket.put_part(killed, 1, os.urandom(1 << 16))
    (found,) = bucket.open_uploads("m/")
    assert abs(found.started - datetime.now(UTC)) < timedelta(minutes=5)
    lake, content = S3Lake(bucket, "", largest_request_bytes=1 << 16), os.urandom(1 << 17)
    lake.publish("m/b", content)
    assert [upload.upload_id for upload in bucket.open_uploads("")] == [killed.upload_id]
    monkeypatch.setattr(s3_upload, "_ABANDONED", timedelta(seconds=-10))
    lake.publish("m/c", content)
    assert bucket.open_uploads("") == []
    with pytest.raises(UploadGoneError, match="its upload was aborted by somebody else"):
        bucket.put_part(killed, 2, b"late")
    assert lake.read("m/c", sha256=hashlib.sha256(content).hexdigest()) == content


def test_partitions_of_a_log_are_deleted_for_good_and_nothing_else(bucket: S3Bucket):
    lake, ledger = S3Lake(bucket, "lake"), MemoryLedger()
    days = [f"2024-04-{day:02d}" for day in range(1, 11)]
    logs = [f"demand/inference_log/{day}/0123456789abcdef-00000001-0123456789ab.parquet" for day in days]
    kept = ["demand/partitions/2024-04-01/1-0123456789ab/data.parquet", logs[0].replace("demand", "other", 1)]
    for path in (*logs, *kept):
        lake.publish(path, path.encode())
    spec = demand_spec(serving__log={"enabled": True, "retention_days": 10})
    times = {"now": datetime(2024, 4, 15, tzinfo=UTC), "actor": "run:1"}
    asked: list[object] = []
    bucket._client.meta.events.register("before-send.s3.DeleteObject", lambda **_: asked.append(1), unique_id="deleted")
    try:
        assert prune_log(spec, **times, lake=lake, ledger=ledger).files == 4
        assert prune_log(spec, **times, lake=lake, ledger=ledger).files == 0
    finally:
        bucket._client.meta.events.unregister("before-send.s3.DeleteObject", unique_id="deleted")
    assert list(lake.list_paths("")) == sorted([*logs[4:], *kept])
    assert len(asked) == 4
    (pruned,) = ledger.entries("demand")
    assert (pruned.payload["first"], pruned.payload["last"]) == (days[0], days[3])
    lake.publish(logs[0], b"a day that a server brings in late")  # the name is free again
    assert lake.read(logs[0]) == b"a day that a server brings in late"
