"""What a bout costs: against the two predictions that it needs anyway, and against a loop over scikit-learn.

python benchmarks/bout.py [--quick] [--check]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from results_page import machine, print_json, write_section
from titlebout.core.bouts.block_errors import block_errors
from titlebout.core.bouts.bout_checks import ScoredPartition, run_checks
from titlebout.core.bouts.resampling import gain_interval
from titlebout.core.bouts.verdict_rules import decide, measure
from titlebout.core.features import FeaturePlan
from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.learning.quantile_matrix import LabelledRows
from titlebout.core.learning.training import learn
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.predictor import Predictor
from titlebout.core.specs.comparison_spec import ComparisonSection
from titlebout.core.specs.spec import ModelSpec

LARGEST_SHARE_OF_PREDICTING = 1.5
SMALLEST_SPEED_UP = 50.0
RESAMPLES = 1000
DAYS = 30
COLUMNS = [f"number_{n}" for n in range(20)]


def make_rows(rows: int, seed: int) -> pa.Table:
    """Return rows of twenty numbers and a target that depends on some of them."""
    rng = np.random.default_rng(seed)
    table = {name: rng.normal(size=rows) for name in COLUMNS}
    table["target"] = table["number_0"] * 3 + table["number_1"] ** 2 + rng.normal(size=rows)
    return pa.table(table | {"day": pa.array(np.zeros(rows), pa.int32()).cast(pa.date32())})


def make_spec(rounds: int) -> ModelSpec:
    """Return a spec of that many rounds."""
    return ModelSpec.model_validate(
        {
            "name": "bout_benchmark",
            "dataset": {
                "source": {"kind": "files", "path": "{partition}.csv"},
                "columns": dict.fromkeys([*COLUMNS, "target"], "number") | {"day": "date"},
                "time_column": "day",
                "key_columns": ["day"],
                "target": "target",
                "first_partition": "2024-01-01",
            },
            "validation": {"suite": "none"},
            "training": {"features": {"numeric": COLUMNS}, "rounds": rounds, "params": {"max_depth": 6, "eta": 0.1}},
            "comparison": {"metric": "rmse", "resamples": RESAMPLES, "guards": {"mae": 0.05}},
        }
    )


def train(spec: ModelSpec, rows: pa.Table) -> Predictor:
    """Train a model of the spec."""
    plan = FeaturePlan.fit(spec, rows)
    learned = learn(
        spec.training, plan, LabelledRows(EncodedRows.of(plan.encode(rows)), rows["target"].to_numpy(), None)
    )
    return Predictor.load(learned.ubj, plan.model_dump_json().encode(), threads=granted_cores())


def seconds_of(work: Callable[[], Any]) -> float:
    """Run once and return the wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def regression(rows: int, repeats: int) -> dict[str, float]:
    """Compare a whole bout with the two predictions alone, in turns, on the same days."""
    specs = make_spec(100), make_spec(120)
    learned = make_rows(50_000, 0)
    champion, challenger = (train(spec, learned) for spec in specs)
    days = [make_rows(rows // DAYS, seed) for seed in range(1, DAYS + 1)]
    comparison = specs[0].comparison

    def predictions() -> None:
        for day in days:
            challenger.predict_table(day), champion.predict_table(day)

    def bout() -> None:
        scored = {
            f"{number:02}": ScoredPartition(
                day["target"].to_numpy(), challenger.predict_table(day), champion.predict_table(day)
            )
            for number, day in enumerate(days)
        }
        numbers = measure(comparison, 0.0, scored, seed=0)
        decide(numbers, comparison, run_checks(comparison, scored, model_bytes=1, seed=0))

    predictions()
    found = [(seconds_of(predictions), seconds_of(bout)) for _ in range(repeats)]
    return {
        "predictions_seconds": min(alone for alone, _ in found),
        "bout_seconds": min(whole for _, whole in found),
        "share": statistics.median(whole / alone for alone, whole in found),
    }


def make_binary(rows: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return days of labels and two models' scores."""
    rng = np.random.default_rng(5)
    days = []
    for _ in range(DAYS):
        labels = (rng.uniform(size=rows // DAYS) < 0.2).astype(float)
        first, second = (labels + rng.normal(size=len(labels)) for _ in range(2))
        days.append((labels, first, second))
    return days


def loop_over_scikit_learn(days: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], draws: np.ndarray) -> np.ndarray:
    """Resample whole days and compute both areas anew each time, as most scripts do."""
    from sklearn.metrics import roc_auc_score

    gains = []
    for draw in draws:
        drawn = [day for day, times in zip(days, draw, strict=True) for _ in range(times)]
        labels, first, second = (np.concatenate(side) for side in zip(*drawn, strict=True))
        gains.append(roc_auc_score(labels, first) - roc_auc_score(labels, second))
    return np.array(gains)


def ranking(rows: int, draws_of_the_loop: int) -> dict[str, float]:
    """Compare the interval of two areas with the loop; the loop's time is that of some draws, scaled up."""
    days = make_binary(rows)
    draws = np.random.default_rng(0).multinomial(DAYS, np.full(DAYS, 1 / DAYS), size=draws_of_the_loop)
    loop_over_scikit_learn(days, draws[:1])
    loop = seconds_of(lambda: loop_over_scikit_learn(days, draws)) / draws_of_the_loop * RESAMPLES

    def ours() -> None:
        pair = [block_errors(ComparisonSection(metric="auc").metric, [(d[0], d[n]) for d in days]) for n in (1, 2)]
        gain_interval(*pair, blocks=DAYS, confidence=0.95, resamples=RESAMPLES, seed=0)

    ours()
    own = min(seconds_of(ours) for _ in range(5))
    # The figures must be the same ones, or the comparison is worth nothing.
    weights = draws.astype(float)
    areas = [
        1 - block_errors(ComparisonSection(metric="auc").metric, [(d[0], d[n]) for d in days]).under(weights)
        for n in (1, 2)
    ]
    assert np.allclose(areas[0] - areas[1], loop_over_scikit_learn(days, draws)), "the areas differ"
    return {"scikit_learn_seconds": loop, "bout_seconds": own, "speed_up": loop / own}


def main() -> int:
    """Measure, print, write the section, and say whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    rows, ranked_rows = (100_000, 20_000) if options.quick else (1_000_000, 100_000)
    figures = {"regression": regression(rows, 5), "ranking": ranking(ranked_rows, 10 if options.quick else 50)}
    share, speed_up = figures["regression"]["share"], figures["ranking"]["speed_up"]
    scored = f"champion and challenger scored and judged by RMSE, with a guard on MAE, {rows:,} rows"
    ranked = f"interval of the gain in AUC, {ranked_rows:,} rows, the same figures as the loop"
    body = "\n".join(
        [
            "## Bout (`python benchmarks/bout.py`)",
            "",
            f"{machine()}; {DAYS} days of holdout, {RESAMPLES:,} resamples of whole days.",
            "",
            "| | against | measured | goal |",
            "|---|---|---|---|",
            f"| {scored} | the two predictions alone | {share:.2f} x | at most {LARGEST_SHARE_OF_PREDICTING} x |",
            f"| {ranked} | a loop over scikit-learn's `roc_auc_score` | {speed_up:.0f} x faster "
            f"| at least {SMALLEST_SPEED_UP:.0f} x |",
        ]
    )
    if not options.quick:
        write_section("bout", body)
    print(body)
    met = share <= LARGEST_SHARE_OF_PREDICTING and speed_up >= SMALLEST_SPEED_UP
    print_json({**figures, "goals_met": met})
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    raise SystemExit(main())
