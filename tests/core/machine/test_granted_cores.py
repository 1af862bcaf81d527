import os

import pytest

from titlebout.core.machine.granted_cores import SHARE_VARIABLE, VALUES_PER_THREAD, granted_cores, training_threads

OWN = "system.slice/job/cpu.max"


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv(SHARE_VARIABLE, raising=False)


@pytest.fixture
def cores_with(tmp_path):
    """Return a function that writes files below a cgroup tree and counts the cores it leaves."""

    def cores(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        membership = tmp_path / "membership"
        membership.write_text("12:cpu:/old\n0::/system.slice/job\n")
        return granted_cores(tmp_path, membership)

    return cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({OWN: "max 100000\n"}, 8),
        ({OWN: "150000 100000\n"}, 2),
        ({OWN: "10000 100000\n"}, 1),
        ({OWN: "1600000 100000\n"}, 8),
        ({OWN: "300000 100000\n", "cpu.max": "200000 100000\n"}, 2),
        ({OWN: "0 0\n"}, 8),
        ({OWN: "nonsense\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
    ],
)
def test_the_smallest_quota_that_binds_this_process_decides(cores_with, files, cores):
    assert cores_with(files) == cores


@pytest.mark.parametrize(
    ("share", "cores"), [("3", 3), (" 2 ", 2), ("4,1", 4), ("64", 8), ("0", 8), ("", 8), ("many", 8), ("-1", 8)]
)
def test_a_worker_that_is_told_its_share_takes_no_more(monkeypatch, tmp_path, share, cores):
    monkeypatch.setenv(SHARE_VARIABLE, share)
    assert granted_cores(tmp_path, tmp_path / "absent") == cores
    assert training_threads(100 * VALUES_PER_THREAD) <= cores


def test_a_machine_without_cgroups_has_no_quota(tmp_path):
    assert granted_cores(tmp_path / "absent", tmp_path / "absent") == 8


def test_where_there_is_no_affinity_all_cores_count(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert granted_cores(tmp_path, tmp_path / "absent") == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert granted_cores(tmp_path, tmp_path / "absent") == 1


def test_it_counts_this_machine():
    assert 1 <= granted_cores() <= 8


@pytest.mark.parametrize(
    ("values", "threads"),
    [
        (0, 1),
        (VALUES_PER_THREAD - 1, 1),
        (VALUES_PER_THREAD, 2),
        (5 * VALUES_PER_THREAD, 6),
        (100 * VALUES_PER_THREAD, 8),
    ],
)
def test_a_small_window_is_trained_by_few_threads_and_a_large_one_by_all(values, threads, monkeypatch):
    monkeypatch.setattr("titlebout.core.machine.granted_cores.granted_cores", lambda: 8)
    assert training_threads(values) == threads
