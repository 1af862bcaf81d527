"""How many processor cores this process may really use: XGBoost alone would take every core of the machine."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from titlebout.core.machine.cgroups import CGROUPS, MEMBERSHIP, settings_around, text_of

SHARE_VARIABLE = "OMP_NUM_THREADS"
VALUES_PER_THREAD = 2_000_000
"""Feature values from which on one more thread trains faster than it waits: 100,000 rows of 20 features.

Threads that sleep between the parallel loops of a round have to be woken for each loop. Measured on two cores,
trees of depth 4 and 6: with 1,000 to 30,000 rows one thread was 1.2 to 3 times as fast as two.
"""


def granted_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return the cores that affinity, cgroup quota and `OMP_NUM_THREADS` leave to this process, at least 1.

    A container with a quota of 1.5 cores gets 2 threads; with one for each of the host's 64 cores they would
    wait for each other most of the time. The variable is how workers that share a machine are told their share.

    Args:
        cgroups: Where the cgroup file system is mounted.
        membership: File that names the cgroup of this process.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # One number for each level of nesting, as in "4,1"; OpenMP itself ignores what is none.
    wanted = os.environ.get(SHARE_VARIABLE, "").partition(",")[0].strip()
    share = [int(wanted)] if wanted.isdecimal() and int(wanted) else []
    return min([affinity, *share, *(math.ceil(quota) for quota in _quotas(cgroups, membership))])


def training_threads(values: int) -> int:
    """Return how many threads train so many feature values fastest: from 1 to all granted cores.

    Args:
        values: Rows times features.
    """
    return min(granted_cores(), 1 + values // VALUES_PER_THREAD)


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """Yield every quota in cores that binds this process: its cgroup's and those of the cgroups around it."""
    of_version_1 = " ".join(text_of(cgroups / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    for quota in (*settings_around("cpu.max", cgroups, membership), of_version_1):
        # "150000 100000" microseconds of each period; no quota is "max 100000" in version 2 and "-1 100000" in 1
        match quota.split():
            case [granted, period] if granted.isdigit() and period.isdigit() and int(granted) and int(period):
                yield int(granted) / int(period)
