"""The one-pass validator against plain Great Expectations on pandas and against bare decoding.

25 expectations on 20 columns of a Parquet file that keeps them all, so that nobody is helped by a short cut at a first
failure. Every measurement is a process of its own, and the kinds take turns; imports are not counted, decoding is.

    python benchmarks/validation.py [--quick] [--check]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results_page import machine, print_json, write_section

LARGEST_SHARE_OF_DECODING = 1.5
SMALLEST_SPEED_UP = 15.0
LARGEST_SHARE_OF_MEMORY = 1 / 3

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon"]
NUMBERS = [f"number_{n}" for n in range(8)]
COUNTS = [f"count_{n}" for n in range(4)]
TEXTS = [f"text_{n}" for n in range(3)]
COLUMNS = ["id", "label", *NUMBERS, *COUNTS, *TEXTS, "flag", "day", "moment"]


def on(column: str, kind: str, **kwargs: object) -> dict[str, Any]:
    """Write down an expectation about one column."""
    return {"type": f"expect_column_{kind}", "kwargs": {"column": column, **kwargs}}


SUITE: dict[str, Any] = {
    "name": "validation_benchmark",
    "expectations": [
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
        {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": COLUMNS}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["id", "day"]}},
        on("id", "values_to_be_unique"),
        on("id", "values_to_not_be_null"),
        on("label", "values_to_match_regex", regex=r"^row-\d+$"),
        *[on(column, "values_to_be_between", min_value=-10, max_value=10, mostly=0.99) for column in NUMBERS],
        *[on(column, "values_to_be_between", min_value=0, max_value=999) for column in COUNTS[:2]],
        on("count_2", "unique_value_count_to_be_between", min_value=1, max_value=1000),
        on("count_3", "max_to_be_between", max_value=1000),
        on("text_0", "value_lengths_to_be_between", min_value=1, max_value=20),
        on("text_1", "values_to_be_in_set", value_set=WORDS),
        on("text_2", "distinct_values_to_be_in_set", value_set=WORDS),
        on("number_0", "mean_to_be_between", min_value=-1, max_value=1),
        on("number_1", "stdev_to_be_between", min_value=0, max_value=2),
        on("flag", "values_to_not_be_null"),
        on("moment", "max_to_be_between", max_value="2026-01-01T00:00:00Z"),
    ],
}


@dataclass(frozen=True)
class Figures:
    """What one process measured."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    verdicts: list[bool]


def write_file(path: Path, rows: int) -> None:
    """Write a file like a snapshot: 20 columns, every other column of numbers with 2 % missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(20240601)
    first = np.datetime64("2024-01-01T00:00:00", "us")
    seconds = rng.integers(0, 366 * 86_400, rows).astype("timedelta64[s]")
    columns: dict[str, Any] = {"id": np.arange(rows), "label": pa.array(f"row-{n}" for n in range(rows))}
    for n, name in enumerate(NUMBERS):
        columns[name] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.02 * (n % 2))
    columns |= {name: rng.integers(0, 1000, rows) for name in COUNTS}
    columns |= {name: np.array(WORDS)[rng.integers(0, len(WORDS), rows)] for name in TEXTS}
    columns["flag"] = rng.random(rows) < 0.3
    columns["day"] = pa.array((first + seconds).astype("datetime64[D]"))
    columns["moment"] = pa.array(first + seconds).cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(
        pa.table(columns), path, version="2.6", compression="zstd", compression_level=3, row_group_size=1 << 20
    )


def decode_table(path: Path) -> Callable[[], list[bool]]:
    """Decode all columns at once."""
    import pyarrow.parquet as pq

    def run() -> list[bool]:
        pq.read_table(path)
        return []

    return run


def decode_columns(path: Path) -> Callable[[], list[bool]]:
    """Decode one column after another, two at a time."""
    import pyarrow.parquet as pq

    def decode(name: str) -> None:
        pq.ParquetFile(path).read(columns=[name], use_threads=False)

    def run() -> list[bool]:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(decode, COLUMNS))
        return []

    return run


def one_pass(path: Path) -> Callable[[], list[bool]]:
    """Judge with the compiled validator; whatever falls back stops the benchmark."""
    from titlebout.adapters.compiled_validator import CompiledValidator
    from titlebout.core.ports import SuiteResult

    class NobodyToAsk:
        def validate(self, *_: object, **__: object) -> SuiteResult:
            message = "the suite of this benchmark must not fall back"
            raise AssertionError(message)

    def run() -> list[bool]:
        details: Any = CompiledValidator(NobodyToAsk()).validate(path, SUITE, key_columns=("id",)).details
        return [bool(entry["success"]) for entry in details["expectations"]]

    return run


def great_expectations(path: Path) -> Callable[[], list[bool]]:
    """Judge with plain Great Expectations on pandas: reading the frame is not counted."""
    import great_expectations as gx
    import pyarrow.parquet as pq

    frame = pq.read_table(path).to_pandas()
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("source").add_dataframe_asset("asset")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite(**SUITE)

    def run() -> list[bool]:
        by_type = {
            json.dumps([result.expectation_config.type, result.expectation_config.kwargs.get("column")]): result.success
            for result in batch.validate(suite).results
        }
        names = [json.dumps([each["type"], each["kwargs"].get("column")]) for each in SUITE["expectations"]]
        return [bool(by_type[name]) for name in names]

    return run


KINDS = {
    "decode_table": decode_table,
    "decode_columns": decode_columns,
    "one_pass": one_pass,
    "great_expectations": great_expectations,
}


def work(kind: str, path: Path) -> None:
    """Be the process that measures one kind once."""
    run = KINDS[kind](path)
    started, cpu_started = time.perf_counter(), time.process_time()
    verdicts = run()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print_json({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb(), "verdicts": verdicts})


def peak_mb() -> float:
    """Return the most memory that this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere, ru_maxrss may be the peak of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure_once(kind: str, path: Path) -> Figures:
    """Measure one kind in a process of its own."""
    command = [sys.executable, __file__, "--work", kind, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def measure(rows: int, rounds: int, gx_rounds: int) -> dict[str, Any]:
    """Measure all kinds in turn on one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.parquet"
        write_file(path, rows)
        runs: dict[str, list[Figures]] = {kind: [] for kind in KINDS}
        for turn in range(rounds):
            for kind in KINDS:
                if kind != "great_expectations" or turn < gx_rounds:
                    runs[kind].append(measure_once(kind, path))
    # The fastest run is the one that other work on the machine disturbed least.
    seconds = {kind: min(run.seconds for run in found) for kind, found in runs.items()}
    cpu_seconds = {kind: min(run.cpu_seconds for run in found) for kind, found in runs.items()}
    peaks = {kind: max(run.peak_mb for run in found) for kind, found in runs.items()}
    if runs["one_pass"][0].verdicts != runs["great_expectations"][0].verdicts:
        message = "the two engines disagree"
        raise AssertionError(message)
    # The harder baseline: whichever way of decoding was faster.
    decoding = min(seconds["decode_table"], seconds["decode_columns"])
    return {
        "rows": rows,
        "seconds": {kind: round(value, 3) for kind, value in seconds.items()},
        "cpu_seconds": {kind: round(value, 3) for kind, value in cpu_seconds.items()},
        "peak_mb": {kind: round(value) for kind, value in peaks.items()},
        "share_of_decoding": round(seconds["one_pass"] / decoding, 2),
        "speed_up": round(seconds["great_expectations"] / seconds["one_pass"], 1),
        "share_of_memory": round(peaks["one_pass"] / peaks["great_expectations"], 2),
    }


def is_reached(size: dict[str, Any]) -> bool:
    """Whether one size meets the goals."""
    return bool(
        size["share_of_decoding"] <= LARGEST_SHARE_OF_DECODING
        and size["speed_up"] >= SMALLEST_SPEED_UP
        and size["share_of_memory"] <= LARGEST_SHARE_OF_MEMORY
    )


def section(sizes: list[dict[str, Any]]) -> str:
    """Write the section of RESULTS.md."""
    labels = {
        "decode_table": "decoding the table (baseline)",
        "decode_columns": "decoding column by column (baseline)",
        "great_expectations": "Great Expectations on pandas, reading not counted (baseline)",
        "one_pass": "one pass, decoding counted",
    }
    measured = ("seconds", "cpu_seconds", "peak_mb")
    lines = [
        f"| {size['rows']:,} | {label} | {' | '.join(str(size[what][kind]) for what in measured)} |"
        for size in sizes
        for kind, label in labels.items()
    ]
    ratios = [
        f"{size['rows']:,} rows: **{size['share_of_decoding']} times** the time of decoding, "
        f"**{size['speed_up']} times** as fast as Great Expectations, "
        f"**{size['share_of_memory']} times** its peak memory."
        for size in sizes
    ]
    goals = f"{LARGEST_SHARE_OF_DECODING} times, {SMALLEST_SPEED_UP:g} times, {LARGEST_SHARE_OF_MEMORY:.2f} times"
    table = "\n".join(["| rows | what | seconds | CPU seconds | peak MB |", "|---|---|---|---|---|", *lines])
    return f"""## Validating a partition: 25 expectations on 20 columns

`python benchmarks/validation.py`; fastest of several processes that take turns, imports not counted; {machine()}.

{table}

{" ".join(ratios)} Goals: {goals}. Both engines gave the same verdicts."""


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1 million rows only, fewer rounds")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--work", nargs=2, metavar=("KIND", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        kind, path = options.work
        work(kind, Path(path))
        return 0
    sizes = [measure(1_000_000, rounds=5 if options.quick else 9, gx_rounds=2 if options.quick else 3)]
    if not options.quick:
        sizes.append(measure(5_000_000, rounds=5, gx_rounds=1))
    write_section("validation", section(sizes))
    print_json({"benchmark": "validation", "sizes": sizes, "reached": all(map(is_reached, sizes))})
    return int(options.check and not all(map(is_reached, sizes)))


if __name__ == "__main__":
    sys.exit(main())
