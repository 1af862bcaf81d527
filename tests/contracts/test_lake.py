"""What every lake does: the in-memory one of the tests, a local folder, and S3."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.lake import MemoryLake
from fakes.s3_server import new_bucket
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.s3_lake import S3Lake
from titlebout.core.errors import CorruptObjectError, LakeConflictError, LakePathError, ObjectMissingError
from titlebout.core.ports import Lake

MAKERS: dict[str, Callable[[Path], Lake]] = {
    "memory": lambda _: MemoryLake(),
    "local folder": lambda folder: LocalLake(folder / "lake"),
    "S3 bucket": lambda _: S3Lake(new_bucket(), ""),
    "S3 prefix": lambda _: S3Lake(new_bucket(), "some/prefix"),
}
HELLO = hashlib.sha256(b"hello").hexdigest()


@pytest.fixture(params=MAKERS)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return MAKERS[request.param](tmp_path)


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

    def test_of_writers_at_the_same_moment_one_wins_and_the_others_learn_it(self, lake: Lake):
        outcomes: list[bytes | None] = []
        start = threading.Barrier(4)

        def write(content: bytes) -> None:
            start.wait()
            try:
                lake.publish("m/a.bin", content)
                outcomes.append(content)
            except LakeConflictError:
                outcomes.append(None)

        writers = [threading.Thread(target=write, args=(str(number % 2).encode(),)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert sorted(set(outcomes) - {None}) == [lake.read("m/a.bin")]
        assert len(outcomes) == 4
