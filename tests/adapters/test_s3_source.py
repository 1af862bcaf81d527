"""Objects as a source: which of them hold rows, and what happens while somebody writes."""

import pytest

from fakes.s3_server import new_bucket, s3_client
from fakes.specs import demand_spec
from titlebout.adapters.s3_bucket import S3Bucket
from titlebout.adapters.s3_source import S3SourceReader
from titlebout.core.dataset_spec import DatasetSection
from titlebout.core.errors import AccessRefusedError, PartitionMissingError, SpecError, UnavailableError

HEADER = "day,hour,temperature,weather,rentals\n"
DAY = "2024-01-05"


def dataset(bucket: S3Bucket) -> DatasetSection:
    section = {"kind": "s3", "bucket": bucket.name, "prefix": "rides/day={partition}/", "format": "csv"}
    return demand_spec(dataset__source=section).dataset


@pytest.fixture
def bucket() -> S3Bucket:
    return new_bucket()


def deliver(bucket: S3Bucket, key: str, hour: int = 0) -> None:
    body = f"{HEADER}{DAY},{hour},1.5,clear,10\n".encode()
    s3_client().put_object(Bucket=bucket.name, Key=key, Body=body)


def test_all_objects_of_a_day_are_read_in_the_order_of_their_keys(bucket: S3Bucket):
    for hour, name in enumerate(("a.csv", "b.csv", "sub/c.csv")):
        deliver(bucket, f"rides/day={DAY}/{name}", hour)
    deliver(bucket, "rides/day=2024-01-06/a.csv", 9)
    raw = S3SourceReader(dataset(bucket), bucket).read(DAY)
    assert raw.table.column("hour").to_pylist() == [0, 1, 2]
    assert raw.source_uri == f"s3://{bucket.name}/rides/day={DAY}/"
    assert raw.source_etag == ",".join(found.etag for found in bucket.list_objects(f"rides/day={DAY}/"))


def test_the_etag_of_many_objects_stays_short(bucket: S3Bucket):
    for hour in range(12):
        deliver(bucket, f"rides/day={DAY}/{hour:02d}.csv", hour)
    etag = S3SourceReader(dataset(bucket), bucket).read(DAY).source_etag
    assert etag.startswith("sha256:")
    assert len(etag) == 71


def test_markers_and_hidden_objects_hold_no_rows(bucket: S3Bucket):
    for name in ("", "_SUCCESS", ".part", "_temporary/0.csv"):
        s3_client().put_object(Bucket=bucket.name, Key=f"rides/day={DAY}/{name}", Body=b"")
    source = S3SourceReader(dataset(bucket), bucket)
    with pytest.raises(PartitionMissingError, match="holds no object; deliver partition 2024-01-05"):
        source.read(DAY)
    deliver(bucket, f"rides/day={DAY}/a.csv")
    assert source.read(DAY).table.num_rows == 1


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_object_that_changes_between_listing_and_reading_is_worth_a_retry(bucket, monkeypatch, change):
    key = f"rides/day={DAY}/a.csv"
    deliver(bucket, key)
    listed = bucket.list_objects(key)
    monkeypatch.setattr(bucket, "list_objects", lambda prefix: listed)
    if change == "replaced":
        deliver(bucket, key, hour=1)
    else:
        s3_client().delete_object(Bucket=bucket.name, Key=key)
    with pytest.raises(UnavailableError, match="was replaced or removed while it was read"):
        S3SourceReader(dataset(bucket), bucket).read(DAY)


def test_a_bucket_that_is_not_there_is_told_from_a_day_that_is_not_there(bucket: S3Bucket):
    source = S3SourceReader(dataset(bucket), bucket)
    with pytest.raises(PartitionMissingError):
        source.read(DAY)
    s3_client().delete_bucket(Bucket=bucket.name)
    with pytest.raises(AccessRefusedError, match="NoSuchBucket"):
        source.read(DAY)


def test_another_kind_of_source_is_refused(bucket: S3Bucket):
    with pytest.raises(SpecError, match="kind 'files' is not read from S3"):
        S3SourceReader(demand_spec().dataset, bucket)
