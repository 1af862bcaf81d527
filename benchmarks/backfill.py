"""Backfills through a real Airflow in every order: the same snapshots, models and verdicts, and what serves untouched.

For each way - one run at a time or eight, the oldest night first or the newest - a fresh Airflow plays a live night
and then backfills the nights before it. The reference is `titlebout run` over the same nights, without Airflow. At the
end a past night is triggered by hand and the backfill is asked for once more: neither may add a snapshot or a model.

    python benchmarks/backfill.py [--quick] [--check] [--orders N ...]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results_page import machine, print_json, write_section
from titlebout.connection_fields import ConnectionFields
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.ports import Ledger
from titlebout.core.results import Verdict
from titlebout.demo.environment import connections
from titlebout.demo.evidence import Evidence
from titlebout.demo.folder import DemoFolder
from titlebout.demo.generator import SCENARIO, DemandFeed
from titlebout.demo.leftovers import stop_services
from titlebout.demo.progress import Progress
from titlebout.demo.run_watch import RunWatch
from titlebout.demo.scenario import deliver
from titlebout.demo.stack import Stack
from titlebout.project import load_model_spec
from titlebout.wiring import build_ledger

PROJECT = Path(__file__).resolve().parents[1]
MODEL = "demand_demo"
LIVE = SCENARIO.live
HISTORY = 80
"""Days before the first night that its windows, and what says what is usual, may ask for."""
WAYS = {
    "one at a time, oldest first": (1, False),
    "one at a time, newest first": (1, True),
    "eight at once, oldest first": (8, False),
    "eight at once, newest first": (8, True),
}


@dataclass(frozen=True)
class Outcome:
    """What a backfill left behind."""

    seconds: float
    snapshots: Mapping[str, str]
    rejected: Sequence[str]
    models: Mapping[str, str]
    verdicts: Mapping[str, Any]
    is_champion_untouched: bool = True
    is_repeatable: bool = True


def left_behind(ledger: Ledger) -> dict[str, Any]:
    """Read what counts from a ledger: the bytes of every snapshot and model, and every verdict's numbers."""
    entries = ledger.entries(MODEL)
    state = LedgerState.of(entries)
    trained = [entry.payload for entry in entries if entry.kind is EntryKind.CHALLENGER_TRAINED]
    reached = [entry.payload["verdict"] for entry in entries if entry.kind is EntryKind.VERDICT_REACHED]
    verdicts = [Verdict.model_validate(each) for each in reached]
    return {
        "snapshots": {key: record.snapshot.data_sha256 for key, record in sorted(state.partitions.items())},
        "rejected": sorted(state.keys(PartitionStatus.QUARANTINED)),
        "models": {str(each["version"]): str(each["model_sha256"]) for each in trained},
        "verdicts": {each.partition: each.model_dump(mode="json") for each in verdicts},
    }


def without_airflow(nights: Sequence[str]) -> Outcome:
    """Run the same nights with `titlebout run`: the reference for snapshots and models."""
    with tempfile.TemporaryDirectory(prefix="titlebout-benchmark-") as name:
        folder = Path(name)
        feed_days(folder / "source", nights)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        environment |= {
            "TITLEBOUT_HOME": str(PROJECT),
            "AIRFLOW_CONN_TITLEBOUT_SOURCE": f'{{"conn_type": "generic", "extra": {{"root": "{folder / "source"}"}}}}',
        }
        command = [sys.executable, "-m", "titlebout.cli.main", "run", MODEL, "--scratch", str(folder / "scratch")]
        started = time.monotonic()
        subprocess.run(
            [*command, "--from", nights[0], "--to", nights[-1]], env=environment, check=True, stdout=sys.stderr
        )
        seconds = time.monotonic() - started
        ledger = build_ledger(ConnectionFields("ledger", "sqlite", host=str(folder / "scratch" / "ledger.sqlite")))
        return Outcome(seconds, **left_behind(ledger))


def feed_days(source: Path, nights: Sequence[str]) -> None:
    """Deliver the nights, the history that they read, and the live night."""
    path = load_model_spec(MODEL).dataset.source.path
    deliver(DemandFeed(), source, path, shift_key(nights[0], -HISTORY), LIVE)


def through_airflow(nights: Sequence[str], parallel: int, *, backwards: bool) -> Outcome:
    """Backfill in a fresh Airflow, after a live night whose winner serves."""
    folder, progress = DemoFolder(PROJECT, MODEL), Progress()
    with folder.held():
        stop_services(folder)
        folder.make_afresh()
        try:
            stack, spec = Stack(folder, progress), load_model_spec(MODEL)
            feed_days(folder.source, nights)
            stack.start()
            stack.wait_for_dags(spec.nightly_dag_id)
            stack.api.ensure_pool("titlebout_training", 1, "One training at a time: each uses all cores")
            stack.api.set_paused(spec.nightly_dag_id, paused=False)
            known = connections(folder, stack.ports.mlflow_url)
            evidence = Evidence.of(spec, known.__getitem__, stack.ports.mlflow_url)
            return Backfill(spec.nightly_dag_id, stack, RunWatch(stack.api, folder), evidence, progress).play(
                nights, parallel, backwards=backwards
            )
        finally:
            stop_services(folder)


@dataclass(frozen=True)
class Backfill:
    """Plays one backfill and what is asked again afterwards."""

    dag_id: str
    stack: Stack
    watch: RunWatch
    evidence: Evidence
    progress: Progress

    def play(self, nights: Sequence[str], parallel: int, *, backwards: bool) -> Outcome:
        """Play a live night, the backfill, a night by hand, and the backfill once more."""
        self.trigger(LIVE, "live")
        champion, served = self.evidence.state().champion, self.evidence.server()
        with self.progress.stage(f"{len(nights)} nights, {parallel} at once") as stage:
            started = time.monotonic()
            self.watch.backfill(
                stage,
                self.dag_id,
                nights,
                failing=[night for night in nights if night in SCENARIO.faulty],
                max_active_runs=parallel,
                run_backwards=backwards,
            )
            seconds = time.monotonic() - started
        before = left_behind(self.evidence.ledger)
        self.trigger(next(night for night in nights if night in before["verdicts"]), "hand")
        runs = len(self.stack.api.runs(self.dag_id))
        again = self.stack.api.backfill(self.dag_id, nights[0], nights[-1], max_active_runs=parallel)
        self.stack.api.close_backfill(again)
        after = left_behind(self.evidence.ledger)
        return Outcome(
            seconds,
            **before,
            is_champion_untouched=self.evidence.state().champion == champion and self.evidence.server() == served,
            is_repeatable=before["snapshots"] == after["snapshots"]
            and before["models"] == after["models"]
            and len(self.stack.api.runs(self.dag_id)) == runs,
        )

    def trigger(self, night: str, word: str) -> None:
        """Trigger one night by hand and wait until it has succeeded."""
        with self.progress.stage(f"{night} by {word}") as stage:
            run_id = f"{word}__{night}"
            self.stack.api.trigger(self.dag_id, run_id=run_id, partition=night, conf={"reason": "benchmark"})
            self.watch.run(stage, self.dag_id, run_id)


def compared(reference: Outcome, found: Mapping[str, Outcome], nights: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Say for each way whether it left behind what the others did."""
    first = next(iter(found.values()))
    good = set(nights) - set(SCENARIO.faulty)
    return {
        way: {
            "snapshots": all(each.snapshots.get(key) == sha for key, sha in reference.snapshots.items())
            and each.snapshots == first.snapshots
            and each.rejected == first.rejected,
            "models": all(each.models.get(version) == sha for version, sha in reference.models.items())
            and each.models == first.models,
            "verdicts": each.verdicts == first.verdicts and good <= set(each.verdicts),
            "champion untouched": each.is_champion_untouched,
            "asked again": each.is_repeatable,
        }
        for way, each in found.items()
    }


def section(
    reference: Outcome, found: Mapping[str, Outcome], same: Mapping[str, Mapping[str, bool]], nights: int
) -> str:
    """Write the section of RESULTS.md."""
    lines = [
        f"| {way} | {each.seconds:.0f} | {each.seconds / nights:.1f} | {each.seconds / reference.seconds:.1f} | "
        + ", ".join(word for word, holds in same[way].items() if holds)
        + " |"
        for way, each in found.items()
    ]
    return "\n".join(
        [
            "## Backfill of a model through Airflow",
            "",
            f"`python benchmarks/backfill.py`; {nights} nights of `{MODEL}` ({len(reference.rejected)} days wait in "
            f"quarantine), scheduler of the demo; {machine()}. The reference, `titlebout run` over the same nights,",
            f"took {reference.seconds:.0f} s, {reference.seconds / nights:.1f} s a night.",
            "",
            "| order | s | s a night | times the reference | the same as in every other order and in the reference |",
            "|---|---|---|---|---|",
            *lines,
            "",
            "*champion untouched*: a live night's winner serves before and after. *asked again*: a past night by hand,",
            "and the same backfill once more, add no run, no snapshot and no model.",
        ]
    )


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where an order changes a result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="12 nights, two orders; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit 1 where an order changes a result")
    numbered = "; ".join(f"{number}: {way}" for number, way in enumerate(WAYS, 1))
    parser.add_argument(
        "--orders", type=int, nargs="+", choices=range(1, len(WAYS) + 1), metavar="N", help=f"only these: {numbered}"
    )
    options = parser.parse_args()
    last = shift_key(LIVE, -1)
    nights = [*keys_between(shift_key(last, -11 if options.quick else -89), last)]
    chosen = options.orders or ([1, len(WAYS)] if options.quick else range(1, len(WAYS) + 1))
    ways = {way: how for number, (way, how) in enumerate(WAYS.items(), 1) if number in chosen}
    os.environ["TITLEBOUT_HOME"] = str(PROJECT)
    reference = without_airflow(nights)
    found = {way: through_airflow(nights, parallel, backwards=back) for way, (parallel, back) in ways.items()}
    same = compared(reference, found, nights)
    if not options.quick:
        write_section("backfill", section(reference, found, same, len(nights)))
    seconds = {way: round(each.seconds, 1) for way, each in found.items()}
    print_json(
        {"benchmark": "backfill", "nights": len(nights), "reference_seconds": round(reference.seconds, 1)}
        | {"seconds": seconds, "same": same}
    )
    return int(options.check and not all(all(each.values()) for each in same.values()))


if __name__ == "__main__":
    sys.exit(main())
