"""The lake on S3 against bare boto3: one large object there and back, in time and in memory.

The lake hashes what it sends, asks what stands at the path before and after, and checks the hash of what comes
back; `upload_file` and `download_file` of boto3 do none of this. The store is a Ceph gateway where its programs are
installed, otherwise moto. Every measurement is a process of its own, and the kinds take turns; imports and clients
are not counted.

    python benchmarks/lake.py [--quick] [--check]
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results_page import machine, print_json, write_section

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

LARGEST_SHARE_OF_TIME = {"publish": 1.75, "local_copy": 1.5}
LARGEST_GROWTH_MB = 96
BASELINES = {"publish": "upload_file", "local_copy": "download_file"}
BUCKET = "benchmark"


@dataclass(frozen=True)
class Task:
    """What one process does, and where."""

    kind: str
    url: str
    access_key: str
    secret_key: str
    file: str
    sha256: str


def bare_client(task: Task) -> "S3Client":
    """Return boto3's client as its documentation makes it."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=task.url,
        region_name="us-east-1",
        aws_access_key_id=task.access_key,
        aws_secret_access_key=task.secret_key,
    )


def prepared(task: Task, folder: Path) -> Callable[[], object]:
    """Return the call to measure, its connection made."""
    from titlebout.adapters.s3.s3_access import S3Settings
    from titlebout.adapters.s3.s3_bucket import S3Bucket
    from titlebout.adapters.s3.s3_lake import S3Lake

    if task.kind in BASELINES:
        settings = S3Settings(task.url, "us-east-1", task.access_key, task.secret_key)
        lake = S3Lake(S3Bucket(BUCKET, settings), "lake")
        lake.has("m/warm")
        if task.kind == "publish":
            return lambda: lake.publish("m/large", Path(task.file))
        return lambda: lake.local_copy("m/large", sha256=task.sha256)
    client = bare_client(task)
    client.head_bucket(Bucket=BUCKET)
    if task.kind == "upload_file":
        return lambda: client.upload_file(task.file, BUCKET, "bare")
    return lambda: client.download_file(BUCKET, "bare", str(folder / "copy"))


def work(task: Task) -> None:
    """Be the process that measures one kind once."""
    with tempfile.TemporaryDirectory() as folder:
        call = prepared(task, Path(folder))
        before_mb, started, cpu_started = peak_mb(), time.perf_counter(), time.process_time()
        call()
        figures = {
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - cpu_started,
            "grown_by_mb": peak_mb() - before_mb,
        }
    print_json(figures)


def peak_mb() -> float:
    """Return the most memory that this process ever held."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def start_store() -> tuple[str, Any]:
    """Start a store for this process; return its name and its settings."""
    from fakes.radosgw import PROGRAMS, radosgw
    from fakes.s3_server import s3_settings

    if all(shutil.which(program) for program in PROGRAMS):
        return "Ceph RadosGW", radosgw().settings
    return "moto", s3_settings()


def measure(megabytes: int, rounds: int) -> dict[str, Any]:
    """Measure all kinds in turn on one file."""
    store, settings = start_store()
    runs: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large"
        file.write_bytes(os.urandom(megabytes << 20))
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        where = (settings.endpoint_url, settings.access_key, settings.secret_key, str(file), sha256)
        client = bare_client(Task("", *where))
        client.create_bucket(Bucket=BUCKET)
        for _ in range(rounds):
            for kind in ("upload_file", "publish", "download_file", "local_copy"):
                command = [sys.executable, __file__, "--work", json.dumps(asdict(Task(kind, *where)))]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs.setdefault(kind, []).append(json.loads(done.stdout.splitlines()[-1]))
            client.delete_object(Bucket=BUCKET, Key="lake/m/large")
    # The fastest run is the one that other work on the machine disturbed least; of memory, the worst.
    best = {
        kind: {
            "seconds": round(min(run["seconds"] for run in found), 2),
            "cpu_seconds": round(min(run["cpu_seconds"] for run in found), 2),
            "grown_by_mb": round(max(run["grown_by_mb"] for run in found)),
        }
        for kind, found in runs.items()
    }
    shares = {ours: round(best[ours]["seconds"] / best[bare]["seconds"], 2) for ours, bare in BASELINES.items()}
    return {"store": store, "megabytes": megabytes, "kinds": best, "share_of_time": shares}


def is_reached(figures: dict[str, Any]) -> bool:
    """Whether the goals are met."""
    in_time = all(figures["share_of_time"][kind] <= LARGEST_SHARE_OF_TIME[kind] for kind in BASELINES)
    return in_time and all(figures["kinds"][kind]["grown_by_mb"] <= LARGEST_GROWTH_MB for kind in BASELINES)


def section(figures: dict[str, Any]) -> str:
    """Write the section of RESULTS.md."""
    labels = {
        "upload_file": "boto3 `upload_file` (baseline)",
        "publish": "lake `publish`: hashed, checked before and after",
        "download_file": "boto3 `download_file` (baseline)",
        "local_copy": "lake `local_copy`: hash checked",
    }
    measured = ("seconds", "cpu_seconds", "grown_by_mb")
    lines = [
        f"| {label} | {' | '.join(str(figures['kinds'][kind][what]) for what in measured)} |"
        for kind, label in labels.items()
    ]
    shares, goals = figures["share_of_time"], LARGEST_SHARE_OF_TIME
    table = "\n".join(["| what | seconds | CPU seconds | memory grows by MB |", "|---|---|---|---|", *lines])
    return f"""## The lake on S3: {figures["megabytes"]} MiB there and back

`python benchmarks/lake.py`; {figures["store"]} on the same machine; fastest of several processes that take turns;
{machine()}.

{table}

Publishing takes **{shares["publish"]} times** as long as bare boto3, copying back **{shares["local_copy"]} times**.
Goals: at most {goals["publish"]:g} times, {goals["local_copy"]:g} times, {LARGEST_GROWTH_MB} MB more memory."""


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    parser.add_argument("--work", metavar="TASK", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(Task(**json.loads(options.work)))
        return 0
    figures = measure(256, rounds=3 if options.quick else 7)
    write_section("lake", section(figures))
    print_json({"benchmark": "lake", **figures, "reached": is_reached(figures)})
    return int(options.check and not is_reached(figures))


if __name__ == "__main__":
    sys.exit(main())
