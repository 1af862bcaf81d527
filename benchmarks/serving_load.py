"""What a server is asked for a moment, and what came of it."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Load:
    """What is asked, and by how many connections at a time, each without a pause."""

    rows: int
    connections: int


FULL, HUNDRED_ROWS, ALONE = LOADS = Load(1, 16), Load(100, 16), Load(1, 1)
"""A busy server, the same with more rows, and one caller who never waits for another: the time of an answer itself."""


@dataclass(frozen=True)
class Round:
    """What came of it. The processor time is that of a request, in the server's processes, user and system."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    failed: int


def median_of(rounds: Sequence[Round], of: Callable[[Round], float]) -> float:
    """Return the median of one figure."""
    return statistics.median(of(each) for each in rounds)


def middle(rounds: Sequence[Round]) -> Round:
    """Return the medians of several rounds with one process, and how many requests failed in all of them."""
    return Round(
        median_of(rounds, lambda one: one.requests_per_second),
        median_of(rounds, lambda one: one.p50_ms),
        median_of(rounds, lambda one: one.p99_ms),
        median_of(rounds, lambda one: one.cpu_us),
        sum(each.failed for each in rounds),
    )


def cpu_seconds(root: int) -> float:
    """Return the CPU time of a process and of all that it started."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(file.parent.name)] = int(fields[1])
        seconds[int(file.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    family = {root}
    while more := {each for each, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(seconds[each] for each in family if each in seconds)
