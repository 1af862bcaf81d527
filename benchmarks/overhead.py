"""What Airflow and Titlebout cost: one nightly run against a bare script that does the same work.

Both run on the same machine, in turn, with the same data, model parameters, MLflow server and kind of model server. The
bare script pays for its imports once, a nightly run in each of its tasks: that is part of the price and is counted.

    python benchmarks/overhead.py [--quick] [--check]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from results_page import machine, print_json, write_section
from titlebout.adapters.process_host import ProcessHost
from titlebout.core.layout import version_folder
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.partitions import shift_key
from titlebout.core.results import Verdict
from titlebout.core.windows import Windows
from titlebout.core.wire import BUNDLE_FILES
from titlebout.demo import stack as stack_module
from titlebout.demo.environment import connections, plain_environment
from titlebout.demo.folder import DemoFolder
from titlebout.demo.generator import DemandFeed
from titlebout.demo.leftovers import stop_services
from titlebout.demo.progress import Progress
from titlebout.demo.run_watch import RunWatch
from titlebout.demo.scenario import deliver
from titlebout.demo.stack import Stack
from titlebout.project import load_model_spec, load_suite
from titlebout.wiring import build_ledger

PROJECT = Path(__file__).resolve().parents[1]
MODEL = "demand_demo"
FIRST_NIGHT = "2024-08-01"
# A nightly run is five processes instead of one; more than this would mean that something waits for nothing.
LARGEST_RATIO = 3.0
SCHEDULERS = {
    "plain": ("airflow", "scheduler", "--skip-serve-logs"),
    "warm": ("titlebout.demo.warm_scheduler", "--skip-serve-logs"),
}


class Night:
    """Measures one night both ways."""

    def __init__(self, folder: DemoFolder, stack: Stack, progress: Progress) -> None:
        self.spec = load_model_spec(MODEL)
        self.folder, self.stack, self.progress = folder, stack, progress
        self.watch = RunWatch(stack.api, folder)
        self.host = ProcessHost(folder.root / "bare_servers")
        self.pushes = 0

    def through_airflow(self, day: str) -> tuple[float, float]:
        """Return seconds from the first task's start to the last one's end, and those inside tasks."""
        dag_id, run_id = self.spec.nightly_dag_id, f"night__{day}"
        with self.progress.stage(f"{day} through Airflow") as stage:
            self.stack.api.trigger(dag_id, run_id=run_id, partition=day, conf={"reason": "benchmark"})
            self.watch.run(stage, dag_id, run_id)
            run = next(run for run in self.stack.api.runs(dag_id) if run["dag_run_id"] == run_id)
            tasks = self.stack.api.tasks(dag_id, run_id).values()
            seconds = (moment(run["end_date"]) - moment(run["run_after"])).total_seconds()
            inside = sum(float(task["duration"] or 0) for task in tasks)
            stage.ends_with(f"{seconds:.1f} s, {inside:.1f} s of them inside tasks")
        return seconds, inside

    def bare(self, day: str) -> float:
        """Return the wall time of the bare script, its start included."""
        with self.progress.stage(f"{day} as a bare script") as stage, tempfile.TemporaryDirectory() as work:
            job = Path(work) / "job.json"
            job.write_text(json.dumps(self._job(day, work)))
            command = [sys.executable, str(PROJECT / "benchmarks" / "bare_nightly.py"), str(job)]
            started = time.monotonic()
            subprocess.run(command, check=True, cwd=work, env=plain_environment(self.folder), stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - started
            stage.ends_with(f"{seconds:.1f} s")
        return seconds

    def _job(self, day: str, work: str) -> dict[str, object]:
        dataset, training = self.spec.dataset, self.spec.training
        ledger = build_ledger(connections(self.folder)["titlebout_ledger"])
        entries = ledger.entries(MODEL)
        state = LedgerState.of(entries)
        verdict = [Verdict.model_validate(e.payload["verdict"]) for e in entries if "verdict" in e.payload][-1]
        windows = Windows(self.spec, day)
        accepted = [key for key in windows.keys if key in state.partitions]
        path = {key: str(self.folder.lake / state.partitions[key].snapshot.data_path) for key in accepted}
        version = state.champion.version if state.champion else verdict.challenger
        files = {
            name: str(self.folder.lake / version_folder(MODEL, version) / _stored(name))
            for name in BUNDLE_FILES.values()
        }
        address = self.host.ensure_running(MODEL)
        self.pushes += 1
        return {
            "work": work,
            "day": str(self.folder.source / dataset.source.path.format(partition=day)),
            "suite": load_suite(self.spec.validation.suite),
            "training": [path[key] for key in windows.training if key in path],
            "holdout": [path[key] for key in windows.holdout if key in path],
            "time": dataset.time_column,
            "target": dataset.target,
            "numeric": list(training.features.numeric),
            "categorical": list(training.features.categorical),
            "half_life_days": training.half_life_days or 1e9,
            "params": training.params,
            "rounds": training.rounds,
            "champion": files["booster.ubj"],
            "mlflow": self.stack.ports.mlflow_url,
            "server": address.url,
            "admin_token": address.admin_token,
            "model": MODEL,
            "version": version,
            "token": self.pushes,
            "bundle": files,
            "deploys": verdict.outcome == "promote",
        }


def _stored(name: str) -> str:
    return "model.ubj" if name == "booster.ubj" else name


def moment(text: str) -> datetime:
    """Read Airflow's time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def measure(nights: int, scheduler: str) -> dict[str, float]:
    """Run the first night to fill the window, then measure the next ones both ways, in turn."""
    stack_module.AIRFLOW_SERVICES = {**stack_module.AIRFLOW_SERVICES, "scheduler": SCHEDULERS[scheduler]}
    folder, progress = DemoFolder(PROJECT, MODEL), Progress()
    with folder.held():
        stop_services(folder)
        folder.make_afresh()
        try:
            stack = Stack(folder, progress)
            spec = load_model_spec(MODEL)
            last = shift_key(FIRST_NIGHT, nights)
            deliver(DemandFeed(), folder.source, spec.dataset.source.path, "2024-06-26", last)
            stack.start()
            stack.wait_for_dags(spec.nightly_dag_id)
            stack.api.ensure_pool("titlebout_training", 1, "One training at a time: each uses all cores")
            stack.api.set_paused(spec.nightly_dag_id, paused=False)
            night = Night(folder, stack, progress)
            night.through_airflow(FIRST_NIGHT)
            days = [shift_key(FIRST_NIGHT, offset) for offset in range(1, nights + 1)]
            runs = [(*night.through_airflow(day), night.bare(day)) for day in days]
        finally:
            night_host = ProcessHost(folder.root / "bare_servers")
            night_host.stop(MODEL)
            stop_services(folder)
    airflow, inside, bare = (statistics.median(column) for column in zip(*runs, strict=True))
    return {
        "airflow_seconds": round(airflow, 2),
        "inside_tasks_seconds": round(inside, 2),
        "bare_seconds": round(bare, 2),
        "ratio": round(airflow / bare, 2),
    }


def main() -> int:
    """Measure, write the section, print the figures; with --check fail on a ratio above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one night instead of three")
    parser.add_argument("--check", action="store_true", help=f"exit 1 above a ratio of {LARGEST_RATIO}")
    options = parser.parse_args()
    nights = 1 if options.quick else 3
    found = {name: measure(nights, name) for name in SCHEDULERS}
    columns = ("airflow_seconds", "inside_tasks_seconds", "bare_seconds", "ratio")
    rows = [f"| {name} | " + " | ".join(str(each[column]) for column in columns) + " |" for name, each in found.items()]
    write_section(
        "overhead",
        f"""## One nightly run through Airflow against a bare script

`python benchmarks/overhead.py`; medians of {nights} nights, both ways in turn; {machine()}.

| scheduler | nightly run, s from due to done | of them inside tasks, s | bare script (baseline), s | ratio |
|---|---|---|---|---|
{chr(10).join(rows)}

*plain* is Airflow's scheduler as it is, *warm* the demo's, whose tasks find the libraries imported already. The bare
script is one process and imports them once. Model `{MODEL}`: 35 days of 96 rows,
16 expectations, 150 rounds; embedded Postgres, settings of the demo.""",
    )
    print_json({"benchmark": "overhead", "nights": nights, **found})
    return int(options.check and found["plain"]["ratio"] > LARGEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
