"""How much memory this process may use: a container is killed at its own limit, not at the machine's."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_VERSION_2 = "0::/"


def granted_memory_bytes(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return the machine's memory, or the smallest limit of a cgroup around this process.

    Args:
        cgroups: Where the cgroup file system is mounted.
        membership: File that names the cgroup of this process.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(cgroups, membership)])


def _limits(cgroups: Path, membership: Path) -> Iterator[int]:
    lines = _text(membership).splitlines()
    own = PurePosixPath(next((line.removeprefix(_VERSION_2) for line in lines if line.startswith(_VERSION_2)), ""))
    files = [cgroups / folder / "memory.max" for folder in (own, *own.parents)]
    for file in (*files, cgroups / "memory" / "memory.limit_in_bytes"):
        # No limit is the word `max` in version 2, and a number beyond any machine's memory in version 1.
        if (limit := _text(file)).isdigit() and int(limit):
            yield int(limit)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
