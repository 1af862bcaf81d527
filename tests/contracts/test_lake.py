"""What every lake does: the in-memory one of the tests, a local folder, and S3."""

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fakes.lake import MemoryLake
from fakes.radosgw import radosgw
from fakes.s3_server import new_bucket
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_lake import S3Lake
from titlebout.core.errors import CorruptObjectError, LakeConflictError, LakePathError, ObjectMissingError
from titlebout.core.layout import partition_folder, version_folder, version_manifest
from titlebout.core.ports import Lake


@dataclass(frozen=True)
class Place:
    """A lake, and how somebody changes its bytes behind its back."""

    lake: Lake
    overwrite: Callable[[str, bytes], object]


def in_memory(_: Path) -> Place:
    lake = MemoryLake()
    return Place(lake, lake.objects.__setitem__)


def in_a_folder(folder: Path) -> Place:
    lake = LocalLake(folder / "lake")
    return Place(lake, lambda path, content: (folder / "lake" / path).write_bytes(content))


def in_s3(prefix: str = "", *, in_parts: bool = False, settings: S3Settings | None = None) -> Place:
    bucket = new_bucket(settings)
    lake = S3Lake(bucket, prefix, **({"largest_request_bytes": 0} if in_parts else {}))

    def overwrite(path: str, content: bytes) -> None:
        key = urlsplit(lake.uri(path)).path[1:]
        bucket.put(key, content, metadata=bucket.head(key).metadata, only_if_absent=False)

    return Place(lake, overwrite)


MAKERS: dict[str, Callable[[Path], Place]] = {
    "memory": in_memory,
    "local folder": in_a_folder,
    "S3 bucket": lambda _: in_s3(),
    "S3 prefix": lambda _: in_s3("some/prefix"),
    "S3 in parts": lambda _: in_s3("in/parts", in_parts=True),
    "Ceph": lambda _: in_s3("some/prefix", settings=radosgw().settings),
    "Ceph in parts": lambda _: in_s3("in/parts", in_parts=True, settings=radosgw().settings),
}
# It overlooks the condition at the end of an upload in parts: see `S3Lake`.
LAST_OF_TWO_WINS = "Ceph in parts"
HELLO = hashlib.sha256(b"hello").hexdigest()


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if "Ceph" in name else ()) for name in MAKERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return MAKERS[request.param](tmp_path)


@pytest.fixture
def lake(place: Place) -> Lake:
    return place.lake


@pytest.fixture(scope="module")
def large() -> bytes:
    """More than one part of an upload."""
    return os.urandom(1 << 20) * 17


class TestLake:
    def test_what_was_published_can_be_read(self, lake: Lake):
        lake.publish("m/a.bin", b"hello")
        assert lake.read("m/a.bin") == b"hello"
        assert lake.read("m/a.bin", sha256=HELLO) == b"hello"

    def test_a_file_can_be_published(self, lake: Lake, tmp_path: Path):
        (tmp_path / "source").write_bytes(b"hello")
        lake.publish("m/a.bin", tmp_path / "source")
        assert lake.read("m/a.bin") == b"hello"
        assert (tmp_path / "source").read_bytes() == b"hello"

    def test_nothing_can_be_published_too(self, lake: Lake):
        lake.publish("m/empty", b"")
        assert lake.has("m/empty")
        assert lake.read("m/empty") == b""

    def test_publishing_returns_the_uri(self, lake: Lake):
        expected = lake.uri("m/a.bin")
        assert lake.publish("m/a.bin", b"hello") == expected
        assert "://" in expected
        assert expected.endswith("/m/a.bin")

    def test_the_same_bytes_again_change_nothing(self, lake: Lake, tmp_path: Path):
        (tmp_path / "source").write_bytes(b"hello")
        uris = {lake.publish("m/a.bin", b"hello"), lake.publish("m/a.bin", tmp_path / "source")}
        assert len(uris) == 1
        assert list(lake.list_paths("")) == ["m/a.bin"]

    @pytest.mark.parametrize("other", [b"HELLO", b"", b"hello "])
    def test_other_bytes_are_refused_and_the_first_stay(self, lake: Lake, other: bytes, tmp_path: Path):
        (tmp_path / "source").write_bytes(other)
        lake.publish("m/a.bin", b"hello")
        for data in (other, tmp_path / "source"):
            with pytest.raises(LakeConflictError, match=r"m/a\.bin"):
                lake.publish("m/a.bin", data)
        assert lake.read("m/a.bin") == b"hello"

    def test_what_was_not_published_is_missing(self, lake: Lake):
        assert not lake.has("m/a.bin")
        for read in (lambda: lake.read("m/a.bin"), lambda: lake.local_copy("m/a.bin", sha256=HELLO)):
            with pytest.raises(ObjectMissingError, match=r"m/a\.bin"):
                read()

    def test_a_folder_is_no_object(self, lake: Lake):
        lake.publish("m/folder/a.bin", b"hello")
        assert not lake.has("m/folder")
        with pytest.raises(ObjectMissingError):
            lake.read("m/folder")

    def test_bytes_of_another_hash_are_corrupt(self, lake: Lake):
        lake.publish("m/a.bin", b"HELLO")
        for read in (lake.read, lake.local_copy):
            with pytest.raises(CorruptObjectError, match=r"m/a\.bin"):
                read("m/a.bin", sha256=HELLO)

    def test_a_local_copy_holds_the_bytes_under_the_same_name(self, lake: Lake):
        lake.publish("m/a.parquet", b"hello")
        for _ in range(2):
            copy = lake.local_copy("m/a.parquet", sha256=HELLO)
            assert (copy.name, copy.read_bytes()) == ("a.parquet", b"hello")

    def test_paths_are_listed_in_order_and_by_whole_folders(self, lake: Lake):
        for path in ("m/b/2", "m/b/1", "m/b-c/0", "m/bc/1", "n/1", "m/b/1.x/y"):
            lake.publish(path, path.encode())
        assert list(lake.list_paths("m/b")) == ["m/b/1", "m/b/1.x/y", "m/b/2"]
        assert list(lake.list_paths("m/b/")) == ["m/b/1", "m/b/1.x/y", "m/b/2"]
        assert list(lake.list_paths("")) == ["m/b-c/0", "m/b/1", "m/b/1.x/y", "m/b/2", "m/bc/1", "n/1"]
        assert list(lake.list_paths("m/none")) == []

    def test_paths_are_listed_from_a_place_on(self, lake: Lake):
        paths = ["m/b-c/0", "m/b/1", "m/b/1.x/y", "m/b/2", "m/bc/1", "n/1"]
        for path in paths:
            lake.publish(path, b"x")
        for after in ("", "a", "m", "m/b", "m/b/", "m/b-d", "m/b/1", "m/b/1.x", "m/b/1.x/z", "m/b/2", "m/c", "n/1"):
            assert list(lake.list_paths("", after=after)) == [path for path in paths if path > after]
            assert list(lake.list_paths("m/b", after=after)) == [path for path in paths[1:4] if path > after]

    @pytest.mark.parametrize(
        "path", ["", "/a", "../a", "a/../b", "a//b", "a/", "a/.b", "a b", "a\\b", "a\0", "ä", "a%2e"]
    )
    def test_a_hostile_path_is_refused_everywhere(self, lake: Lake, path: str):
        calls = [
            lambda: lake.publish(path, b"x"),
            lambda: lake.read(path),
            lambda: lake.local_copy(path, sha256=HELLO),
            lambda: lake.has(path),
            lambda: lake.uri(path),
        ]
        for call in calls:
            with pytest.raises(LakePathError):
                call()
        assert list(lake.list_paths("")) == []

    @pytest.mark.parametrize("prefix", ["/", "..", "a/../b/", "a//"])
    def test_a_hostile_prefix_is_refused(self, lake: Lake, prefix: str):
        with pytest.raises(LakePathError):
            list(lake.list_paths(prefix))

    def test_of_writers_at_the_same_moment_one_wins_and_the_others_learn_it(self, lake: Lake, request):
        if request.node.callspec.params["place"] == LAST_OF_TWO_WINS:
            pytest.skip("this store overlooks the condition at the end of an upload in parts")
        contents = [str(number % 2).encode() for number in range(8)]
        outcomes = at_the_same_moment([publisher(lake, "m/a.bin", content) for content in contents])
        assert set(outcomes) - {None} == {lake.read("m/a.bin")}
        assert outcomes.count(None) == 4

    def test_writers_of_the_same_bytes_at_the_same_moment_all_succeed(self, lake: Lake):
        outcomes = at_the_same_moment([publisher(lake, "m/a.bin", b"hello")] * 8)
        assert outcomes == [b"hello"] * 8
        assert lake.read("m/a.bin", sha256=HELLO) == b"hello"
        assert list(lake.list_paths("")) == ["m/a.bin"]

    def test_a_large_file_comes_back_as_it_was(self, lake: Lake, large: bytes, tmp_path: Path):
        (tmp_path / "source").write_bytes(large)
        sha256 = hashlib.sha256(large).hexdigest()
        for _ in range(2):
            lake.publish("m/large.bin", tmp_path / "source")
        copy = lake.local_copy("m/large.bin", sha256=sha256)
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == sha256
        assert lake.read("m/large.bin", sha256=sha256) == large
        with pytest.raises(LakeConflictError):
            lake.publish("m/large.bin", large[:-1])

    def test_a_reader_beside_a_writer_sees_nothing_or_everything(self, lake: Lake, large: bytes):
        sha256, done = hashlib.sha256(large).hexdigest(), threading.Event()

        def read() -> list[bool]:
            seen = []
            while not done.is_set() or not seen:
                listed = list(lake.list_paths("m")) == ["m/large.bin"]
                try:
                    lake.read("m/large.bin", sha256=sha256)
                    seen.append(True)
                except ObjectMissingError:
                    assert not listed
                    seen.append(False)
            return seen

        with ThreadPoolExecutor(1) as readers:
            reader = readers.submit(read)
            try:
                lake.publish("m/large.bin", large)
            finally:
                done.set()
            seen = reader.result()
        assert seen == sorted(seen)

    def test_only_a_file_of_an_inference_log_can_be_forgotten(self, lake: Lake):
        logged = "demand/inference_log/2024-01-05/0123456789abcdef-00000001-0123456789ab.parquet"
        evidence = ["demand/partitions/2024-01-05/1-0123456789ab/data.parquet", "demand/versions/v1/model.ubj"]
        for path in (logged, *evidence):
            lake.publish(path, b"x")
        for _ in range(2):
            lake.forget(logged)
        assert not lake.has(logged)
        for path in (*evidence, "demand/inference_log", "inference_log/a/b/c", "demand/inference_log/../versions/v1"):
            with pytest.raises(LakePathError):
                lake.forget(path)
        assert list(lake.list_paths("")) == evidence
        lake.publish(logged, b"y")
        assert lake.read(logged) == b"y"

    def test_a_flipped_bit_is_found_before_anybody_parses_it(self, place: Place):
        place.lake.publish("m/a.bin", b"hello")
        place.overwrite("m/a.bin", b"hellp")
        for read in (place.lake.read, place.lake.local_copy):
            with pytest.raises(CorruptObjectError, match=r"m/a\.bin"):
                read("m/a.bin", sha256=HELLO)

    def test_bytes_that_were_cut_are_found_too_and_are_not_published_over(self, place: Place):
        place.lake.publish("m/a.bin", b"hello")
        place.overwrite("m/a.bin", b"hell")
        with pytest.raises(CorruptObjectError, match=r"m/a\.bin"):
            place.lake.local_copy("m/a.bin", sha256=HELLO)
        with pytest.raises(LakeConflictError, match=r"m/a\.bin"):
            place.lake.publish("m/a.bin", b"hello")

    def test_a_model_keeps_partitions_versions_and_predictions_apart(self, lake: Lake):
        snapshot = partition_folder("demand", "2024-01-05", 1, HELLO)
        paths = [
            f"{snapshot}/data.parquet",
            f"{snapshot}/manifest.json",
            f"{version_folder('demand', '20240105-0123abcd')}/model.ubj",
            version_manifest("demand", "20240105-0123abcd"),
            "demand/predictions/2024-01-05/part-0001.parquet",
        ]
        for path in paths:
            lake.publish(path, path.encode())
        assert list(lake.list_paths("demand/predictions/2024-01-05")) == [paths[-1]]
        assert list(lake.list_paths("demand/partitions")) == paths[:2]
        assert list(lake.list_paths("demand/versions/")) == sorted(paths[2:4])
        assert list(lake.list_paths("demand")) == sorted(paths)


def publisher(lake: Lake, path: str, content: bytes) -> Callable[[], bytes | None]:
    """Return a call that publishes and tells what stands there then, or None where it was refused."""

    def publish() -> bytes | None:
        try:
            lake.publish(path, content)
        except LakeConflictError:
            return None
        return content

    return publish


def at_the_same_moment(calls: list[Callable[[], bytes | None]]) -> list[bytes | None]:
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], bytes | None]) -> bytes | None:
        start.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [*threads.map(run, calls)]
