"""What other rules say of a day: fixed thresholds, tests, and the defaults of two libraries, proven against both.

Evidently and NannyML cost seconds a day, too much for years of days. So their defaults are written down here, and
`proven` asks the libraries themselves, in environments of their own, about a sample of the same days.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats
from scipy.spatial.distance import jensenshannon

from drift import RIVALS, interpreters

Columns = Mapping[str, np.ndarray]
ColumnRule = Callable[[Sequence[np.ndarray]], Callable[[np.ndarray], bool]]
"""Takes a column in each reference day; returns what says of a new day whether it drifts. Floats are measured."""
_FEW_ROWS, _FEW_VALUES = 1000, 5


class Rule(NamedTuple):
    """A rule for each column, and the share of columns from which a day drifts; 0 is any of them."""

    column: ColumnRule
    share: float = 0.0

    def fitted(self, reference: Sequence[Columns]) -> Callable[[Columns], list[str]]:
        """Learn the reference days; return what names the columns of a day that drift."""
        judges = {name: self.column([day[name] for day in reference]) for name in reference[0]}
        return lambda day: [name for name, judge in judges.items() if judge(day[name])]

    def fires(self, drifted: Sequence[str], columns: int) -> bool:
        """Whether a day drifts of which so many columns do."""
        return bool(drifted) and len(drifted) / columns >= self.share


def psi_rule(threshold: float) -> ColumnRule:
    """PSI on the reference's deciles exceeds a number."""

    def fit(days: Sequence[np.ndarray]) -> Callable[[np.ndarray], bool]:
        old = np.concatenate(days)

        def drifts(new: np.ndarray) -> bool:
            expected, share = (np.maximum(each, 1e-4) for each in shares(old, new))
            return float(((share - expected) * np.log(share / expected)).sum()) > threshold

        if old.dtype.kind != "f":
            shares = _shares
            return drifts
        old = _present(old)
        edges = np.unique(np.quantile(old, np.arange(1, 10) / 10))
        of_old = np.bincount(np.searchsorted(edges, old), minlength=len(edges) + 1) / len(old)

        def shares(_: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            new = _present(new)
            return of_old, np.bincount(np.searchsorted(edges, new), minlength=len(edges) + 1) / max(len(new), 1)

        return drifts

    return fit


def significance_rule(days: Sequence[np.ndarray]) -> Callable[[np.ndarray], bool]:
    """Differs at p < 0.05 by Kolmogorov and Smirnov, categories by chi-squared."""
    old = np.concatenate(days)
    if old.dtype.kind == "f":
        present = np.sort(_present(old))
        return lambda new: float(stats.ks_2samp(_present(new), present, method="asymp").pvalue) < 0.05

    def differs(new: np.ndarray) -> bool:
        names = np.union1d(old, new)
        table = [np.bincount(np.searchsorted(names, each), minlength=len(names)) for each in (old, new)]
        return float(stats.chi2_contingency(np.array(table)).pvalue) < 0.05

    return differs


def evidently_rule(days: Sequence[np.ndarray]) -> Callable[[np.ndarray], bool]:
    """Evidently 0.7.23: by tests up to 1,000 rows of reference, by distances of at least 0.1 above."""
    old = _present(np.concatenate(days))
    is_measured, few_rows, deviation = old.dtype.kind == "f", len(old) <= _FEW_ROWS, max(float(np.std(old)), 1e-3)

    def drifts(new: np.ndarray) -> bool:
        new = _present(new)
        values = len(np.union1d(old, new))
        if is_measured and values > _FEW_VALUES:
            if few_rows:
                return bool(stats.ks_2samp(old, new).pvalue <= 0.05)
            return bool(stats.wasserstein_distance(old, new) / deviation >= 0.1)
        expected, found = _shares(old, new)
        if not few_rows:
            return bool(jensenshannon(expected, found) >= 0.1)
        if values > 2:  # more than yes and no
            with np.errstate(divide="ignore", invalid="ignore"):
                return bool(stats.chisquare(found * len(new), expected * len(new)).pvalue < 0.05)
        return values > 1 and _two_shares(expected[0], found[0], len(old), len(new)) < 0.05

    return drifts


def nannyml_rule(days: Sequence[np.ndarray]) -> Callable[[np.ndarray], bool]:
    """NannyML 0.13.1, a chunk a day: Jensen-Shannon beyond three deviations of what reference days have."""
    old = _present(np.concatenate(days))
    is_measured = old.dtype.kind == "f"
    bins = np.histogram_bin_edges(old, bins="doane") if is_measured else np.unique(old)

    def counted(values: np.ndarray) -> np.ndarray:
        if is_measured:
            return np.histogram(values, bins=bins)[0]
        at = np.clip(np.searchsorted(bins, values), 0, len(bins) - 1)
        return np.bincount(at[bins[at] == values], minlength=len(bins))

    expected = counted(old) / len(old)

    def distance(values: np.ndarray) -> float:
        values = _present(values)
        if not len(values):
            return float("nan")
        found = counted(values) / len(values)
        leftover = max(1 - float(found.sum()), 0.0)
        return float(jensenshannon(np.append(expected, 0.0), np.append(found, leftover), base=2))

    usual = np.array([distance(day) for day in days])
    limit = float(np.nanmean(usual) + 3 * np.nanstd(usual))
    return lambda new: distance(new) > limit


RULES: dict[str, Rule] = {
    "PSI > 0.1": Rule(psi_rule(0.1)),
    "PSI > 0.2": Rule(psi_rule(0.2)),
    "KS p < 0.05": Rule(significance_rule),
    "Evidently's default": Rule(evidently_rule, share=0.5),
    "NannyML's default": Rule(nannyml_rule),
}


def _present(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)] if values.dtype.kind == "f" else values


def _shares(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names = np.union1d(old, new)
    counted = [np.searchsorted(names, each) for each in (old, new)]
    found = [np.bincount(each, minlength=len(names)) / max(len(each), 1) for each in counted]
    return found[0], found[1]


def _two_shares(first: float, second: float, rows: int, newer: int) -> float:
    both = (first * rows + second * newer) / (rows + newer)
    z = (first - second) / np.sqrt(both * (1 - both) * (1 / rows + 1 / newer))
    return float(2 * stats.norm.sf(abs(z)))


# --- the libraries themselves --------------------------------------------------------------------------------------


class Stream(NamedTuple):
    """Reference days, and days to be judged by them."""

    reference: Sequence[Columns]
    newest: Sequence[Columns]


def proven(streams: Sequence[Stream]) -> list[str]:
    """Ask both libraries about the same days; return a sentence for each on how often it says what its rule says."""
    pythons, left_out = interpreters()
    sentences = [f"{name} was left out: {reason}." for name, reason in left_out.items()]
    with tempfile.TemporaryDirectory() as folder:
        for number, stream in enumerate(streams):
            for kind, days in stream._asdict().items():
                pq.write_table(_table(days), Path(folder, f"{kind}-{number:03}.parquet"))
        for name, python in pythons.items():
            script = Path(__file__).with_name("drift_rivals") / f"{name}_days.py"
            done = subprocess.run([python, str(script), folder], check=True, capture_output=True, text=True)
            asked = json.loads(done.stdout.splitlines()[-1])
            sentences.append(_compared(name, streams, asked))
    return sentences


def _table(days: Sequence[Columns]) -> pa.Table:
    columns = {name: np.concatenate([day[name] for day in days]) for name in days[0]}
    rows = [len(next(iter(day.values()))) for day in days]
    return pa.table({"day": np.repeat(np.arange(len(days)), rows), **columns})


def _compared(name: str, streams: Sequence[Stream], asked: Sequence[Sequence[int]]) -> str:
    rule = next(each for words, each in RULES.items() if words.lower().startswith(name))
    package, equal, days, counted = RIVALS[name][0].replace("==", " "), 0, 0, 0
    for stream, said in zip(streams, asked, strict=True):
        judge = rule.fitted(stream.reference)
        for day, drifted in zip(stream.newest, said, strict=True):
            ours = len(judge(day))
            days, counted = days + 1, counted + (ours == drifted)
            equal += rule.fires(["?"] * ours, len(day)) == rule.fires(["?"] * drifted, len(day))
    return f"{package}: the same decision on {equal} of {days} days, and as many drifted columns on {counted} of them."
