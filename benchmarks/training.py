"""What training costs: the whole step against a bare `xgb.train` script on the same Parquet files.

Every measurement is a process of its own, from start to end; kinds take turns. The step reads the ledger, checks the
hash of every snapshot, trains, picks golden rows, publishes the version's files and records it. The bare script reads
the files, trains and saves the model. Memory is the most that a process ever held.

    python benchmarks/training.py [--quick] [--check] [--rows 1000000 10000000]
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results_page import machine, print_json, write_section

if TYPE_CHECKING:  # the bare script must not pay for what it does not use
    from titlebout.core.ports import Lake, Ledger
    from titlebout.core.snapshots import WrittenRows
    from titlebout.core.specs.spec import ModelSpec

LARGEST_SHARE_OF_BARE = 1.05
LARGEST_SHARE_ON_DISK = 1.2
LARGEST_SHARE_OF_MEMORY = 0.2
SMALLEST_SPEED_UP = 3.0
MIDDLE_ROWS = 1_000_000
SMALL_ROWS, SMALL_ROUNDS = 10_000, 2000

FIRST_DAY, DAYS = date(2024, 1, 1), 30
NIGHT = FIRST_DAY + timedelta(days=DAYS)  # the night's own day is the holdout
COLUMNS = [f"number_{n}" for n in range(20)]
PARAMS = {"max_depth": 6, "eta": 0.1}
ALL_IN_MEMORY, ALL_ON_DISK = 1_000_000, 1
LEDGER, LAKE, FILES = "ledger.sqlite", "lake", "files.json"


def make_spec(rounds: int, in_memory_megabytes: int) -> "ModelSpec":
    """Return the spec of the benchmark's model."""
    from titlebout.core.specs.spec import ModelSpec

    return ModelSpec.model_validate(
        {
            "name": "training_benchmark",
            "dataset": {
                "source": {"kind": "files", "path": "{partition}.csv"},
                "columns": dict.fromkeys([*COLUMNS, "target"], "number") | {"day": "date"},
                "time_column": "day",
                "key_columns": ["day"],
                "target": "target",
                "first_partition": FIRST_DAY.isoformat(),
            },
            "validation": {"suite": "none"},
            "training": {
                "features": {"numeric": COLUMNS},
                "window_days": DAYS,
                "holdout_days": 1,
                "rounds": rounds,
                "params": PARAMS,
                "in_memory_megabytes": in_memory_megabytes,
            },
        }
    )


def open_stores(folder: Path) -> "tuple[Lake, Ledger]":
    """Open the lake and the ledger."""
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.connection_fields import ConnectionFields
    from titlebout.wiring import build_ledger

    connection = ConnectionFields("ledger", "sqlite", host=str(folder / LEDGER))
    return LocalLake(folder / LAKE), build_ledger(connection)


def make_window(folder: Path, rows: int) -> None:
    """Ingest and accept the days of a training window; what it takes is not measured."""
    import numpy as np
    import pyarrow as pa

    from titlebout.core.snapshots import write_snapshot

    spec, stores = make_spec(1, ALL_IN_MEMORY), open_stores(folder)
    files = []
    for number in range(DAYS):
        rng, day = np.random.default_rng(number), FIRST_DAY + timedelta(days=number)
        count = rows // DAYS
        table = {name: rng.normal(size=count) for name in COLUMNS}
        table["target"] = table["number_0"] * 3 + table["number_1"] ** 2 + rng.normal(size=count)
        columns = {name: pa.array(values) for name, values in table.items()}
        columns["day"] = pa.array(np.full(count, np.datetime64(day)), pa.date32())
        file = folder / "day.parquet"
        written = write_snapshot([pa.table(columns)], spec.dataset, file)
        files.append(accept(spec, stores, day.isoformat(), file, written))
    (folder / FILES).write_text(json.dumps(files))


def accept(spec: "ModelSpec", stores: "tuple[Lake, Ledger]", key: str, file: Path, written: "WrittenRows") -> str:
    """Publish one day and record it as accepted; return its file."""
    from titlebout.core.ledgers.ledger import EntryKind
    from titlebout.core.results import Snapshot

    lake, ledger = stores
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    path = f"{spec.name}/partitions/{key}/1-{sha256[:12]}/data.parquet"
    lake.publish(path, file)
    snapshot = Snapshot(
        model=spec.name,
        partition=key,
        revision=1,
        data_path=path,
        data_sha256=sha256,
        content_sha256=written.content_sha256,
        size_bytes=file.stat().st_size,
        rows=written.rows,
        columns={name: str(kind) for name, kind in spec.dataset.columns.items()},
        min_time=None,
        max_time=None,
        source_uri="memory:///benchmark",
        code_version="0",
    )
    ledger.append(spec.name, EntryKind.PARTITION_INGESTED, {"snapshot": snapshot.as_json()}, actor="benchmark")
    judged = {"partition": key, "revision": 1, "data_sha256": sha256, "report_path": "none"}
    ledger.append(spec.name, EntryKind.PARTITION_ACCEPTED, judged, actor="benchmark")
    return str(lake.local_copy(path, sha256=sha256))


def train_bare(folder: Path, rounds: int) -> None:
    """Train as a script would: read, make a matrix, train, save."""
    import numpy as np
    import pyarrow.parquet as pq
    import xgboost

    table = pq.read_table(json.loads((folder / FILES).read_text()), columns=[*COLUMNS, "target"])
    matrix = np.empty((table.num_rows, len(COLUMNS)), dtype=np.float32)
    for position, name in enumerate(COLUMNS):
        matrix[:, position] = table[name].to_numpy()
    data = xgboost.QuantileDMatrix(matrix, label=table["target"].to_numpy(), nthread=_cores())
    del table, matrix
    booster = xgboost.train({**PARAMS, "tree_method": "hist", "nthread": _cores()}, data, num_boost_round=rounds)
    booster.save_model(folder / f"bare-{os.getpid()}.ubj")


def train_pandas(folder: Path, rounds: int) -> None:
    """Train as most scripts do: one data frame."""
    import pandas as pd
    import xgboost

    frame = pd.concat([pd.read_parquet(file) for file in json.loads((folder / FILES).read_text())])
    data = xgboost.QuantileDMatrix(frame[COLUMNS], label=frame["target"], nthread=_cores())
    xgboost.train({**PARAMS, "tree_method": "hist", "nthread": _cores()}, data, num_boost_round=rounds)


def train_step(folder: Path, rounds: int, in_memory_megabytes: int) -> None:
    """Run the step, for a version of its own: one that is there already would not be trained again."""
    from titlebout.core.ports import RegisteredVersion
    from titlebout.core.results import RunContext, RunKind
    from titlebout.steps.train_challenger import train_challenger

    class NoRegistry:
        def record_challenger(self, *_: object, **__: object) -> RegisteredVersion:
            return RegisteredVersion("none", "none", "none")

    lake, ledger = open_stores(folder)
    # Nothing is sampled, so the seed changes the version's name and not the work.
    spec = make_spec(rounds, in_memory_megabytes)
    seeded = spec.model_copy(update={"training": spec.training.model_copy(update={"seed": os.getpid()})})
    run = RunContext(partition=NIGHT.isoformat(), run_id="benchmark", kind=RunKind.MANUAL)
    registry: Any = NoRegistry()
    train_challenger(seeded, run, lake=lake, ledger=ledger, registry=registry)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


KINDS = {
    "bare": train_bare,
    "pandas": train_pandas,
    "step": lambda folder, rounds: train_step(folder, rounds, ALL_IN_MEMORY),
    "step_on_disk": lambda folder, rounds: train_step(folder, rounds, ALL_ON_DISK),
}
LABELS = {
    "bare": "bare script (baseline)",
    "pandas": "script with one data frame (baseline)",
    "step": "step, rows in memory",
    "step_on_disk": "step, rows on disk",
}


def measure_once(kind: str, folder: Path, rounds: int, *, is_passive: bool = True) -> dict[str, float]:
    """Measure one process from start to end."""
    command = [sys.executable, __file__, "--work", kind, str(folder), str(rounds)]
    started = time.perf_counter()
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=_environment(is_passive=is_passive)
    )
    seconds = time.perf_counter() - started
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def _environment(*, is_passive: bool) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    return others | ({"OMP_WAIT_POLICY": "PASSIVE"} if is_passive else {})


def work(kind: str, folder: Path, rounds: int) -> None:
    """Be the process that is measured."""
    KINDS[kind](folder, rounds)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print_json({"peak_mb": int(peak.split()[1]) / 1024, "cpu_seconds": time.process_time()})


def measure(folder: Path, kinds: Sequence[str], rounds: int, turns: int) -> dict[str, dict[str, float]]:
    """Measure kinds in turn; the fastest turn is the one that other work on the machine disturbed least."""
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for turn in range(turns):
        for kind in kinds if turn % 2 == 0 else reversed(kinds):
            found[kind].append(measure_once(kind, folder, rounds))
            print(kind, found[kind][-1], file=sys.stderr, flush=True)
    baseline = kinds[0]
    return {
        kind: {
            "seconds": min(run["seconds"] for run in runs),
            "cpu_seconds": min(run["cpu_seconds"] for run in runs),
            "peak_mb": max(run["peak_mb"] for run in runs),
            "share": statistics.median(
                run["seconds"] / other["seconds"] for run, other in zip(runs, found[baseline], strict=True)
            ),
        }
        for kind, runs in found.items()
    }


def measure_beside_others(turns: int) -> dict[str, dict[str, float]]:
    """Measure trainings that share the machine: bare scripts with OpenMP's default settings, and steps.

    Threads that wait for each other spin by default. They do so once per level of a tree, so that small windows,
    which most nights train on, suffer most. A step has its threads sleep, or takes one where a window is small.
    How fast the script is alone tells what there is to win: beside others nothing is faster than that.
    """
    beside: dict[str, Callable[[Path, str], float]] = {
        "one busy process": _seconds_beside_a_busy_process,
        "another training": _seconds_beside_another_training,
    }
    found = {}
    with tempfile.TemporaryDirectory(prefix="titlebout-benchmark-") as name:
        folder = Path(name)
        make_window(folder, SMALL_ROWS)
        alone = min(measure_once("bare", folder, SMALL_ROUNDS, is_passive=False)["seconds"] for _ in range(turns))
        for what, measured in beside.items():
            runs = [(measured(folder, "bare"), measured(folder, "step")) for _ in range(turns)]
            print(f"beside {what}", runs, file=sys.stderr, flush=True)
            found[what] = {
                "default_seconds": min(default for default, _ in runs),
                "step_seconds": min(step for _, step in runs),
                "alone_seconds": alone,
                "speed_up": statistics.median(default / step for default, step in runs),
            }
    return found


def _seconds_beside_a_busy_process(folder: Path, kind: str) -> float:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        return measure_once(kind, folder, SMALL_ROUNDS, is_passive=False)["seconds"]
    finally:
        busy.kill()
        busy.wait()


def _seconds_beside_another_training(folder: Path, kind: str) -> float:
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(measure_once, kind, folder, SMALL_ROUNDS, is_passive=False) for _ in range(2)]
        return max(one.result()["seconds"] for one in both)


def measure_size(rows: int, rounds: int, turns: int) -> dict[str, Any]:
    """Measure all kinds on a window of so many rows."""
    with tempfile.TemporaryDirectory(prefix="titlebout-benchmark-") as name:
        folder = Path(name)
        make_window(folder, rows)
        kinds = ["bare", "step", "step_on_disk"]
        size: dict[str, Any] = {"rows": rows, "rounds": rounds, "kinds": measure(folder, kinds, rounds, turns)}
        # What a data frame costs at its peak is decided before the first tree.
        size["pandas_peak_mb"] = measure_once("pandas", folder, 1)["peak_mb"]
    return size


def section(sizes: list[dict[str, Any]], beside: dict[str, dict[str, float]]) -> str:
    """Write the section of RESULTS.md."""
    lines = []
    for size in sizes:
        for kind, found in size["kinds"].items():
            lines.append(
                f"| {size['rows']:,} | {size['rounds']} | {LABELS[kind]} | {found['seconds']:.1f} "
                f"| {found['cpu_seconds']:.1f} | {found['peak_mb']:.0f} | {found['share']:.2f} |"
            )
        lines.append(f"| {size['rows']:,} | 1 | {LABELS['pandas']} | | | {size['pandas_peak_mb']:.0f} | |")
    return "\n".join(
        [
            "## Training (`python benchmarks/training.py`)",
            "",
            "Whole processes from start to end, in turn, fastest of each; the ratio is the median of the turns. With",
            f"`OMP_WAIT_POLICY=PASSIVE`; 20 numeric columns, {DAYS} days; {machine()}.",
            "",
            "| rows | rounds | what | seconds | CPU seconds | peak MB | time against bare |",
            "|---|---|---|---|---|---|---|",
            *lines,
            "",
            f"{SMALL_ROWS:,} rows and {SMALL_ROUNDS:,} rounds on a machine that is shared:",
            "",
            "| beside | bare script with OpenMP's defaults, s | the same alone, s | step, s | times as fast |",
            "|---|---|---|---|---|",
            *[
                f"| {what} | {found['default_seconds']:.1f} | {found['alone_seconds']:.1f} "
                f"| {found['step_seconds']:.1f} | {found['speed_up']:.1f} |"
                for what, found in beside.items()
            ],
            "",
            f"Goals: step in memory at most {LARGEST_SHARE_OF_BARE} times the bare script at 1 M rows; on disk at most "
            f"{LARGEST_SHARE_ON_DISK} times, at {LARGEST_SHARE_OF_MEMORY} times the data frame's memory, at 10 M rows;",
            f"beside one busy process at least {SMALLEST_SPEED_UP:g} times as fast as OpenMP's defaults, "
            f"{beside['one busy process']['default_seconds'] / SMALLEST_SPEED_UP:.1f} s here.",
        ]
    )


def goals(sizes: list[dict[str, Any]], beside: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Say which goals are met."""
    met = {"beside one busy process": beside["one busy process"]["speed_up"] >= SMALLEST_SPEED_UP}
    for size in sizes:
        kinds, rows = size["kinds"], f"{size['rows']:,}"
        if size["rows"] <= MIDDLE_ROWS:
            met[f"{rows} rows: step against bare"] = kinds["step"]["share"] <= LARGEST_SHARE_OF_BARE
        else:
            share = kinds["step_on_disk"]["peak_mb"] / size["pandas_peak_mb"]
            met[f"{rows} rows: on disk against in memory"] = kinds["step_on_disk"]["share"] <= LARGEST_SHARE_ON_DISK
            met[f"{rows} rows: memory against pandas"] = share <= LARGEST_SHARE_OF_MEMORY
    return met


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100,000 rows, once; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], metavar="N")
    parser.add_argument("--turns", type=int, default=3, help="of sizes up to a million rows; larger ones run once")
    parser.add_argument("--work", nargs=3, metavar=("KIND", "FOLDER", "ROUNDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        kind, folder, rounds = options.work
        work(kind, Path(folder), int(rounds))
        return 0
    sizes = []
    for rows in [100_000] if options.quick else options.rows:
        is_large = rows > MIDDLE_ROWS
        turns = 1 if is_large or options.quick else options.turns
        sizes.append(measure_size(rows, 50 if is_large else 200, turns))
    beside = measure_beside_others(1 if options.quick else options.turns)
    met = goals(sizes, beside)
    if not options.quick:
        write_section("training", section(sizes, beside))
    print_json({"benchmark": "training", "sizes": sizes, "beside": beside, "goals": met})
    return int(options.check and not all(met.values()))


if __name__ == "__main__":
    sys.exit(main())
