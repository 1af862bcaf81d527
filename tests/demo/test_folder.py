"""The demo's folder: wiped only if a demo made it, held by one process at a time."""

import os
import subprocess
import sys

import pytest

from titlebout.demo.failure import DemoError
from titlebout.demo.folder import DemoFolder

HOLD = (
    "import sys, time; from pathlib import Path; from titlebout.demo.folder import DemoFolder\n"
    "with DemoFolder(Path(sys.argv[1]), 'demand_demo').held(): print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def folder(tmp_path):
    return DemoFolder(tmp_path, "demand_demo")


def test_a_fresh_folder_holds_every_place_that_services_write_to(folder):
    assert not folder.make_afresh()
    for place in (folder.source, folder.lake, folder.logs, folder.servers, folder.root / "tmp", folder.root / "home"):
        assert place.is_dir()


def test_what_an_earlier_demo_left_is_wiped(folder):
    folder.make_afresh()
    (folder.lake / "old").touch()
    assert folder.make_afresh()
    assert not (folder.lake / "old").exists()


def test_a_folder_that_no_demo_made_is_not_wiped(folder):
    folder.root.mkdir(parents=True)
    (folder.root / "thesis.txt").touch()
    with pytest.raises(DemoError, match="was not made by a demo"):
        folder.make_afresh()
    assert (folder.root / "thesis.txt").exists()


def test_a_disk_that_is_too_full_is_noticed_before_anything_starts(folder, monkeypatch):
    monkeypatch.setattr("titlebout.demo.folder.NEEDED_BYTES", 10**18)
    with pytest.raises(DemoError, match="GB free, the demo needs"):
        folder.make_afresh()


def test_two_demos_of_one_data_set_do_not_run_at_once(folder):
    with folder.held(), pytest.raises(DemoError, match="running already"), folder.held():
        pass
    with folder.held():
        pass


def test_a_demo_that_was_killed_does_not_lock_the_next_one_out(folder):
    with subprocess.Popen([sys.executable, "-c", HOLD, folder.project], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert folder.holder() == other.pid
        other.kill()
    assert folder.holder() is None
    with folder.held():
        pass


def test_nobody_holds_a_demo_that_never_ran(folder):
    assert folder.holder() is None


def test_the_lock_survives_the_wiping_of_the_folder(folder):
    with folder.held():
        folder.make_afresh()
        assert folder.holder() == os.getpid()
