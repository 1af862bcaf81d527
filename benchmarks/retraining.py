"""The break of bank marketing, call day by call day: how often a model is retrained for it, by which rules of the gate.

python benchmarks/retraining.py [--days N] [--check]
"""

import argparse
import csv
import itertools
import multiprocessing
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from results_page import machine, print_json, write_section

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fakes.demand_days import DemandWorld
from fakes.ledger import MemoryLedger
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Outcome, RunContext, RunKind, Verdict
from titlebout.core.retraining.retrain_settings import for_reason
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.watch_model import watch_model

DATA = Path(os.environ.get("TITLEBOUT_DATA", Path(__file__).parents[2] / "shared" / "data"))
FILE = DATA / "bank_marketing" / "bank-additional-full.csv"
FIRST = date(2008, 5, 1)
FIRST_NIGHT, BREAK = 80, 118
"""Call days, counted in the order of the file: the first champion's, and the first one of 2009."""
NUMBERS = ("age", "campaign", "pdays", "previous")
WORDS = ("job", "marital", "education", "default", "housing", "loan", "contact", "poutcome")
GATES: Mapping[str, Mapping[str, object]] = {
    "no gate": {"cooldown_days": 0, "retrains_per_week": 100, "retrains_without_gain": 100},
    "the defaults": {},
    "the defaults, for drift learns from the newest 21 days": {"retrain": {"window_days": 21}},
}


@dataclass
class Story:
    """What happened to the model."""

    looks: int = 0
    looks_with_a_cause: int = 0
    retrains: list[tuple[int, str, str]] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    most_in_a_week: int = 0


def call_days() -> list[pa.Table]:
    """Return the rows by days: a day ends where the weekday or the month of the next row is another."""
    with FILE.open(encoding="utf-8") as lines:
        rows = [*csv.DictReader(lines, delimiter=";")]
    days = itertools.groupby(rows, key=lambda row: (row["month"], row["day_of_week"]))
    return [_table(number, [*day]) for number, (_, day) in enumerate(days)]


def _table(number: int, rows: list[dict[str, str]]) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "day": pa.array([FIRST + timedelta(days=number)] * len(rows), pa.date32()),
        "call": pa.array(range(len(rows)), pa.int64()),
        "y": pa.array([row["y"] == "yes" for row in rows], pa.bool_()),
    }
    columns |= {name: pa.array([float(row[name]) for row in rows], pa.float64()) for name in NUMBERS}
    columns |= {name: pa.array([row[name] for row in rows], pa.string()) for name in WORDS}
    return pa.table(columns)


def spec_with(rules: Mapping[str, object]) -> ModelSpec:
    """Return the model; it knows neither the length of a call nor the market, which tells the time."""
    columns = {"day": "date", "call": "integer", "y": "flag"}
    columns |= dict.fromkeys(NUMBERS, "number") | dict.fromkeys(WORDS, "text")
    return ModelSpec.model_validate(
        {
            "name": "bank",
            "dataset": {
                "source": {"kind": "files", "path": "{partition}.csv"},
                "columns": columns,
                "time_column": "day",
                "key_columns": ["day", "call"],
                "target": "y",
                "first_partition": FIRST,
            },
            "validation": {"suite": "bank"},
            "training": {
                "objective": "binary",
                "features": {"numeric": NUMBERS, "categorical": WORDS},
                "window_days": 60,
                "holdout_days": 7,
                "min_partitions": 5,
                "rounds": 30,
                "params": {"max_depth": 4, "eta": 0.1},
            },
            "comparison": {"metric": "log_loss", "min_gain": 0.0},
            "deployment": {"target": "none"},
            "drift": rules,
        }
    )


class Bank:
    """The model, and a clock that goes from day to day."""

    def __init__(self, spec: ModelSpec) -> None:
        self.now = datetime(2008, 5, 1, tzinfo=UTC)
        self.world = DemandWorld(spec=spec, ledger=MemoryLedger(clock=lambda: self.now))
        self.story = Story()

    def live(self, days: list[pa.Table]) -> Story:
        """Bring in one day after the other; from the first champion on nothing but the watch retrains."""
        for number, rows in enumerate(days):
            key = (FIRST + timedelta(days=number)).isoformat()
            self.now = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=number + 1, hours=7)
            self.world.deliver(key, rows)
            if number == FIRST_NIGHT:
                self.bout(RunContext(partition=key, run_id=f"scheduled__{key}", kind=RunKind.SCHEDULED))
            elif number > FIRST_NIGHT:
                self.look(number, key)
        asked = [number for number, _, _ in self.story.retrains]
        self.story.most_in_a_week = max((sum(0 <= b - a < 7 for b in asked) for a in asked), default=0)
        stopped = self.world.ledger.entries("bank", kinds={EntryKind.RETRAIN_STOPPED})
        self.story.stops = [str(entry.payload["cause"]) for entry in stopped]
        return self.story

    def look(self, number: int, key: str) -> None:
        """Look once, and run what is asked for."""
        report = watch_model(self.world.spec, lake=self.world.lake, ledger=self.world.ledger, now=self.now)
        self.story.looks += 1
        self.story.looks_with_a_cause += bool(report.causes)
        if not report.asked_for.is_new or report.asked_for.retrain is None:
            return
        asked = report.asked_for.retrain
        run = RunContext(partition=key, run_id=asked.run_id, kind=RunKind.MANUAL, reason=asked.reason.value)
        self.story.retrains.append((number, asked.reason.value, self.bout(run).outcome.value))

    def bout(self, run: RunContext) -> Verdict:
        """Train, judge, and let a winner serve; the first one serves whatever its bout says."""
        spec = for_reason(self.world.spec, run.reason)
        stores = {"lake": self.world.lake, "ledger": self.world.ledger, "registry": self.world.registry}
        challenger = train_challenger(spec, run, **stores)
        verdict = compare_with_champion(spec, run, challenger=challenger, **stores)
        if verdict.outcome is Outcome.PROMOTE or verdict.champion is None:
            self.world.release(challenger)
        return verdict


def told(rules: Mapping[str, object], count: int) -> Story:
    """Live through the first days by some rules."""
    return Bank(spec_with(rules)).live(call_days()[:count])


def main() -> int:
    """Run all gates, write the section, print the figures; with --check fail where a gate does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=208, help="the first ones; 90 after the break by default")
    parser.add_argument("--check", action="store_true", help="fail where a gate does not hold")
    options = parser.parse_args()
    if not FILE.exists():
        print(f"{FILE} is not there; point TITLEBOUT_DATA at it", file=sys.stderr)
        return 2
    with ProcessPoolExecutor(len(GATES), mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = [options.days] * len(GATES)
        stories = dict(zip(GATES, pool.map(told, GATES.values(), counts), strict=True))
    print_json({name: vars(story) for name, story in stories.items()})
    write_section("retraining", section(stories))
    held = [story for name, story in stories.items() if name != "no gate"]
    return 1 if options.check and any(story.most_in_a_week > 2 for story in held) else 0


def section(stories: Mapping[str, Story]) -> str:
    """Write the section of RESULTS.md."""
    looks = next(iter(stories.values())).looks
    lines = [
        "## Retrains after a break: the call days of bank marketing",
        f"`python benchmarks/retraining.py`, {machine()}. One look on each of {looks} days, {BREAK - FIRST_NIGHT - 1} "
        "of them before the break of 2009; nothing but the watch retrains.",
        "",
        "| gate | looks with a cause | retrains | before the break | won | most in 7 days | stopped |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, story in stories.items():
        early = sum(number < BREAK for number, _, _ in story.retrains)
        won = sum(outcome == Outcome.PROMOTE for _, _, outcome in story.retrains)
        stops = ", ".join(f"{story.stops.count(each)} x {each}" for each in sorted(set(story.stops)))
        lines.append(
            f"| {name} | {story.looks_with_a_cause} | {len(story.retrains)} | {early} | {won} | "
            f"{story.most_in_a_week} | {stops or 'never'} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
