"""What a command writes is there whole, or not at all."""

import errno
import os
from pathlib import Path

import pytest

from titlebout.cli.whole_files import appearing


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with appearing(path) as file:
        file.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_was_not_finished_leaves_nothing(tmp_path, error):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def interrupted():
        with appearing(path) as file:
            file.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_an_error_names_what_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, appearing(tmp_path / "none" / "out.csv"):
        pass
    assert (caught.value.filename, caught.value.strerror) == (str(tmp_path / "none"), "there is no such folder")
    path = tmp_path / "out.csv"
    with pytest.raises(OSError, match="full") as full, appearing(path) as file:
        raise OSError(errno.ENOSPC, "full", str(file))
    assert full.value.filename == str(path)


def test_a_device_is_written_to_as_it_is():
    with appearing(Path(os.devnull)) as file:
        assert str(file) == os.devnull


def test_a_link_is_written_through_and_stays_one(tmp_path):
    """As `/dev/stdout` is one: whoever runs as root in a container would lose it."""
    (tmp_path / "out.csv").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("out.csv")
    with appearing(link) as file:
        file.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "out.csv").read_text() == "new"


def test_a_file_that_others_may_not_read_stays_so(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    path.chmod(0o640)
    with appearing(path) as file:
        assert file.stat().st_mode & 0o777 == 0o640
        file.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o640
