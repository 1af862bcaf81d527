"""SIGKILL at every write of a release in steps, its task again: one trial, one release, one token, the same ledger.

Approval, `start_trial`, `watch_trial` and `deploy_model` talk to a real server that clients ask, and die at each entry,
each commit of a database and each request that changes the server.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from fakes.kill_points import kill_everywhere, unlike_the_calm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def killed():
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="titlebout-kill-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield kill_everywhere(place, max(2, os.cpu_count() or 2), story="release")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def test_every_write_of_a_release_was_interrupted(killed, capsys):
    kinds = Counter(killed["names"])
    with capsys.disabled():
        print(f"\n{len(killed['found'])} points, {killed['seconds']:.0f} s: {dict(kinds)}")
    assert {
        "before append", "commit ledger.sqlite", "after append",
        "before push_trial", "after push_trial", "before push", "after push", "before end_trial", "after end_trial",
        "before set_champion", "commit mlflow.sqlite", "after set_champion",
    } <= set(kinds)  # fmt: skip
    assert {found["died"] for found in killed["found"].values()} == {-9}


def test_the_undisturbed_release_is_worth_comparing_with(killed):
    calm = killed["calm"]
    assert [kind for kind, *_ in calm["ledger"]] == [
        "release_approved", "release_settled",  # the eve
        "release_approved", "trial_started", "trial_step", "trial_passed", "release_settled",
    ]  # fmt: skip
    assert calm["attempts"] == 2
    assert calm["aliases"] == {"champion": 2, "previous": 1}
    assert calm["problems"] == []
    assert calm["is_one_token"]


def test_between_death_and_second_try_the_server_answers_for_the_ledgers_champion_or_its_successor(killed):
    versions = {found["seen"]["version"] for found in killed["found"].values()}
    assert all(found["seen"]["answers"] for found in killed["found"].values())
    before, after = killed["calm"]["ledger"][1][2]["version"], killed["calm"]["champion"][0]
    assert versions == {before, after}


@pytest.mark.parametrize("part", ["ledger", "champion", "is_one_token", "server", "problems", "aliases"])
def test_clearing_the_task_finishes_the_same_release(killed, part):
    assert unlike_the_calm(killed, part) == []


def test_a_kill_costs_one_attempt_at_most(killed):
    assert {found["world"]["attempts"] for found in killed["found"].values()} == {2, 3}
