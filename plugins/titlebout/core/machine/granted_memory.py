"""How much memory this process may use: a container is killed at its own limit, not at the machine's."""

import os
from collections.abc import Iterator
from pathlib import Path

from titlebout.core.machine.cgroups import CGROUPS, MEMBERSHIP, settings_around, text_of


def granted_memory_bytes(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return the machine's memory, or the smallest limit of a cgroup around this process.

    Args:
        cgroups: Where the cgroup file system is mounted.
        membership: File that names the cgroup of this process.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(cgroups, membership)])


def _limits(cgroups: Path, membership: Path) -> Iterator[int]:
    of_version_1 = text_of(cgroups / "memory" / "memory.limit_in_bytes")
    for limit in (*settings_around("memory.max", cgroups, membership), of_version_1):
        # No limit is the word `max` in version 2, and a number beyond any machine's memory in version 1.
        if limit.isdigit() and int(limit):
            yield int(limit)
