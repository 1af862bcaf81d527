"""The lake on S3: what another tool, or a store with fewer abilities, does to it."""

import hashlib

import pytest

from fakes.s3_server import new_bucket, s3_client
from titlebout.adapters.s3_bucket import ConditionUnknownError, S3Bucket
from titlebout.adapters.s3_lake import S3Lake
from titlebout.core.errors import LakeConflictError, LakePathError, UnavailableError


@pytest.fixture
def bucket() -> S3Bucket:
    return new_bucket()


@pytest.fixture
def lake(bucket: S3Bucket) -> S3Lake:
    return S3Lake(bucket, "root")


def test_an_object_carries_its_hash(lake: S3Lake, bucket: S3Bucket):
    assert lake.publish("m/a", b"hello") == f"s3://{bucket.name}/root/m/a"
    assert bucket.head("root/m/a").metadata == {"titlebout-sha256": hashlib.sha256(b"hello").hexdigest()}


def test_an_object_that_lost_its_hash_is_compared_by_its_bytes(lake: S3Lake, bucket: S3Bucket):
    s3_client().put_object(Bucket=bucket.name, Key="root/m/a", Body=b"hello")
    lake.publish("m/a", b"hello")
    with pytest.raises(LakeConflictError):
        lake.publish("m/a", b"HELLO")


def test_an_object_that_was_cut_under_its_old_hash_is_no_longer_vouched_for(lake: S3Lake, bucket: S3Bucket):
    lake.publish("m/a", b"hello")
    metadata = bucket.head("root/m/a").metadata
    s3_client().put_object(Bucket=bucket.name, Key="root/m/a", Body=b"hell", Metadata=metadata)
    with pytest.raises(LakeConflictError):
        lake.publish("m/a", b"hello")


def test_a_store_without_conditional_writes_is_enough(lake: S3Lake, bucket: S3Bucket, monkeypatch):
    put = S3Bucket.put

    def put_without_condition(self, key, content, *, metadata, only_if_absent):
        if only_if_absent:
            raise ConditionUnknownError(key)
        put(self, key, content, metadata=metadata, only_if_absent=False)

    monkeypatch.setattr(S3Bucket, "put", put_without_condition)
    lake.publish("m/a", b"hello")
    lake.publish("m/a", b"hello")
    with pytest.raises(LakeConflictError):
        lake.publish("m/a", b"HELLO")
    assert lake.read("m/a") == b"hello"


def test_a_writer_that_was_overtaken_learns_it(lake: S3Lake, bucket: S3Bucket, monkeypatch):
    put = S3Bucket.put

    def put_second(self, key, content, *, metadata, only_if_absent):
        put(self, key, b"other", metadata={"titlebout-sha256": "0" * 64}, only_if_absent=False)
        put(self, key, content, metadata=metadata, only_if_absent=only_if_absent)

    monkeypatch.setattr(S3Bucket, "put", put_second)
    with pytest.raises(LakeConflictError, match="other bytes already stand"):
        lake.publish("m/a", b"hello")
    assert lake.read("m/a") == b"other"


def test_a_store_that_loses_what_it_took_is_noticed(lake: S3Lake, monkeypatch):
    monkeypatch.setattr(S3Bucket, "put", lambda *args, **options: None)
    with pytest.raises(UnavailableError, match="is not there after it was stored"):
        lake.publish("m/a", b"hello")


def test_what_other_tools_leave_beside_is_not_listed(lake: S3Lake, bucket: S3Bucket):
    client = s3_client()
    for key in ("root/m/", "root/m/.hidden", "root/m/a b", "other/m/a", "rooty/m/a"):
        client.put_object(Bucket=bucket.name, Key=key, Body=b"")
    lake.publish("m/a", b"x")
    assert list(lake.list_paths("")) == ["m/a"]
    assert list(lake.list_paths("m")) == ["m/a"]


def test_a_hostile_root_is_refused(bucket: S3Bucket):
    with pytest.raises(LakePathError):
        S3Lake(bucket, "a/../b")


def test_a_full_temporary_folder_is_unavailable(lake: S3Lake, monkeypatch, tmp_path):
    lake.publish("m/a", b"hello")
    (tmp_path / "file").touch()
    monkeypatch.setattr(lake._copies, "name", str(tmp_path / "file"))
    with pytest.raises(UnavailableError, match=r"cannot write 5 bytes: .* make room in the temporary folder"):
        lake.local_copy("m/a", sha256=hashlib.sha256(b"hello").hexdigest())
