"""What measuring drift costs: whole processes on the same files, against reading them, a scipy loop and two libraries.

Every measurement is a process of its own, from start to end; kinds take turns. Evidently and NannyML live in
environments of their own under .cache, made here; where they cannot be installed they are left out, with the reason.

    python benchmarks/drift.py [--quick] [--check]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from drift_kinds import COLUMNS
from results_page import machine, print_json, write_section

KINDS = Path(__file__).resolve().with_name("drift_kinds.py")
MOST_OF_SCAN, LEAST_OF_EVIDENTLY, LEAST_OF_NANNYML, MOST_MEMORY_GROWTH = 1.2, 100.0, 40.0, 1.3
MORE_TURNS = 5
"""Of the smallest file: a fraction of a second is measured no more exactly."""
CACHE = Path(__file__).resolve().parents[1] / ".cache"
RIVALS = {
    # Evidently imports what pandas 3 took away; NannyML does not ask for statsmodels and needs it.
    "evidently": ["evidently==0.7.23", "pandas<3"],
    "nannyml": ["nannyml==0.13.1", "pandas<3", "statsmodels"],
}
REFERENCE_AND_NEW = {True: (100_000, 20_000, 300_000, 1_000_000), False: (1_000_000, 100_000, 1_000_000, 10_000_000)}


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


# --- environments -----------------------------------------------------------------------------------------------------


def interpreters() -> tuple[dict[str, str], dict[str, str]]:
    """Return the Python of each rival, and why one is left out."""
    found, left_out = {}, {}
    uv = str(Path(sys.executable).with_name("uv"))
    for name, packages in RIVALS.items():
        folder = CACHE / f"drift-{name}"
        python = folder / "bin" / "python"
        probe = [str(python), "-c", f"import {name}"]
        commands = [[uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)]]
        commands += [[uv, "pip", "install", "--quiet", "--python", str(python), *packages], probe]
        if python.exists() and not subprocess.run(probe, check=False, capture_output=True).returncode:
            found[name] = str(python)
            continue
        for command in commands:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                left_out[name] = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
                break
        else:
            found[name] = str(python)
    return found, left_out


# --- measuring -----------------------------------------------------------------------------------------------------


def run(kind: str, python: str, reference: Path, current: Path) -> Cost:
    """Run one kind in a process of its own."""
    command = [python, str(KINDS), kind, str(reference), str(current)]
    started = time.perf_counter()
    # Installed packages are compiled; this one has to be as well.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            message = f"{kind} failed: {errors.read().decode(errors='replace')[-500:]}"
            raise RuntimeError(message)
    wall = time.perf_counter() - started
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(kinds: dict[str, str], reference: Path, current: Path, turns: int) -> dict[str, Cost]:
    """Let kinds take turns; return medians of time and the largest memory."""
    taken: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    run("imports", sys.executable, reference, current)  # once for the byte code
    for _ in range(turns):
        for kind, python in kinds.items():
            taken[kind].append(run(kind, python, reference, current))
    return {
        kind: Cost(
            statistics.median(each.wall_s for each in costs),
            statistics.median(each.cpu_s for each in costs),
            max(each.peak_mb for each in costs),
        )
        for kind, costs in taken.items()
    }


def table(rows: int, found: dict[str, Cost]) -> list[str]:
    """Return the lines of one size."""
    lines = [
        f"### {rows:,} new rows",
        "",
        "| kind | wall s | CPU s | CPU over a bare scan | most memory MB |",
        "|---|---|---|---|---|",
    ]
    for kind, cost in found.items():
        ratio = cost.cpu_s / found["scan"].cpu_s
        lines.append(f"| {kind} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} | {ratio:.2f} | {cost.peak_mb:.0f} |")
    return [*lines, ""]


def goals(sizes: dict[int, dict[str, Cost]]) -> dict[str, float]:
    """Return what the goals are about, by CPU time: the machine is shared."""
    small, large = sizes[min(sizes)], sizes[max(sizes)]
    own = small["titlebout"].cpu_s
    found = {
        "large_over_scan": large["titlebout"].cpu_s / large["scan"].cpu_s,
        "small_over_scan": own / small["scan"].cpu_s,
        "large_over_scan_by_column": large["titlebout"].cpu_s / large["scan_by_column"].cpu_s,
        "small_over_scan_by_column": own / small["scan_by_column"].cpu_s,
        # From a size at which every thread has its buffers.
        "memory_growth": large["titlebout"].peak_mb / sizes[sorted(sizes)[1]]["titlebout"].peak_mb,
    }
    # What a task has imported already belongs to neither side.
    beyond = max(own - small["imports"].cpu_s, 0.001)
    for rival in sorted(set(RIVALS) & set(small)):
        # No process that opens the file at all could be faster.
        found[f"{rival}_over_scan"] = small[rival].cpu_s / small["scan"].cpu_s
        found[f"{rival}_over_titlebout"] = small[rival].cpu_s / own
        found[f"{rival}_over_titlebout_without_imports"] = small[rival].cpu_s / beyond
    return found


def are_met(found: dict[str, float]) -> dict[str, bool]:
    """Say which goals are met."""
    met = {
        "large file against a bare scan": found["large_over_scan"] <= MOST_OF_SCAN,
        "small file against a bare scan": found["small_over_scan"] <= MOST_OF_SCAN,
        "memory flat": found["memory_growth"] <= MOST_MEMORY_GROWTH,
    }
    for rival, least in (("evidently", LEAST_OF_EVIDENTLY), ("nannyml", LEAST_OF_NANNYML)):
        if f"{rival}_over_titlebout" in found:
            met[f"against {rival}"] = found[f"{rival}_over_titlebout"] >= least
    return met


def out_of_reach(found: dict[str, float]) -> list[str]:
    """Name the goals that not even reading the file would meet."""
    least = {"evidently": LEAST_OF_EVIDENTLY, "nannyml": LEAST_OF_NANNYML}
    return [
        f"Out of reach here: {goal:.0f} times as fast as {rival}. A bare scan of the file is {ratio:.0f} times as fast."
        for rival, goal in least.items()
        if (ratio := found.get(f"{rival}_over_scan", goal)) < goal
    ]


def section(reference_rows: int, sizes: dict[int, dict[str, Cost]], left_out: dict[str, str]) -> str:
    """Return the section of the results page."""
    found = goals(sizes)
    met = are_met(found)
    return "\n".join(
        [
            "## What measuring drift costs (`python benchmarks/drift.py`)",
            "",
            f"{machine()}; {len(COLUMNS)} columns of numbers, reference {reference_rows:,} rows. Whole processes, "
            "medians of turns, the other tools once; CPU time, as the machine was shared. `imports` only imports what "
            "`titlebout` does. `scan` reads batches of rows, as one does; `scan_by_column` reads as `titlebout` does.",
            "",
            *[line for rows, costs in sizes.items() for line in table(rows, costs)],
            *[f"{name} was left out: {reason}." for name, reason in left_out.items()],
            "Ratios: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in found.items()) + ".",
            "",
            "Goals: " + ", ".join(f"{name} {'met' if is_met else '**missed**'}" for name, is_met in met.items()) + ".",
            *out_of_reach(found),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small files, once, without libraries; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    rivals, left_out = ({}, {}) if options.quick else interpreters()
    reference_rows, *counts = REFERENCE_AND_NEW[options.quick]
    own = dict.fromkeys(("scan", "scan_by_column", "imports", "titlebout"), sys.executable)
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "reference.parquet"), Path(folder, "current.parquet")
        run("write_reference", sys.executable, old, Path(str(reference_rows)))
        for rows in counts:
            run("write_current", sys.executable, new, Path(str(rows)))
            # The others hold all rows at once, many times over.
            others = {"scipy_loop": sys.executable, **rivals} if rows == min(counts) else {}
            turns = options.turns * (MORE_TURNS if rows == min(counts) else 1)
            sizes[rows] = measure(own, old, new, 1 if options.quick else turns)
            # Once: they take tens of times as long, and so no more exact a clock.
            sizes[rows] |= {kind: run(kind, python, old, new) for kind, python in others.items()}
    body = section(reference_rows, sizes, left_out)
    if not options.quick:
        write_section("drift", body)
    print(body)
    found = goals(sizes)
    print_json({"benchmark": "drift", "ratios": found, "goals": are_met(found), "left_out": left_out})
    return int(options.check and not all(are_met(found).values()))


if __name__ == "__main__":
    sys.exit(main())
