"""SIGKILL at every write of a night, then the night again: the world is that of an undisturbed night, byte for byte."""

import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from fakes.kill_points import kill_everywhere, unlike_the_calm
from titlebout.adapters.local_lake import LocalLake

# Two hundred deaths and rebirths take a minute and a half of two idle cores, and much more of busy ones.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

JOBS = max(2, os.cpu_count() or 2)


@pytest.fixture(scope="module")
def folder():
    """Memory instead of a disk, where there is such a folder: a killed process loses nothing that it has written."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="titlebout-kill-", dir=memory if os.access(memory, os.W_OK) else None))
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def killed(folder):
    (folder / "all").mkdir()
    return kill_everywhere(folder / "all", JOBS)


def test_every_kind_of_write_was_interrupted(killed, capsys):
    kinds = Counter(killed["names"])
    with capsys.disabled():
        print(f"\n{len(killed['found'])} points, {killed['seconds']:.0f} s: {dict(kinds)}")
    assert len(killed["found"]) == len(killed["names"]) > 150
    assert {
        "before publish", "open", "fsync", "os.link", "os.remove", "after publish",
        "before append", "commit ledger.sqlite", "after append",
        "before record_challenger", "after record_challenger", "commit mlflow.sqlite",
        "before record_verdict", "after record_verdict", "before set_champion", "after set_champion",
    } <= set(kinds)  # fmt: skip
    assert {found["died"] for found in killed["found"].values()} == {-9}


def test_the_undisturbed_night_is_worth_comparing_with(killed):
    calm = killed["calm"]
    kinds = Counter(kind for kind, *_ in calm["ledger"])
    assert kinds["challenger_trained"] == kinds["verdict_reached"] == kinds["release_settled"] == 1
    assert len(calm["state"]["releases"]) == 1
    assert len(calm["registry"]["runs"]) == 3  # the night, its training, its bout
    assert len(calm["registry"]["versions"]) == 1
    assert calm["registry"]["aliases"] == {"champion": 1}
    assert len(calm["registry"]["files"]) > 5
    assert len(calm["lake"]) > 50
    assert calm["problems"] == []


@pytest.mark.parametrize("part", ["lake", "ledger", "state", "problems", "registry"])
def test_after_the_next_run_nobody_can_tell_that_there_was_a_kill(killed, part):
    assert unlike_the_calm(killed, part) == []


def test_what_a_killed_writer_leaves_in_the_lake_is_invisible_and_goes_with_a_later_write(killed, tmp_path):
    assert any(found["leftovers"]["lake"] for found in killed["found"].values())
    lake = LocalLake(tmp_path)
    lake.publish("demand/partitions/a", b"whole")
    leftover = tmp_path / "demand" / "partitions" / ".new-abcdef"
    leftover.write_bytes(b"ha")
    assert list(lake.list_paths("")) == ["demand/partitions/a"]
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(leftover, (two_days_ago, two_days_ago))
    lake.publish("demand/partitions/b", b"next")
    assert not leftover.exists()


@pytest.mark.parametrize("sabotage", ["torn", "forgotten"])
def test_a_lake_or_a_ledger_without_its_guard_is_found_out(folder, sabotage):
    (folder / sabotage).mkdir()
    broken = kill_everywhere(folder / sabotage, JOBS, sabotage)
    assert broken["found"]
    worlds = [found.get("world") for found in broken["found"].values()]
    assert any(world != broken["calm"] for world in worlds)
