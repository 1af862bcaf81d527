"""How often a bout is wrong: bouts between models whose true errors are known, simulated by the hundred.

python benchmarks/bout_power.py [--quick] [--check]
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from results_page import machine, print_json, write_section
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.verdict_rules import decide, measure
from titlebout.core.results import Outcome
from titlebout.core.specs.comparison_spec import ComparisonSection

RATE = 0.05
"""Equal models may be promoted so often: 1 minus the confidence of the lower bound."""
CERTAIN = 0.999
"""A goal counts as missed where chance alone would not explain it in so many of all runs of this script."""
POWER = 0.8
POWER_AT = ("rmse", 14, 0.10, 0.2)
"""Metric, days, share of errors in common and true gain at which a better model has to be found."""
_EQUAL_BOUTS = 4
ROWS = {"rmse": 24, "auc": 200, "error_rate": 20}
Day = Callable[[np.random.Generator, float, float], ScoredPartition]


@dataclass(frozen=True)
class Tally:
    """What became of many bouts of one kind: shares of them."""

    promoted: float
    kept: float
    covered_low: float
    covered_both: float


def regression_day(rng: np.random.Generator, gain: float, common: float) -> ScoredPartition:
    """Return a day of its own noisiness; a share of each model's errors is common to all rows of the day.

    The champion's root mean squared error is sqrt(2) times the day's size, the challenger's smaller by `gain`.
    """
    rows = ROWS["rmse"]
    truth, size = rng.normal(size=rows) * 20, math.exp(rng.normal() * 0.4)
    noise = rng.normal(size=rows) * size

    def own(spread: float) -> np.ndarray:
        return size * spread * (math.sqrt(1 - common) * rng.normal(size=rows) + math.sqrt(common) * rng.normal())

    challenger = math.sqrt(2 * (1 - gain) ** 2 - 1)
    return ScoredPartition(truth + noise, truth + own(challenger), truth + own(1.0))


def ranking_day(rng: np.random.Generator, gain: float, common: float) -> ScoredPartition:
    """Return a day of labels and normal scores; the champion ranks 20 % of all pairs wrongly.

    On a day, both classes of a model's scores may lie apart more or less than usual, by the share `common`.
    """
    labels = (rng.uniform(size=ROWS["auc"]) < 0.3).astype(float)

    def scores(wrong: float) -> np.ndarray:
        apart = -NormalDist().inv_cdf(wrong) * math.sqrt(2) + math.sqrt(common) * rng.normal() * 0.3
        return labels * apart + rng.normal(size=len(labels))

    return ScoredPartition(labels, scores(0.2 * (1 - gain)), scores(0.2))


def simulate(metric: str, days: int, common: float, gain: float, bouts: int) -> Tally:
    """Let two models meet again and again, and count verdicts and how often the bounds hold the true gain."""
    rules = ComparisonSection(metric=metric, resamples=1000)
    day = {"rmse": regression_day, "auc": ranking_day}[metric]
    counts = np.zeros(4)
    for seed in range(bouts):
        rng = np.random.default_rng([seed, days, round(1000 * gain)])
        numbers = measure(rules, 0.0, {f"{key:02}": day(rng, gain, common) for key in range(days)}, seed=seed)
        outcome, _ = decide(numbers, rules)
        low, high = numbers.interval[1:]
        counts += [outcome is Outcome.PROMOTE, outcome is Outcome.KEEP, low <= gain, low <= gain <= high]
    return Tally(*(counts / bouts))


def twin_day(rng: np.random.Generator, differs: float) -> ScoredPartition:
    """Return a day on which two equal classifiers are wrong on the same quarter of the rows.

    On a share of the days, one of the two, by lot, has one of these rows right.
    """
    labels = np.zeros(ROWS["error_rate"])
    wrong_at_times = np.tile([0.6, 0.3, 0.1], (len(labels), 1))
    wrong_at_times[::4] = [0.3, 0.6, 0.1]
    lucky = wrong_at_times.copy()
    lucky[0] = [0.6, 0.3, 0.1]
    if rng.uniform() >= differs:
        return ScoredPartition(labels, wrong_at_times, wrong_at_times)
    return ScoredPartition(labels, *((lucky, wrong_at_times) if rng.uniform() < 1 / 2 else (wrong_at_times, lucky)))


def twins(days: int, differs: float, bouts: int) -> tuple[float, float]:
    """Return which share of bouts between such equals promotes, and which would, were a bound of zero enough."""
    rules, priors = ComparisonSection(metric="error_rate", resamples=1000), (0.4, 0.3, 0.3)
    promoted = lenient = 0
    for seed in range(bouts):
        rng = np.random.default_rng([seed, days, round(1000 * differs)])
        found = measure(rules, priors, {f"{key:02}": twin_day(rng, differs) for key in range(days)}, seed=seed)
        # Labels of one class make the constant perfect; only the gain over the champion is looked at here.
        found = replace(found, baseline_error=1.0)
        promoted += decide(found, rules)[0] is Outcome.PROMOTE
        lenient += found.interval.low >= 0 and found.interval.gain > 0
    return promoted / bouts, lenient / bouts


def twins_table(found: dict[tuple[int, float], tuple[float, float]]) -> list[str]:
    """Return the lines of the table of models that err alike on most days."""
    lines = ["| days | days on which they differ | promoted | if a bound of zero were enough |", "|---|---|---|---|"]
    for (days, differs), (promoted, lenient) in found.items():
        lines.append(f"| {days} | {differs:.0%} | {promoted:.1%} | {lenient:.1%} |")
    return lines


def most_by_chance(rate: float, bouts: int) -> float:
    """Return the share of bouts that a rate stays below in `CERTAIN` of all cases."""
    return rate + NormalDist().inv_cdf(CERTAIN) * math.sqrt(rate * (1 - rate) / bouts)


def table(found: dict[tuple[str, int, float, float], Tally]) -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| metric | days | errors in common | true gain | promoted | kept | gain above the lower bound | in both |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (metric, days, common, gain), tally in found.items():
        lines.append(
            f"| {metric} | {days} | {common:.0%} | {gain:.0%} | {tally.promoted:.1%} | {tally.kept:.1%} "
            f"| {tally.covered_low:.1%} | {tally.covered_both:.1%} |"
        )
    return lines


def main() -> int:
    """Simulate, print, write the section, and say whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer bouts of fewer kinds; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    bouts = 150 if options.quick else 500
    kinds = [
        (metric, days, common, gain)
        for metric in ("rmse", "auc")
        for days in ((7, 14) if options.quick else (3, 7, 14, 30))
        for common in ((0.1,) if options.quick else (0.0, 0.1, 0.3))
        for gain in ((0.0, 0.2) if options.quick else (0.0, 0.05, 0.1, 0.2))
    ]
    # Of equal models more bouts: the rate is small, and it is what the whole gate rests on.
    found = {kind: simulate(*kind, bouts if kind[3] else _EQUAL_BOUTS * bouts) for kind in kinds}
    alike = {
        (days, differs): twins(days, differs, bouts)
        for days in ((7, 14) if options.quick else (5, 7, 14, 30))
        for differs in ((0.2,) if options.quick else (0.05, 0.1, 0.2, 0.4))
    }
    most = most_by_chance(RATE, bouts)
    falsely = max(tally.promoted for (*_, gain), tally in found.items() if gain == 0)
    falsely = max(falsely, *(promoted for promoted, _ in alike.values()))
    uncovered = max(1 - tally.covered_low for tally in found.values())
    power = found[POWER_AT].promoted
    metric, days, _, gain = POWER_AT
    body = "\n".join(
        [
            "## How often a bout is wrong (`python benchmarks/bout_power.py`)",
            "",
            f"{machine()}; {bouts} bouts of each kind, four times as many of equal models, {ROWS['rmse']} rows a day "
            f"({ROWS['auc']} for AUC), no margin, lower bound at {1 - RATE:.0%}. Days differ in size, and some of a "
            "model's errors are common to a day.",
            "",
            *table(found),
            "",
            "Equal classifiers that err alike but for one row on some days, each time one of the two by lot:",
            "",
            *twins_table(alike),
            "",
            f"Of two equal models at most **{falsely:.1%}** are promoted (chosen rate {RATE:.0%}; by chance up to "
            f"{most:.1%} of {bouts} bouts). The true gain lies below the lower bound in at most **{uncovered:.1%}**. "
            f"By {metric}, a gain of {gain:.0%} is found on {days} days in **{power:.0%}** of all bouts, goal "
            f"{POWER:.0%}.",
        ]
    )
    if not options.quick:
        write_section("bout_power", body)
    print(body)
    met = bool(falsely <= most and uncovered <= most and power >= POWER)
    print_json({"falsely_promoted": falsely, "uncovered": uncovered, "power": power, "goals_met": met})
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    raise SystemExit(main())
