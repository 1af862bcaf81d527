import os

import pytest

from titlebout.core.machine.granted_memory import granted_memory_bytes

OWN = "system.slice/job/memory.max"
GIB = 1 << 30


@pytest.fixture
def memory_with(tmp_path, monkeypatch):
    """Return a function that writes files below a cgroup tree and says what they leave of 8 GiB."""
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8 * GIB // 4096}.__getitem__)

    def memory(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        membership = tmp_path / "membership"
        membership.write_text("12:memory:/old\n0::/system.slice/job\n")
        return granted_memory_bytes(tmp_path, membership)

    return memory


@pytest.mark.parametrize(
    ("files", "gib"),
    [
        ({}, 8),
        ({OWN: "max\n"}, 8),
        ({OWN: f"{2 * GIB}\n"}, 2),
        ({OWN: f"{64 * GIB}\n"}, 8),
        ({OWN: f"{4 * GIB}\n", "system.slice/memory.max": f"{3 * GIB}\n"}, 3),
        ({OWN: "0\n"}, 8),
        ({OWN: "nonsense\n"}, 8),
        ({"memory/memory.limit_in_bytes": f"{GIB}\n"}, 1),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8),
    ],
)
def test_the_smallest_limit_around_this_process_decides(memory_with, files, gib):
    assert memory_with(files) == gib * GIB
