"""Objects as a source: which of them hold rows, and what happens while somebody writes."""

import tempfile
from pathlib import Path

import pytest

from fakes.fault_proxy import SLOW_DOWN, Fault, FaultProxy
from fakes.specs import demand_spec
from fakes.whole_tables import all_rows
from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.adapters.s3.s3_source import S3SourceReader
from titlebout.core.errors import AccessRefusedError, PartitionMissingError, SpecError, UnavailableError
from titlebout.core.specs.dataset_spec import DatasetSection

HEADER = "day,hour,temperature,weather,rentals\n"
DAY = "2024-01-05"


def dataset(bucket: S3Bucket) -> DatasetSection:
    section = {"kind": "s3", "bucket": bucket.name, "prefix": "rides/day={partition}/", "format": "csv"}
    return demand_spec(dataset__source=section).dataset


def deliver(bucket: S3Bucket, key: str, hour: int = 0, rows: int = 1) -> None:
    body = HEADER + f"{DAY},{hour},1.5,clear,10\n" * rows
    bucket.put(key, body.encode(), metadata={}, only_if_absent=False)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary files lie."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def temporary_files(folder: Path) -> int:
    """Count this process's open files below a folder, with or without a name."""
    opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(path.startswith(str(folder)) for path in opened) + len(list(folder.iterdir()))


def test_all_objects_of_a_day_are_read_in_the_order_of_their_keys(bucket: S3Bucket):
    for hour, name in enumerate(("a.csv", "b.csv", "sub/c.csv")):
        deliver(bucket, f"rides/day={DAY}/{name}", hour)
    deliver(bucket, "rides/day=2024-01-06/a.csv", 9)
    raw = S3SourceReader(dataset(bucket), bucket).read(DAY)
    assert all_rows(raw).column("hour").to_pylist() == [0, 1, 2]
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
        bucket.put(f"rides/day={DAY}/{name}", b"", metadata={}, only_if_absent=False)
    source = S3SourceReader(dataset(bucket), bucket)
    with pytest.raises(PartitionMissingError, match="holds no object; deliver partition 2024-01-05"):
        source.read(DAY)
    deliver(bucket, f"rides/day={DAY}/a.csv")
    assert all_rows(source.read(DAY)).num_rows == 1


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_object_that_changes_between_listing_and_reading_is_worth_a_retry(
    bucket: S3Bucket, behind: S3Bucket, proxy: FaultProxy, disk: Path, change: str
):
    key = f"rides/day={DAY}/a.csv"
    deliver(bucket, key)

    def swap() -> None:
        if change == "replaced":
            deliver(behind, key, hour=1)
        else:
            behind._client.delete_object(Bucket=behind.name, Key=key)

    proxy.spoil("GET", SLOW_DOWN, text="a.csv", before=swap)
    with pytest.raises(UnavailableError, match=r"a\.csv: was replaced or removed while it was read"):
        all_rows(S3SourceReader(dataset(bucket), bucket).read(DAY))
    assert temporary_files(disk) == 0


@pytest.mark.parametrize("fault", [Fault.TRUNCATE, Fault.RESET_IN_BODY, Fault.HANG_IN_BODY, Fault.RESET, SLOW_DOWN])
def test_rows_arrive_whole_in_spite_of_two_faults_and_not_of_three(bucket, proxy: FaultProxy, disk: Path, fault):
    deliver(bucket, f"rides/day={DAY}/a.csv", rows=100)
    source = S3SourceReader(dataset(bucket), bucket)
    proxy.spoil("GET", fault, 2, text="a.csv")
    assert all_rows(source.read(DAY)).num_rows == 100
    proxy.spoil("GET", fault, 3, text="a.csv")
    with pytest.raises(UnavailableError, match=rf"s3://{bucket.name}/rides/day={DAY}/a.csv: .* in 3 attempts"):
        all_rows(source.read(DAY))
    assert temporary_files(disk) == 0


def test_objects_are_fetched_one_by_one_as_rows_are_asked_for(bucket: S3Bucket, proxy: FaultProxy, disk: Path):
    for hour in range(3):
        deliver(bucket, f"rides/day={DAY}/{hour}.csv", hour)
    raw = S3SourceReader(dataset(bucket), bucket).read(DAY)
    assert proxy.count("GET", ".csv") == 0
    next(raw.batches)
    assert proxy.count("GET", ".csv") == 1
    assert temporary_files(disk) == 1
    raw.close()
    assert temporary_files(disk) == 0
    assert proxy.count("GET", ".csv") == 1


def test_a_temporary_file_has_no_name_that_a_killed_process_could_leave(bucket: S3Bucket, disk: Path):
    deliver(bucket, f"rides/day={DAY}/a.csv")
    raw = S3SourceReader(dataset(bucket), bucket).read(DAY)
    next(raw.batches)
    assert list(disk.iterdir()) == []
    assert [batch.num_rows for batch in raw.batches] == []
    assert temporary_files(disk) == 0


def test_a_temporary_folder_that_is_gone_is_unavailable(bucket: S3Bucket, monkeypatch, tmp_path: Path):
    deliver(bucket, f"rides/day={DAY}/a.csv")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UnavailableError, match="gone: cannot hold a copy: No such file or directory; make room"):
        all_rows(S3SourceReader(dataset(bucket), bucket).read(DAY))


def test_fewer_bytes_than_were_listed_are_noticed(bucket: S3Bucket, monkeypatch):
    deliver(bucket, f"rides/day={DAY}/a.csv")
    monkeypatch.setattr(S3Bucket, "chunks", lambda *_, **__: iter([b"day,hour"]))
    with pytest.raises(UnavailableError, match=r"a\.csv: 8 of 63 bytes came"):
        all_rows(S3SourceReader(dataset(bucket), bucket).read(DAY))


def test_a_bucket_that_is_not_there_is_told_from_a_day_that_is_not_there(bucket: S3Bucket):
    source = S3SourceReader(dataset(bucket), bucket)
    with pytest.raises(PartitionMissingError):
        source.read(DAY)
    bucket._client.delete_bucket(Bucket=bucket.name)
    with pytest.raises(AccessRefusedError, match="NoSuchBucket"):
        source.read(DAY)


def test_another_kind_of_source_is_refused(bucket: S3Bucket):
    with pytest.raises(SpecError, match="kind 'files' is not read from S3"):
        S3SourceReader(demand_spec().dataset, bucket)
