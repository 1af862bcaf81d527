"""The lake on S3: what another tool, or a store with fewer abilities, does to it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.s3_server import new_bucket, s3_client, s3_settings
from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.adapters.s3.s3_faults import ConditionUnknownError
from titlebout.adapters.s3.s3_lake import S3Lake
from titlebout.core.errors import CorruptObjectError, LakeConflictError, LakePathError, UnavailableError


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


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False).returncode == 0
    if not mounted:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_temporary_folder_is_unavailable_and_resumes_after_space(lake: S3Lake, monkeypatch, disk: Path):
    large = os.urandom(3 << 19)
    sha256 = hashlib.sha256(large).hexdigest()
    lake.publish("m/large", large)
    monkeypatch.setattr(lake, "_copies_folder", disk)
    with pytest.raises(UnavailableError, match=r"disk: cannot hold a copy: No space left .*bytes free\); make room"):
        lake.local_copy("m/large", sha256=sha256)
    assert [path for path in disk.rglob("*") if path.is_file()] == []
    subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
    assert lake.local_copy("m/large", sha256=sha256).read_bytes() == large


def test_a_temporary_folder_that_is_gone_is_unavailable(lake: S3Lake, monkeypatch, tmp_path: Path):
    lake.publish("m/a", b"hello")
    monkeypatch.setattr(lake, "_copies_folder", tmp_path / "gone")
    with pytest.raises(UnavailableError, match=r"gone: cannot hold a copy: No such file or directory; make room"):
        lake.local_copy("m/a", sha256=hashlib.sha256(b"hello").hexdigest())


def test_a_copy_gets_its_name_only_when_its_bytes_were_checked(lake: S3Lake, bucket: S3Bucket, monkeypatch):
    content = os.urandom(3 << 20)
    lake.publish("m/a.bin", content)
    seen: list[list[str]] = []
    chunks = S3Bucket.chunks

    def watched(self, key, *, etag=None):
        for chunk in chunks(self, key, etag=etag):
            yield chunk
            seen.append([path.name for path in lake._copies_folder.glob("*/*") if path.is_file()])

    monkeypatch.setattr(S3Bucket, "chunks", watched)
    copy = lake.local_copy("m/a.bin", sha256=hashlib.sha256(content).hexdigest())
    assert seen == [[], [], []]
    assert [path for path in lake._copies_folder.rglob("*") if path.is_file()] == [copy]
    with pytest.raises(CorruptObjectError):
        lake.local_copy("m/a.bin", sha256="0" * 64)
    assert [path for path in lake._copies_folder.rglob("*") if path.is_file()] == [copy]


@pytest.mark.slow
def test_large_objects_are_never_whole_in_memory():
    name, script = new_bucket().name, Path(__file__).parents[2] / "fakes" / "lake_traffic.py"
    settings = s3_settings()
    command = [
        sys.executable,
        str(script),
        settings.endpoint_url,
        settings.access_key,
        settings.secret_key,
        name,
        "192",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    grown_by = json.loads(done.stdout)
    # Four parts of eight megabytes, and what botocore and the allocator need around them.
    assert grown_by["publish"] < 96
    assert grown_by["local_copy"] < 96
