"""The lake in a local folder: what a disk can do to it."""

import errno
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from titlebout.adapters import local_lake
from titlebout.adapters.local_lake import LocalLake
from titlebout.core.errors import AccessRefusedError, LakeConflictError, ObjectMissingError, UnavailableError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def lake(root: Path) -> LocalLake:
    return LocalLake(root)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def failing(number: int):
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_only_the_owner_can_read_what_was_published(lake: LocalLake, root: Path):
    before = os.umask(0)
    try:
        lake.publish("m/n/a.bin", b"x")
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (root, root / "m", root / "m/n", root / "m/n/a.bin")]
    assert modes == [0o700, 0o700, 0o700, 0o600]


def test_bytes_and_names_are_flushed_before_an_object_counts_as_published(lake, root, monkeypatch):
    flushed: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    lake.publish("m/n/a.bin", b"x")
    assert flushed[:2] == [str(root), str(root / "m")]
    assert flushed[2].startswith(str(root / "m/n/.new-"))
    assert flushed[3:] == [str(root / "m/n")]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_full_disk_says_what_is_needed_and_free_and_leaves_nothing(lake, root, monkeypatch, number, call):
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(UnavailableError, match=r"a\.bin: no space left: 5 bytes needed, \d+ free; make room"):
        lake.publish("m/a.bin", b"hello")
    assert files_below(root) == []
    monkeypatch.undo()
    lake.publish("m/a.bin", b"hello")
    assert lake.read("m/a.bin") == b"hello"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full_recovers_once_there_is_room(root: Path):
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root)], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        lake = LocalLake(root)
        lake.publish("m/a.bin", bytes(600_000))
        with pytest.raises(UnavailableError, match=r"600001 bytes needed, \d+ free"):
            lake.publish("m/b.bin", bytes(600_001))
        assert files_below(root) == ["m/a.bin"]
        lake.publish("m/a.bin", bytes(600_000))
        (root / "m/a.bin").unlink()
        lake.publish("m/b.bin", bytes(600_001))
    finally:
        subprocess.run(["umount", str(root)], check=True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_is_refused_without_a_retry(lake, monkeypatch, number):
    monkeypatch.setattr(local_lake.tempfile, "mkstemp", failing(number))
    with pytest.raises(AccessRefusedError, match=r"m/a\.bin"):
        lake.publish("m/a.bin", b"x")


def test_a_broken_disk_is_worth_a_retry(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    lake.publish("m/a.bin", b"x")
    monkeypatch.setattr(Path, "read_bytes", failing(errno.EIO))
    with pytest.raises(UnavailableError, match=r"m/a\.bin: Input/output error; look after the disk"):
        lake.read("m/a.bin")


@pytest.mark.parametrize("link", ["m", "m/n", "m/n/a.bin"])
def test_a_symbolic_link_is_refused_on_every_way(lake: LocalLake, root: Path, tmp_path: Path, link: str):
    outside = tmp_path / "outside"
    (outside / "n").mkdir(parents=True)
    for path in ("a.bin", "n/a.bin"):
        (outside / path).write_bytes(b"secret")
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside / "a.bin" if link.endswith(".bin") else outside)
    sha256 = hashlib.sha256(b"secret").hexdigest()
    for call in (
        lambda: lake.read("m/n/a.bin"),
        lambda: lake.has("m/n/a.bin"),
        lambda: lake.local_copy("m/n/a.bin", sha256=sha256),
        lambda: lake.publish("m/n/a.bin", b"x"),
    ):
        with pytest.raises(AccessRefusedError, match="is a symbolic link"):
            call()
    assert list(lake.list_paths("")) == []
    if not link.endswith(".bin"):
        with pytest.raises(AccessRefusedError, match="is a symbolic link"):
            lake.list_paths("m/n")
    assert files_below(outside) == ["a.bin", "n/a.bin"]


def test_the_root_itself_may_be_a_link(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "lake").symlink_to(tmp_path / "disk")
    LocalLake(tmp_path / "lake").publish("m/a.bin", b"x")
    assert files_below(tmp_path / "disk") == ["m/a.bin"]


def test_a_file_where_a_folder_is_needed_is_a_conflict(lake: LocalLake):
    lake.publish("m/a", b"x")
    with pytest.raises(LakeConflictError, match="where the lake needs a folder"):
        lake.publish("m/a/b", b"x")
    with pytest.raises(LakeConflictError, match="something else already stands"):
        lake.publish("m", b"x")


def test_a_mount_without_hard_links_works_too(lake: LocalLake, root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
    lake.publish("m/a.bin", b"x")
    lake.publish("m/a.bin", b"x")
    with pytest.raises(LakeConflictError):
        lake.publish("m/a.bin", b"y")
    assert files_below(root) == ["m/a.bin"]


def test_a_writer_that_was_killed_leaves_nothing_that_is_seen_or_stays(lake: LocalLake, root: Path):
    code = (
        "import os, pathlib, signal, sys\n"
        "from titlebout.adapters.local_lake import LocalLake\n"
        "os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "LocalLake(pathlib.Path(sys.argv[1])).publish('m/a.bin', b'hello')\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(root)], check=False).returncode == -9
    (leftover,) = files_below(root)
    assert leftover.startswith("m/.new-")
    assert not lake.has("m/a.bin")
    assert list(lake.list_paths("")) == []
    lake.publish("m/a.bin", b"hello")
    assert leftover in files_below(root), "its writer could still live"
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(root / leftover, (two_days_ago, two_days_ago))
    lake.publish("m/b.bin", b"hello")
    assert files_below(root) == ["m/a.bin", "m/b.bin"]


def test_asking_an_empty_lake_makes_no_folder(lake: LocalLake, root: Path):
    assert not lake.has("m/a.bin")
    assert list(lake.list_paths("m")) == []
    with pytest.raises(ObjectMissingError, match="nothing was published there"):
        lake.read("m/a.bin")
    assert not root.exists()


@pytest.mark.parametrize("ask", ["read", "has", "publish", "list_paths"])
def test_a_folder_that_may_not_be_entered_is_said(lake: LocalLake, monkeypatch: pytest.MonkeyPatch, ask: str):
    monkeypatch.setattr(Path, "is_symlink", failing(errno.EACCES))
    with pytest.raises(AccessRefusedError, match="Permission denied; give the Airflow user the right to it"):
        getattr(lake, ask)(*(("m/a.bin", b"x") if ask == "publish" else ("m/a.bin",)))
