"""SIGKILL at every write of a rollback, then the rollback again: it is the same one, and there is only one."""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from fakes.kill_points import kill_everywhere, unlike_the_calm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def killed():
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="titlebout-kill-", dir=memory if os.access(memory, os.W_OK) else None))
    yield kill_everywhere(place, max(2, os.cpu_count() or 2), story="rollback")
    shutil.rmtree(place, ignore_errors=True)


def test_every_write_of_a_rollback_was_interrupted(killed, capsys):
    kinds = Counter(killed["names"])
    with capsys.disabled():
        print(f"\n{len(killed['found'])} points, {killed['seconds']:.0f} s: {dict(kinds)}")
    assert {"before append", "commit ledger.sqlite", "after append", "before set_champion"} <= set(kinds)
    assert {found["died"] for found in killed["found"].values()} == {-9}


def test_the_undisturbed_rollback_is_worth_comparing_with(killed):
    releases = killed["calm"]["state"]["releases"]
    assert [release["version"][:10] for release in releases] == ["2024-01-12", "2024-01-13", "2024-01-12"]
    assert releases[2]["withdraws"] == releases[1]["version"]
    assert releases[2]["actor"] == "person:ann"
    assert killed["calm"]["registry"]["aliases"] == {"champion": 1, "previous": 2}
    assert killed["calm"]["problems"] == []


@pytest.mark.parametrize("part", ["lake", "ledger", "state", "problems", "registry"])
def test_after_the_next_run_nobody_can_tell_that_there_was_a_kill(killed, part):
    assert unlike_the_calm(killed, part) == []
