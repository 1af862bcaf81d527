"""How often drift is found where there is none, and how soon where there is some: simulated years and real ones.

python benchmarks/drift_power.py [--quick] [--check]
"""

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

from results_page import machine, print_json
from titlebout.core.cadences import Cadence
from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile, ColumnProfile, NumberProfile
from titlebout.core.drifting.judged_columns import PastAndNewest, judge_columns
from titlebout.core.drifting.judgement import JudgedPartition
from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.partitions import Calendar, shift_key
from titlebout.core.specs.drift_spec import DriftSection

PAGE = Path(__file__).with_name("drift_power.md")
DATA = Path(os.environ.get("TITLEBOUT_DATA", Path(__file__).parents[2] / "shared" / "data"))
MOST_A_YEAR = 2.0
YEAR_DAYS = 365
CALENDAR = Calendar(Cadence.DAILY, "UTC")
DRIFT = DriftSection()
NUMBERS, WINDOW, HOLDOUT, REFRESH = 8, 60, 7, 30
"""Columns of numbers besides two of categories; days of training and holdout; a new champion every so many days."""
OTHERS_DAYS = 30
DELAY_ROWS = (24, 200, 1000)
MOST_RAW_ROWS = 1000
"""Tests and distances on raw rows take minutes where rows are many."""

Columns = Mapping[str, np.ndarray]
World = Callable[[np.random.Generator, int, int], Columns]


@dataclass(frozen=True)
class Day:
    """What is known of a day's rows; the rows too, where they are few: only the other rules need them."""

    columns: Columns
    profile: PartitionProfile

    @classmethod
    def of(cls, columns: Columns) -> "Day":
        profiles: dict[str, ColumnProfile] = {}
        for name, values in columns.items():
            if values.dtype.kind == "f":
                profiles[name] = NumberProfile().with_numbers(values)
            else:
                names, counts = np.unique(values, return_counts=True)
                found = CategoryCounts.of(dict(zip(map(str, names), counts.tolist(), strict=True)))
                profiles[name] = CategoryProfile(categories=found)
        rows = len(next(iter(columns.values())))
        return cls(columns if rows <= MOST_RAW_ROWS else {}, PartitionProfile(rows=rows, columns=profiles))


# --- worlds: what a day is like ------------------------------------------------------------------------------------


def stable(rng: np.random.Generator, rows: int, day: int) -> Columns:
    """Every row is drawn alike: normal, skewed, heavy-tailed and whole numbers, a feature with holes, categories."""
    columns = {f"normal_{at}": rng.normal(size=rows) for at in range(NUMBERS - 4)}
    columns["skewed"] = rng.lognormal(0, 1, rows)
    columns["heavy"] = rng.standard_t(2, rows)
    columns["whole"] = rng.poisson(3, rows).astype(float)
    columns["holes"] = np.where(rng.random(rows) < 0.05, np.nan, rng.normal(size=rows))
    columns["kind"] = rng.choice(5, size=rows, p=[0.4, 0.3, 0.2, 0.08, 0.02])
    columns["label"] = rng.choice(2, size=rows, p=[0.8, 0.2])
    return columns


def restless(rng: np.random.Generator, rows: int, day: int) -> Columns:
    """Days differ by themselves: a level of each day's own that lasts a few days, weekends, a wave over the year."""
    columns = dict(stable(rng, rows, day))
    wave, weekend = np.sin(2 * np.pi * day / YEAR_DAYS), 0.5 * (day % 7 >= 5)
    # The level is a sum over the last days' shocks, the same whoever asks.
    shocks = [np.random.default_rng([day - back + 100, 77]).normal(size=NUMBERS - 4) * 0.7**back for back in range(8)]
    levels = 0.3 * np.sum(shocks, axis=0)
    for at in range(NUMBERS - 4):
        columns[f"normal_{at}"] = columns[f"normal_{at}"] + levels[at] + weekend * (at == 0) + wave * (at < 2)
    return columns


CHANGES: dict[str, Callable[[np.random.Generator, dict[str, np.ndarray], int], None]] = {
    "mean shift, 0.5 sd": lambda rng, c, _: c.update(normal_0=c["normal_0"] + 0.5),
    "scale x 1.5": lambda rng, c, _: c.update(normal_1=c["normal_1"] * 1.5),
    "new category, 10 %": lambda rng, c, _: c.update(kind=np.where(rng.random(len(c["kind"])) < 0.1, 9, c["kind"])),
    "null flood, 20 %": lambda rng, c, _: c.update(
        holes=np.where(rng.random(len(c["holes"])) < 0.2, np.nan, c["holes"])
    ),
    "prior shift, 20 to 35 %": lambda rng, c, _: c.update(
        label=np.where((c["label"] == 0) & (rng.random(len(c["label"])) < 0.1875), 1, c["label"])
    ),
    "gradual, 0.05 sd a day": lambda rng, c, day: c.update(normal_2=c["normal_2"] + 0.05 * day),
}


# --- rules: does a day look drifted? -------------------------------------------------------------------------------


Rule = Callable[[Columns, Day], bool]


def psi_rule(threshold: float) -> Rule:
    """Any column's PSI on the reference's deciles exceeds a number."""

    def fires(reference: Columns, day: Day) -> bool:
        return any(_psi(old, new) > threshold for old, new in _pairs(reference, day))

    return fires


def ks_rule(reference: Columns, day: Day) -> bool:
    """Any column differs at p < 0.05 by Kolmogorov and Smirnov, categories by chi-squared."""
    return any(_p_value(old, new) < 0.05 for old, new in _pairs(reference, day))


def evidently_rule(reference: Columns, day: Day) -> bool:
    """Evidently's default: at least half of all columns; by tests up to 1,000 rows of reference, by distances above."""
    drifted = []
    for old, new in _pairs(reference, day):
        if len(old) <= 1000:
            drifted.append(_p_value(old, new) < 0.05)
        elif old.dtype.kind == "f":
            present, newer = old[~np.isnan(old)], new[~np.isnan(new)]
            drifted.append(stats.wasserstein_distance(newer, present) / max(present.std(), 1e-3) >= 0.1)
        else:
            drifted.append(jensenshannon(*_shares(old, new), base=2) >= 0.1)
    return bool(np.mean(drifted) >= 0.5)


def nannyml_rule(reference: Columns, day: Day) -> bool:
    """NannyML's default: any column's Jensen-Shannon distance exceeds 0.1."""
    return any(jensenshannon(*_binned(old, new), base=2) > 0.1 for old, new in _pairs(reference, day))


RULES: dict[str, Rule] = {
    "PSI > 0.1": psi_rule(0.1),
    "PSI > 0.2": psi_rule(0.2),
    "KS p < 0.05": ks_rule,
    "Evidently's default": evidently_rule,
    "NannyML's default": nannyml_rule,
}


def stacked(days: Sequence[Day]) -> Columns:
    """Return the rows of some days as one table: the reference of the other rules."""
    return {name: np.concatenate([day.columns[name] for day in days]) for name in days[0].columns}


def _pairs(reference: Columns, day: Day) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for name, values in day.columns.items():
        yield reference[name], values


def _shares(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names = np.union1d(old, new)
    counted = [np.searchsorted(names, each) for each in (old, new)]
    found = [np.bincount(each, minlength=len(names)) / max(len(each), 1) for each in counted]
    return found[0], found[1]


def _binned(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares in the reference's deciles, missing values left out, or by category."""
    if old.dtype.kind != "f":
        return _shares(old, new)
    old, new = old[~np.isnan(old)], new[~np.isnan(new)]
    edges = np.unique(np.quantile(old, np.arange(1, 10) / 10))
    found = [np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1) / len(each) for each in (old, new)]
    return found[0], found[1]


def _psi(old: np.ndarray, new: np.ndarray) -> float:
    expected, share = (np.maximum(each, 1e-4) for each in _binned(old, new))
    return float(((share - expected) * np.log(share / expected)).sum())


def _p_value(old: np.ndarray, new: np.ndarray) -> float:
    if old.dtype.kind == "f":
        return float(stats.ks_2samp(new[~np.isnan(new)], old[~np.isnan(old)], method="asymp").pvalue)
    names = np.union1d(old, new)
    table = [np.bincount(np.searchsorted(names, each), minlength=len(names)) for each in (old, new)]
    return float(stats.chi2_contingency(np.array(table)).pvalue)


# --- looking, day by day -------------------------------------------------------------------------------------------


def our_days(past: Sequence[Day], newest: Sequence[Day], window: int) -> list[bool]:
    """Say of each of the newest days whether it drifts; they follow the past after a holdout."""
    keys = [shift_key("2020-01-06", at) for at in range(len(past) + HOLDOUT + len(newest))]
    old, new = keys[: len(past)], keys[len(past) + HOLDOUT :]
    given = PastAndNewest(
        CALENDAR,
        PartitionProfile.sum(day.profile for day in past[-window:]),
        {key: day.profile for key, day in zip(old, past, strict=True)},
        {key: day.profile for key, day in zip(new, newest, strict=True)},
        PastWindows.of(len(past), window, HOLDOUT + len(newest)),
    )
    found = judge_columns(DRIFT, given, dict.fromkeys(new, tuple(past[0].profile.columns)))
    return [bool(JudgedPartition(key, found[key]).drifting) for key in new]


def findings(drifting: Sequence[bool]) -> list[int]:
    """Return the days with a finding: k of n and the newest, at most one in the cooldown."""
    found: list[int] = []
    for at, is_bad in enumerate(drifting):
        enough = sum(drifting[max(0, at - DRIFT.newest_partitions + 1) : at + 1]) >= DRIFT.drifted_partitions
        if is_bad and enough and (not found or at - found[-1] >= DRIFT.cooldown_days):
            found.append(at)
    return found


def watch(days: Sequence[Day], first: int, rule: str, window: int = WINDOW) -> list[int]:
    """Look at each day from the first on, with a new champion now and then; return the days with a finding."""
    drifting: list[bool] = []
    for start in range(first, len(days), REFRESH):
        past, newest = days[: start - HOLDOUT], days[start : start + REFRESH]
        if rule == "Titlebout":
            drifting += our_days(past, newest, window)
        else:
            reference = stacked(past[-window:])
            drifting += [RULES[rule](reference, day) for day in newest]
    return findings(drifting)


@lru_cache(maxsize=8)
def simulate(world: World, rows: int, days: int, seed: int) -> list[Day]:
    """Return days of a world."""
    return [Day.of(world(np.random.default_rng([seed, day]), rows, day)) for day in range(days)]


def false_alarms(world: World, rows: int, *, past: int, days: int, seeds: int) -> dict[str, float]:
    """Return findings a year where nothing drifts; of the other rules, which fire often, over fewer days."""
    found = 0
    for seed in range(seeds):
        found += len(watch(simulate(world, rows, past + days, seed), past, "Titlebout"))
    rates = {"Titlebout": found / (seeds * days) * YEAR_DAYS}
    if rows <= MOST_RAW_ROWS:
        first = past + days - OTHERS_DAYS
        for rule in RULES:
            count = len(watch(simulate(world, rows, past + days, 0), first, rule))
            rates[rule] = count / OTHERS_DAYS * YEAR_DAYS
    return rates


def delays(world: World, rows: int, change: str, *, past: int, days: int, seeds: int) -> dict[str, list[int | None]]:
    """Return after how many days with a change each rule finds it; None: not within the days given."""
    found: dict[str, list[int | None]] = {}
    for seed in range(seeds):
        before, after = simulate(world, rows, past - HOLDOUT, 1000 + seed), []
        for day in range(days):
            rng = np.random.default_rng([seed, day, 5])
            columns = dict(world(rng, rows, past + day))
            CHANGES[change](rng, columns, day + 1)
            after.append(Day.of(columns))
        hits = findings(our_days(before, after, WINDOW))
        found.setdefault("Titlebout", []).append(hits[0] + 1 if hits else None)
        reference = stacked(before[-WINDOW:])
        for name, rule in RULES.items():
            found.setdefault(name, []).append(_first_found(rule, reference, after))
    return found


def _first_found(rule: Rule, reference: Columns, days: Sequence[Day]) -> int | None:
    drifting: list[bool] = []
    for day in days:
        drifting.append(rule(reference, day))
        if hits := findings(drifting):
            return hits[0] + 1
    return None


# --- real days -----------------------------------------------------------------------------------------------------

SHORT_PAST = 150
RESTLESS_AND_YOUNG = "restless days, at first five months of past"
BIKES_WITH_A_YEAR = "2012, 330 days of training and a year behind them"
BIKES_WITH_WEEKS = "2011-04 to 2012-12, 60 days of training and at first nothing behind them"
BIKES_WITH_FEW_WEEKS = "2011-03 to 2012-12, 35 days of training and at first nothing behind them"
BIKE_NUMBERS = ("hr", "temp", "atemp", "hum", "windspeed", "cnt")
BIKE_CATEGORIES = ("season", "holiday", "weekday", "workingday", "weathersit")


def bike_days() -> list[Day] | None:
    """Return two years of bike rentals, day by day; None where the file is not there."""
    path = DATA / "bike_sharing" / "hour.csv"
    if not path.exists():
        return None
    by_day: dict[str, list[dict[str, str]]] = {}
    with path.open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            by_day.setdefault(row["dteday"], []).append(row)
    return [
        Day.of(
            {name: np.array([float(row[name]) for row in rows]) for name in BIKE_NUMBERS}
            | {name: np.array([int(row[name]) for row in rows]) for name in BIKE_CATEGORIES}
        )
        for rows in by_day.values()
    ]


def on_bikes(rules: Sequence[str]) -> dict[str, dict[str, float]] | None:
    """Return findings a year on bike rentals; the first year is history, or hardly any of it is."""
    days = bike_days()
    if days is None:
        return None
    spans = {BIKES_WITH_A_YEAR: (366, 330), BIKES_WITH_WEEKS: (90, WINDOW), BIKES_WITH_FEW_WEEKS: (72, 35)}
    found = {}
    for words, (first, window) in spans.items():
        rates = {"Titlebout": len(watch(days, first, "Titlebout", window)) / (len(days) - first) * YEAR_DAYS}
        for rule in rules[1:]:
            count = len(watch(days, len(days) - OTHERS_DAYS, rule, window))
            rates[rule] = count / OTHERS_DAYS * YEAR_DAYS
        found[words] = rates
    return found


# --- the page ------------------------------------------------------------------------------------------------------


def alarm_table(found: Mapping[str, Mapping[str, float]], rules: Sequence[str]) -> list[str]:
    """Return the lines of a table of findings a year."""
    lines = [f"| findings a year | {' | '.join(rules)} |", f"|---|{'---|' * len(rules)}"]
    lines += [
        f"| {words} | {' | '.join(f'{rates[rule]:.1f}' if rule in rates else '' for rule in rules)} |"
        for words, rates in found.items()
    ]
    return lines


def delay_table(found: Mapping[str, Mapping[int, Mapping[str, Sequence[int | None]]]]) -> list[str]:
    """Return the lines of a table of delays."""
    rules = ("Titlebout", *RULES)
    lines = [f"| days until found (share found) | rows | {' | '.join(rules)} |", f"|---|---|{'---|' * len(rules)}"]
    for change, by_rows in found.items():
        for rows, by_rule in by_rows.items():
            lines.append(f"| {change} | {rows:,} | {' | '.join(_delay_words(by_rule[rule]) for rule in rules)} |")
    return lines


def _delay_words(delayed: Sequence[int | None]) -> str:
    hits = [each for each in delayed if each is not None]
    return f"{np.median(hits):.0f} ({len(hits) / len(delayed):.0%})" if hits else "not found"


def main() -> int:
    """Simulate, print, write the page, and say whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and days; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    rules = ("Titlebout", *RULES)
    kinds: list[tuple[str, World, int, int]] = [("rows drawn alike", stable, 24, 1), ("restless days", restless, 24, 1)]
    if not options.quick:
        kinds += [("rows drawn alike", stable, 1000, 1), ("restless days", restless, 1000, 1)]
        kinds += [(RESTLESS_AND_YOUNG, restless, 1000, 1)]
        kinds += [("rows drawn alike", stable, 100_000, 1), ("restless days", restless, 100_000, 1)]
    alarms = {}
    for words, world, rows, seeds_of_kind in kinds:
        days = YEAR_DAYS if rows <= MOST_RAW_ROWS else 60
        past = SHORT_PAST if words == RESTLESS_AND_YOUNG else 400
        seeds = 1 if options.quick else seeds_of_kind
        alarms[f"{words}, {rows:,} rows"] = false_alarms(world, rows, past=past, days=days, seeds=seeds)
        print(alarms, file=sys.stderr, flush=True)
    bikes = None if options.quick else on_bikes(rules)
    found = {
        f"{change}; {words}": {
            rows: delays(world, rows, change, past=150, days=40, seeds=2)
            for rows in ((24,) if options.quick else DELAY_ROWS)
        }
        for words, world in (("rows alike", stable), ("restless days", restless))
        for change in CHANGES
    }
    # A season that neither model nor ledger has seen is news; it is shown and is not what the goal is about.
    most = max(rates["Titlebout"] for words, rates in alarms.items() if not words.startswith(RESTLESS_AND_YOUNG))
    seasonal = bikes and bikes[BIKES_WITH_A_YEAR]["Titlebout"]
    body = [
        "# How often drift is found, and how soon",
        "",
        f"Written by `python benchmarks/drift_power.py`; {machine()}. A model of ten columns, daily, {WINDOW} days of "
        f"training, {HOLDOUT} of holdout, a new champion every {REFRESH} days. A finding is {DRIFT.drifted_partitions} "
        f"of {DRIFT.newest_partitions} days, the newest among them, and {DRIFT.cooldown_days} days of cooldown, for "
        "every rule alike. The rules of Evidently and NannyML are what their documentation calls the default, written "
        f"down here and applied to the same rows, over {OTHERS_DAYS} days.",
        "",
        "## Where nothing drifts",
        "",
        "Restless days have a level of their own that lasts for days, weekends, and a wave over the year. Each year is "
        "simulated once, 60 days of it with 100,000 rows; 400 days lie behind it where nothing else is said.",
        "",
        *alarm_table({**alarms, **{f"bike rentals, {words}": rates for words, rates in (bikes or {}).items()}}, rules),
        "",
        f"Goal: at most {MOST_A_YEAR:.0f} a year with a year behind it; found at most **{most:.1f}** in simulated years"
        + (
            f", and **{seasonal:.1f}** on bike rentals with a year behind them."
            if bikes
            else "; bike rentals not there."
        ),
        "",
        "## Where something drifts",
        "",
        "In rows that are drawn alike, and in restless days, where a rule that finds drift without any (above) finds "
        "it here, too, and just as soon. 150 days lie behind, 40 days are waited for; two worlds of each kind.",
        "",
        *delay_table(found),
        "",
    ]
    if not options.quick:
        PAGE.write_text("\n".join(body), encoding="utf-8")
    print("\n".join(body))
    sure = ("mean shift, 0.5 sd; rows alike", "null flood, 20 %; rows alike", "new category, 10 %; rows alike")
    detected = all(
        None not in by_rows[1000]["Titlebout"]
        for change, by_rows in found.items()
        if change in sure and 1000 in by_rows
    )
    met = most <= MOST_A_YEAR and (seasonal or 0.0) <= MOST_A_YEAR and detected
    print_json({"most_false_alarms_a_year": most, "bikes": bikes, "certain_changes_found": detected, "goals_met": met})
    return int(options.check and not met)


if __name__ == "__main__":
    raise SystemExit(main())
