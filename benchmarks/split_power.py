"""How often an A/B split is wrong, and what it takes to be right: simulated trials, looked at after every outcome.

python benchmarks/split_power.py [--quick] [--check]
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from results_page import machine, print_json, write_section
from titlebout.core.split_tests.sequential_interval import gain_path

ALPHA, MINIMUM, NARROWEST_AT = 0.05, 200, 4000
"""As in a spec that names nothing else."""
OUTCOMES = 20_000
CERTAIN = 0.999
"""A goal counts as missed where chance alone would not explain it in so many of all runs of this script."""
POWER, POWER_AT = 0.8, (0.1, 10_000)
"""Goal, and the true gain in standard deviations and the outcomes of both groups at which it is looked for."""
A_CUSTOMER = 5

Draw = Callable[[np.random.Generator, int], np.ndarray]
KINDS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "one in fifty": lambda rng, n: (rng.uniform(size=n) < 0.02).astype(float),
    "squared errors": lambda rng, n: -(rng.normal(size=n) ** 2),
    "lognormal losses": lambda rng, n: -rng.lognormal(0, 1.5, size=n),
}


@dataclass(frozen=True)
class Tally:
    """What became of many trials of one kind."""

    won: float
    lost: float
    covered: float
    median_outcomes: float


def simulate(draw: Draw, *, percent: int, gain: float, outcomes: int, trials: int) -> Tally:
    """Hold trials and look after every outcome; the gain is in standard deviations of a normal outcome."""
    wins, losses, covered, needed = 0, 0, 0, list[int]()
    for seed in range(trials):
        rng = np.random.default_rng([seed, percent, round(1000 * gain), outcomes])
        is_candidate = rng.uniform(size=outcomes) < percent / 100
        values = draw(rng, outcomes) + gain * is_candidate
        path = gain_path(is_candidate, values, alpha=ALPHA, narrowest_at=NARROWEST_AT)
        enough = np.minimum(path.candidate_count, path.champion_count) >= MINIMUM
        better, worse = first(enough & (path.low > 0)), first(enough & (path.high < 0))
        wins, losses = wins + (better < worse), losses + (worse < better)
        needed.append(better)
        covered += not (enough & ((path.low > gain) | (path.high < gain))).any()
    return Tally(wins / trials, losses / trials, covered / trials, float(np.median(needed)))


def first(flags: np.ndarray) -> int:
    """Return after how many outcomes something is so for the first time; beyond the last where it never is."""
    return int(flags.argmax()) + 1 if flags.any() else len(flags) + 1


def customers(trials: int) -> tuple[float, float]:
    """Return how often equal groups decide anything: each customer counted once, and each of their outcomes."""
    decided = np.zeros(2)
    count = OUTCOMES // A_CUSTOMER
    for seed in range(trials):
        rng = np.random.default_rng([seed, A_CUSTOMER])
        is_candidate, own = rng.uniform(size=count) < 0.5, rng.normal(size=count)
        single = own[:, None] + rng.normal(size=(count, A_CUSTOMER)) * 0.5
        ways = ((is_candidate, single.mean(axis=1)), (np.repeat(is_candidate, A_CUSTOMER), single.ravel()))
        for way, (groups, values) in enumerate(ways):
            path = gain_path(groups, values, alpha=ALPHA, narrowest_at=NARROWEST_AT)
            enough = np.minimum(path.candidate_count, path.champion_count) >= MINIMUM
            decided[way] += bool((enough & ((path.low > 0) | (path.high < 0))).any())
    return float(decided[0] / trials), float(decided[1] / trials)


def at_one_look(gain: float) -> float:
    """Return the outcomes of both groups that a test of one look, agreed beforehand, needs for the same power."""
    normal = NormalDist()
    return 4 * ((normal.inv_cdf(1 - ALPHA / 2) + normal.inv_cdf(POWER)) / gain) ** 2


def most_by_chance(rate: float, trials: int) -> float:
    """Return the share of trials that a rate stays below in `CERTAIN` of all cases."""
    return rate + NormalDist().inv_cdf(CERTAIN) * math.sqrt(rate * (1 - rate) / trials)


def heading(trials: int) -> list[str]:
    """Return what was done."""
    return [
        "## How often an A/B split is wrong (`python benchmarks/split_power.py`)",
        "",
        f"{machine()}; {trials:,} trials of equal groups and {trials // 4:,} of others, up to {OUTCOMES:,} outcomes, "
        f"looked at after every one of them from {MINIMUM} of each group on; alpha {ALPHA:g}.",
        "",
    ]


def table_of_equal(found: dict[tuple[str, int], Tally]) -> list[str]:
    """Return the lines of the table of equal groups."""
    lines = [
        "| equal groups, outcomes | candidate's share | candidate wins | champion wins | interval ever misses |",
        "|---|---|---|---|---|",
    ]
    for (kind, percent), tally in found.items():
        missed = 1 - tally.covered
        lines.append(f"| {kind} | {percent} % | {tally.won:.1%} | {tally.lost:.1%} | {missed:.1%} |")
    return lines


def table_of_gains(found: dict[tuple[float, int], Tally]) -> list[str]:
    """Return the lines of the table of groups that differ."""
    lines = [
        "| true gain, standard deviations | outcomes held | candidate wins | median until then | one look needs |",
        "|---|---|---|---|---|",
    ]
    for (gain, outcomes), tally in found.items():
        needed = f"{tally.median_outcomes:,.0f} | {at_one_look(gain):,.0f}"
        lines.append(f"| {gain:g} | {outcomes:,} | {tally.won:.1%} | {needed} |")
    return lines


def main() -> int:
    """Simulate, print, write the section, and say whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer trials; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    trials = 200 if options.quick else 2000
    equal = {
        (kind, percent): simulate(draw, percent=percent, gain=0.0, outcomes=OUTCOMES, trials=trials)
        for kind, draw in KINDS.items()
        for percent in (50, 10)
    }
    gains = {
        (gain, outcomes): simulate(KINDS["normal"], percent=50, gain=gain, outcomes=outcomes, trials=trials // 4)
        for gain, outcomes in ((0.05, 40_000), (0.1, 10_000), (0.2, 3000), (0.5, 1000))
    }
    once, each = customers(trials // 4)
    falsely, most = max(tally.won for tally in equal.values()), most_by_chance(ALPHA, trials)
    power = gains[POWER_AT].won
    summary = (
        f"Of two equal groups the candidate wins in at most **{falsely:.1%}** of all trials (chosen rate {ALPHA:.0%}). "
        f"A gain of {POWER_AT[0]:g} standard deviations is found within {POWER_AT[1]:,} outcomes in **{power:.0%}**, "
        f"goal {POWER:.0%}. The last column is what a single look at the end, agreed beforehand, needs for a power of "
        f"{POWER:.0%}. Customers with {A_CUSTOMER} outcomes each: where each customer counts once, equal groups are "
        f"told apart in **{once:.1%}** of all trials; if each outcome counted, in **{each:.1%}**."
    )
    body = "\n".join([*heading(trials), *table_of_equal(equal), "", *table_of_gains(gains), "", summary])
    if not options.quick:
        write_section("split_power", body)
    print(body)
    met = bool(falsely <= most and power >= POWER)
    print_json({"falsely_won": falsely, "power": power, "customers_once": once, "goals_met": met})
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    raise SystemExit(main())
