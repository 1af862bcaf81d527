"""How well errors are estimated before labels come, and how often a loss is found: on two public data sets.

python benchmarks/estimates.py [--only bike|mixed|time]

It is compared with NannyML where `benchmarks/drift.py` has made the environment of that.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from results_page import machine, print_json

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fakes.demand_days import DemandWorld, run_of  # noqa: E402 - the path above is where it is found
from titlebout.core.bouts.block_errors import block_errors, whole_error  # noqa: E402
from titlebout.core.past_partitions import PastPartitions  # noqa: E402
from titlebout.core.performance.estimates import Estimates, labelled_day  # noqa: E402
from titlebout.core.performance.expected_loss import expected_area_error  # noqa: E402
from titlebout.core.performance.performance_results import PartitionPerformance  # noqa: E402
from titlebout.core.performance.recorded_performance import PERFORMANCE_KINDS, RecordedPerformance  # noqa: E402
from titlebout.core.performance.version_scores import ScoredRows, VersionScores  # noqa: E402
from titlebout.core.specs.comparison_spec import Metric  # noqa: E402
from titlebout.core.specs.spec import ModelSpec  # noqa: E402
from titlebout.project import load_model_spec  # noqa: E402
from titlebout.steps.measure_performance import measure_performance  # noqa: E402
from titlebout.steps.train_challenger import train_challenger  # noqa: E402

PAGE = Path(__file__).with_name("estimates.md")
DATA = Path(os.environ.get("TITLEBOUT_DATA", ROOT.parent / "shared" / "data"))
NANNYML = ROOT / ".cache" / "drift-nannyml" / "bin" / "python"
LABEL_DELAY_DAYS = 3
CALLS_A_DAY = 600
PARTS = ROOT / ".cache" / "estimates"
"""Figures of each data set, from which the page is made."""


Compared = list[tuple[float, float, float]]
"""Of each estimated day: NannyML's estimate, ours, and what came."""


@dataclass
class Walk:
    """What came of walking through the days of a data set, one look a night.

    Attributes:
        pairs: Estimates with what labels said of the same partition and version later.
        naive: For each pair: the error of the bout, which is what one would say without an estimate.
        findings: Losses that were found: first of the lost partitions.
        warnings: What was warned of: cause and newest partition.
        days: Days that were walked through.
    """

    pairs: list[tuple[PartitionPerformance, PartitionPerformance]] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    days: int = 0


def walk(spec: ModelSpec, days: Mapping[str, pa.Table], first_night: str, every: int) -> Walk:
    """Deliver day after day; a new champion every so many days, a look every night."""
    world, found = DemandWorld(spec=spec), Walk()
    versions = []
    for key, rows in days.items():
        world.deliver(key, rows)
        if key < first_night:
            continue
        if found.days % every == 0:
            stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
            versions.append(train_challenger(spec, run_of(key), **stores))
            world.release(versions[-1])
        found.days += 1
        report = measure_performance(spec, lake=world.lake, ledger=world.ledger)
        if report.finding:
            found.findings.append(report.finding.lost_partitions[0])
        found.warnings += [f"{each.cause} {each.newest_partition}" for each in report.warnings]
    gather(world, found)
    return found


def gather(world: DemandWorld, found: Walk) -> None:
    recorded = RecordedPerformance(world.ledger.entries(world.spec.name, kinds=PERFORMANCE_KINDS))
    days = [day for day in recorded.days() if not day.is_estimate and day.rows]
    for day in days:
        if (estimate := recorded.estimate_of(day)) and not estimate.is_holdout:
            of_bout = [each for each in days if each.version == day.version and each.is_holdout]
            loss, rows = sum(each.loss for each in of_bout), sum(each.rows for each in of_bout)
            found.pairs.append((estimate, day))
            found.naive.append((loss / rows) ** (0.5 if day.metric == "rmse" else 1.0))


def figures(found: Walk) -> dict[str, float]:
    """Return how near estimates came, and how near the bout's error would have."""
    came = np.array([day.error for _, day in found.pairs])
    said = np.array([estimate.error for estimate, _ in found.pairs])
    held = [
        estimate.error_low <= day.error <= estimate.error_high
        for estimate, day in found.pairs
        if estimate.error_low is not None
    ]
    return {
        "days": len(came),
        "realised": float(came.mean()),
        "estimated": float(said.mean()),
        "miss": float(np.abs(np.log(said / came)).mean()),
        "naive_miss": float(np.abs(np.log(np.array(found.naive) / came)).mean()),
        "rank": float(np.corrcoef(ranks(said), ranks(came))[0, 1]),
        "banded": len(held),
        "in_band": float(np.mean(held)) if held else float("nan"),
    }


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values))


# Bike rentals


def bike_days() -> dict[str, pa.Table]:
    with (DATA / "bike_sharing" / "hour.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_day: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["dteday"], []).append(row)
    spec = load_model_spec("bike_sharing")
    kinds = {"integer": pa.int64(), "number": pa.float64(), "date": pa.date32()}
    reading = {"integer": int, "number": float, "date": date.fromisoformat}
    return {
        key: pa.table(
            {
                name: pa.array([reading[kind](row[name]) for row in part], kinds[kind])
                for name, kind in spec.dataset.columns.items()
            }
        )
        for key, part in by_day.items()
    }


def bike_spec() -> ModelSpec:
    document = load_model_spec("bike_sharing").model_dump(mode="json")
    document["dataset"]["label_delay_days"] = LABEL_DELAY_DAYS
    document["training"] |= {"window_days": 60, "holdout_days": 14, "threads": 1}
    return ModelSpec.model_validate(document)


# Calls of a bank

NUMBERS = ("age", "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m")
NAMES = ("job", "marital", "education", "default", "housing", "loan", "contact", "month", "day_of_week", "poutcome")
FIRST_CALL_DAY = date(2024, 1, 1)


def bank_spec(metric: str) -> ModelSpec:
    columns = {"day": "date", "call": "integer", "y": "flag"}
    columns |= {name.replace(".", "_"): "number" for name in NUMBERS} | dict.fromkeys(NAMES, "text")
    return ModelSpec.model_validate(
        {
            "name": "bank",
            "dataset": {
                "source": {"kind": "files", "path": "bank/{partition}.csv"},
                "columns": columns,
                "time_column": "day",
                "key_columns": ["call"],
                "target": "y",
                "first_partition": FIRST_CALL_DAY.isoformat(),
                "label_delay_days": LABEL_DELAY_DAYS,
            },
            "validation": {"suite": "bank"},
            "training": {
                "objective": "binary",
                "features": {"numeric": [n.replace(".", "_") for n in NUMBERS], "categorical": [*NAMES]},
                "window_days": 20,
                "holdout_days": 8,
                "min_partitions": 10,
                "rounds": 60,
                "params": {"max_depth": 4, "eta": 0.1},
                "threads": 1,
            },
            "comparison": {"metric": metric},
        }
    )


def bank_days(order: str) -> dict[str, pa.Table]:
    """Return 600 calls a day, in the order of time, or as if time did not matter."""
    with (DATA / "bank_marketing" / "bank-additional-full.csv").open(encoding="utf-8") as file:
        calls = [{**row, "call": number} for number, row in enumerate(csv.DictReader(file, delimiter=";"))]
    if order == "mixed":
        calls = [calls[at] for at in np.random.default_rng(0).permutation(len(calls))]
    days = {}
    for start in range(0, len(calls) - CALLS_A_DAY + 1, CALLS_A_DAY):
        part, day = calls[start : start + CALLS_A_DAY], FIRST_CALL_DAY + timedelta(days=start // CALLS_A_DAY)
        columns: dict[str, pa.Array] = {
            "day": pa.array([day] * len(part), pa.date32()),
            "call": pa.array([row["call"] for row in part], pa.int64()),
            "y": pa.array([row["y"] == "yes" for row in part]),
        }
        columns |= {name.replace(".", "_"): pa.array([float(row[name]) for row in part]) for name in NUMBERS}
        columns |= {name: pa.array([row[name] for row in part]) for name in NAMES}
        days[day.isoformat()] = pa.table(columns)
    return days


# NannyML on the same scores

RIVAL_DAYS = 30


def by_nannyml(spec: ModelSpec, days: Mapping[str, pa.Table], nights: Sequence[str]) -> Compared:
    """Return NannyML's estimate, ours and what came, of the days after some nights.

    Both learn from the days on which the champion of the night was judged, and estimate all later ones from these.

    Args:
        spec: The model.
        days: Key to rows.
        nights: A champion is trained in each.
    """
    world, kind = DemandWorld(spec=spec), "dle" if spec.comparison.metric == "rmse" else "cbpe"
    for key, rows in days.items():
        world.deliver(key, rows)
    state = world.ledger.state(spec.name)
    past = PastPartitions(spec, world.lake, (record.ref() for record in state.partitions.values()))
    ours, came = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for number, night in enumerate(nights):
            manifest = train_challenger(
                spec, run_of(night), lake=world.lake, ledger=world.ledger, registry=world.registry
            )
            scores = VersionScores(spec, past, manifest, threads=1)
            learned = [ref.partition for ref in manifest.proof.holdout]
            later = [key for key in days if key > learned[-1]][:RIVAL_DAYS]
            scored = {key: scores.of_snapshot(state.partitions[key].ref()) for key in (*learned, *later)}
            estimates = Estimates(spec, scores.plan, [labelled_day(spec, scored[key], key) for key in learned])
            for key in later:
                ours[str(number), key] = our_estimate(estimates, scored[key], kind)
                came[str(number), key] = what_came(scored[key], kind)
            for name, keys in (("reference", learned), ("analysis", later)):
                pq.write_table(exported(scored, keys), Path(folder) / f"{name}-{number}.parquet")
        script = Path(__file__).with_name("estimate_rivals") / "nannyml_days.py"
        done = subprocess.run([NANNYML, script, folder, kind], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    return [(theirs[number][key], ours[number, key], came[number, key]) for number, key in ours]


def our_estimate(estimates: Estimates, scored: ScoredRows, kind: str) -> float:
    if kind == "dle":
        return estimates.band(estimates.sums(scored)).error
    return 1 - (expected_area_error(estimates.chances(scored.scores), scored.scores) or np.nan)


def what_came(scored: ScoredRows, kind: str) -> float:
    if kind == "dle":
        return float(np.sqrt(np.mean((scored.scores - scored.labels) ** 2)))
    return 1 - whole_error(block_errors(Metric.AUC, [(scored.labels, scored.scores)]), 1)


def exported(scored: Mapping[str, ScoredRows], keys: Sequence[str]) -> pa.Table:
    parts = []
    for key in keys:
        features = scored[key].features.astype(np.float64)
        columns: dict[str, Any] = {f"f{at}": features[:, at] for at in range(features.shape[1])}
        columns |= {"score": scored[key].scores, "label": scored[key].labels}
        parts.append(pa.table(columns).append_column("day", pa.array([key] * len(features))))
    return pa.concat_tables(parts)


# The page

HEAD = (
    "",
    "days",
    "realised",
    "estimated",
    "miss",
    "miss of the bout's error",
    "rank correlation",
    "inside the 90 % band",
    "losses found",
)
BIKE_NIGHTS = ("2011-05-01", "2011-08-01", "2011-11-01", "2012-02-01", "2012-05-01", "2012-08-01")
RIVALS = ("", "days", "ours to realised", "NannyML to realised", "ours to NannyML")


class World(NamedTuple):
    """A data set as a model meets it, day after day.

    Attributes:
        name: For `--only`.
        title: For the page.
        spec: The model.
        days: Key to rows.
        first_night: The first champion is trained then.
        champion_days: Then another one every so many days.
        rival_nights: Champions of these are estimated by NannyML too.
    """

    name: str
    title: str
    spec: ModelSpec
    days: Mapping[str, pa.Table]
    first_night: str
    champion_days: int
    rival_nights: Sequence[str]


def worlds() -> Iterator[World]:
    title = "bike rentals, 2011-04 to 2012-12, a new champion every 30 days"
    yield World("bike", title, bike_spec(), bike_days(), "2011-04-01", 30, BIKE_NIGHTS)
    night = (FIRST_CALL_DAY + timedelta(days=32)).isoformat()
    for name, title in (
        ("mixed", "bank calls, mixed: nothing changes"),
        ("time", "bank calls in the order of time: everything changes"),
    ):
        yield World(name, title, bank_spec("auc"), bank_days(name), night, 1000, [night])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["bike", "mixed", "time"], help="measure one data set anew")
    options = parser.parse_args()
    PARTS.mkdir(parents=True, exist_ok=True)
    for each in worlds():
        if options.only in {None, each.name}:
            part = PARTS / f"{each.name}.json"
            part.write_text(json.dumps(measured(each)), encoding="utf-8")
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PARTS.glob("*.json"))]
    PAGE.write_text(page(parts), encoding="utf-8")
    print_json(parts)


def measured(world: World) -> dict[str, Any]:
    found = walk(world.spec, world.days, world.first_night, world.champion_days)
    part = {"title": f"{world.title}: {found.pairs[0][1].metric}", **figures(found)}
    part |= {"findings": found.findings, "warnings": found.warnings}
    if NANNYML.exists():
        part["rival"] = rival_figures(by_nannyml(world.spec, world.days, world.rival_nights))
    return part


def rival_figures(compared: Compared) -> dict[str, float]:
    known = np.array(compared)[np.isfinite(compared).all(axis=1)]
    theirs, ours, came = known.T
    pairs = {"ours_came": (ours, came), "theirs_came": (theirs, came), "ours_theirs": (ours, theirs)}
    return {"days": len(known)} | {name: float(np.abs(a - b).mean()) for name, (a, b) in pairs.items()}


def page(parts: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "# Errors estimated before labels come",
        "",
        f"Written by `python benchmarks/estimates.py`; {machine()}. One look a night, labels {LABEL_DELAY_DAYS} days "
        "late. A miss is the mean of |log(estimated / realised)| over days; the bout's error is what one would say "
        "without an estimate.",
        "",
        *table(HEAD, map(cells, parts)),
    ]
    rivals = [part for part in parts if "rival" in part]
    if rivals:
        lines += ["", "## Against NannyML on the same scores", ""]
        lines += [
            f"Both learn from the partitions of a champion's bout and estimate the {RIVAL_DAYS} days after. Mean "
            "absolute distances of rmse in rentals, and of the area under the ROC curve.",
            "",
            *table(RIVALS, map(rival_cells, rivals)),
        ]
    return "\n".join(lines) + "\n"


def cells(part: Mapping[str, Any]) -> list[str]:
    shown = [f"{part[name]:.3f}" for name in ("realised", "estimated", "miss", "naive_miss")]
    band = f"{part['in_band']:.0%} of {part['banded']}"
    return [part["title"], f"{part['days']}", *shown, f"{part['rank']:.2f}", band, str(len(part["findings"]))]


def rival_cells(part: Mapping[str, Any]) -> list[str]:
    rival = part["rival"]
    shown = [f"{rival[name]:.3f}" for name in ("ours_came", "theirs_came", "ours_theirs")]
    return [part["title"].rpartition(":")[0], str(rival["days"]), *shown]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(each)} |" for each in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    main()
