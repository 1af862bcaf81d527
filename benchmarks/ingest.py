"""Ingesting a partition that is larger than memory should have to hold: against pandas and against a bare read.

One file of 20 columns in random order becomes a snapshot in a local lake: read, cast, sorted, hashed, written and
recorded. Every measurement is a process of its own; imports are not counted, their memory is.

    python benchmarks/ingest.py [--quick] [--check]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from results_page import machine, print_json, write_section

LARGEST_PEAK_MB = 1024
LARGEST_GROWTH = 1.3

DAY = "2024-06-01"
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon"]
NUMBERS = [f"number_{n}" for n in range(8)]
COUNTS = [f"count_{n}" for n in range(4)]
TEXTS = [f"text_{n}" for n in range(3)]
COLUMNS = {
    "id": "integer",
    "label": "text",
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(COUNTS, "integer"),
    **dict.fromkeys(TEXTS, "text"),
    "flag": "flag",
    "day": "date",
    "moment": "timestamp",
}
KEY = ["day", "id"]


def tables(rows: int) -> Iterator[Any]:
    """Yield the rows of a day in no order, half a million at a time."""
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(20240601)
    for start in range(0, rows, 500_000):
        count = min(500_000, rows - start)
        ids = rng.integers(0, 1 << 62, count)
        columns: dict[str, Any] = {"id": ids, "label": np.char.add("row-", (ids % 1_000_000).astype(str))}
        for n, name in enumerate(NUMBERS):
            columns[name] = pa.array(rng.normal(size=count), mask=rng.random(count) < 0.02 * (n % 2))
        columns |= {name: rng.integers(0, 1000, count) for name in COUNTS}
        columns |= {name: np.array(WORDS)[rng.integers(0, len(WORDS), count)] for name in TEXTS}
        columns["flag"] = rng.random(count) < 0.3
        columns["day"] = np.full(count, np.datetime64(DAY))
        seconds = rng.integers(0, 86_400, count).astype("timedelta64[s]")
        columns["moment"] = pa.array(np.datetime64(DAY, "us") + seconds).cast(pa.timestamp("us", tz="UTC"))
        yield pa.table(columns)


def write_file(path: Path, rows: int) -> None:
    """Write the rows in the format that the path names."""
    import pyarrow.csv as arrow_csv
    import pyarrow.parquet as pq

    writer = None
    for table in tables(rows):
        if writer is None:
            opened = arrow_csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
            writer = opened(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def bare_read(path: Path, folder: Path) -> Callable[[], int]:
    """Read the whole file with Arrow and do nothing with it: nobody can be faster by much."""
    import pyarrow.csv as arrow_csv
    import pyarrow.parquet as pq

    read = arrow_csv.read_csv if path.suffix == ".csv" else pq.read_table
    return lambda: int(read(path).num_rows)


def naive_pandas(path: Path, folder: Path) -> Callable[[], int]:
    """Do what a script would do: read, sort, write."""
    import pandas as pd

    def run() -> int:
        is_csv = path.suffix == ".csv"
        frame = pd.read_csv(path, parse_dates=["day", "moment"]) if is_csv else pd.read_parquet(path)
        frame = frame.sort_values(KEY)
        frame.to_parquet(folder / "data.parquet", compression="zstd", index=False)
        return len(frame)

    return run


def ingest(path: Path, folder: Path) -> Callable[[], int]:
    """Run the step `ingest_partition` on a local lake and a ledger in SQLite."""
    from titlebout.adapters.files_source import FilesSourceReader
    from titlebout.adapters.local_lake import LocalLake
    from titlebout.adapters.sql_ledger import SqlLedger
    from titlebout.core.results import RunContext, RunKind
    from titlebout.core.specs.spec import ModelSpec
    from titlebout.steps.ingest_partition import ingest_partition

    dataset = {
        "source": {"kind": "files", "path": "{partition}" + path.suffix, "format": path.suffix.removeprefix(".")},
        "columns": COLUMNS,
        "time_column": "day",
        "key_columns": KEY,
        "target": "number_0",
        "first_partition": DAY,
    }
    document = {
        "name": "ingest_benchmark",
        "dataset": dataset,
        "validation": {"suite": "none"},
        "training": {"features": {"numeric": ["number_1"]}},
    }
    spec = ModelSpec.model_validate(document)
    source = FilesSourceReader(path.parent, spec.dataset)
    lake, ledger = LocalLake(folder / "lake"), SqlLedger(f"sqlite:///{folder / 'ledger.db'}")
    context = RunContext(partition=DAY, run_id="benchmark", kind=RunKind.MANUAL)
    return lambda: ingest_partition(spec, context, source=source, lake=lake, ledger=ledger).rows


KINDS = {"bare_read": bare_read, "naive_pandas": naive_pandas, "ingest": ingest}


def work(kind: str, path: Path) -> None:
    """Be the process that measures one kind once."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        run = KINDS[kind](path, Path(folder))
        started, cpu_started = time.perf_counter(), time.process_time()
        rows = run()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        print_json({"rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb()})


def peak_mb() -> float:
    """Return the most memory that this process ever held."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure_once(kind: str, path: Path) -> dict[str, float]:
    """Measure one kind in a process of its own."""
    command = [sys.executable, __file__, "--work", kind, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(suffix: str, rows: int, kinds: list[str]) -> list[dict[str, Any]]:
    """Measure some kinds on one file."""
    with tempfile.TemporaryDirectory(prefix="titlebout-benchmark-") as folder:
        path = Path(folder) / f"{DAY}{suffix}"
        write_file(path, rows)
        figures = []
        for kind in kinds:
            found = measure_once(kind, path)
            if found["rows"] != rows:
                message = f"{kind} saw {found['rows']} of {rows} rows"
                raise AssertionError(message)
            figures.append(
                {
                    "kind": kind,
                    "format": suffix.removeprefix("."),
                    "rows": rows,
                    "file_mb": round(path.stat().st_size / 2**20),
                    "seconds": round(found["seconds"], 2),
                    "cpu_seconds": round(found["cpu_seconds"], 2),
                    "peak_mb": round(found["peak_mb"]),
                }
            )
        return figures


def growth(figures: list[dict[str, Any]], file_format: str) -> float:
    """Return the peak of the largest ingest over that of the one before."""
    peaks = [each["peak_mb"] for each in figures if (each["kind"], each["format"]) == ("ingest", file_format)]
    return round(peaks[-1] / peaks[-2], 2)


def is_reached(figures: list[dict[str, Any]]) -> bool:
    """Whether memory is bounded."""
    peaks = [each["peak_mb"] for each in figures if each["kind"] == "ingest"]
    return max(peaks) <= LARGEST_PEAK_MB and all(growth(figures, each) <= LARGEST_GROWTH for each in ("csv", "parquet"))


def section(figures: list[dict[str, Any]]) -> str:
    """Write the section of RESULTS.md."""
    labels = {
        "bare_read": "bare read with Arrow (baseline)",
        "naive_pandas": "pandas: read, sort, write (baseline)",
        "ingest": "`ingest_partition`",
    }
    lines = [
        f"| {each['format']} | {each['rows']:,} | {each['file_mb']} | {labels[each['kind']]} | {each['seconds']} "
        f"| {each['cpu_seconds']} | {each['peak_mb']} |"
        for each in figures
    ]
    table = "\n".join(
        [
            "| format | rows | file MB | what | seconds | CPU seconds | peak MB |",
            "|---|---|---|---|---|---|---|",
            *lines,
        ]
    )
    ratios = ", ".join(f"**{growth(figures, each)} times** for {each}" for each in ("csv", "parquet"))
    return f"""## Ingesting a partition of 20 columns

`python benchmarks/ingest.py`; one process each; the ingest reads the file twice (its hash is the etag), casts, sorts,
hashes the content, writes Parquet, copies it into the lake and records it; {machine()}.

{table}

Peak memory of the largest ingest over the one before: {ratios}. Goals: {LARGEST_PEAK_MB} MB, {LARGEST_GROWTH} times."""


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1 and 3 million rows only")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--work", nargs=2, metavar=("KIND", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        kind, path = options.work
        work(kind, Path(path))
        return 0
    figures = []
    for suffix in (".csv", ".parquet"):
        figures += measure(suffix, 1_000_000, list(KINDS))
        figures += measure(suffix, 3_000_000, ["ingest"])
        if not options.quick:
            figures += measure(suffix, 10_000_000, list(KINDS))
    write_section("ingest", section(figures))
    print_json({"benchmark": "ingest", "figures": figures, "reached": is_reached(figures)})
    return int(options.check and not is_reached(figures))


if __name__ == "__main__":
    sys.exit(main())
