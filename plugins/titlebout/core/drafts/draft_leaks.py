"""Finds target leaks: copies and parts of the target, and columns that predict it too well alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from titlebout.core.contract.leak_guard import (
    Codes,
    CopyFinder,
    Numbers,
    bins_of_names,
    bins_of_numbers,
    class_power,
    predictive_power,
)
from titlebout.core.contract.snapshot_file import spread
from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.drafts.draft_roles import words_of
from titlebout.core.specs.training_spec import CLASSIFYING, Objective

_ROWS = 20_000
_ADDENDS = 60
"""Columns among which pairs and sums are looked for."""
_SAME = 0.99
_FOLDS = 5
# A contract check refuses 0.98; a person should look well before that.
_TOO_GOOD = {False: 0.8, True: 0.95}
_TOO_GOOD_GROUPS = 0.95
_FEW_GROUPS = 30
_GOOD = {False: 0.7, True: 0.8}
_MEASURES = {Objective.BINARY: "AUC", Objective.MULTICLASS: "mean AUC of the classes"}
_AFTERWARDS = frozenset(
    {
        "closed", "completed", "delivered", "dropoff", "duration", "elapsed", "end", "ended", "fare", "finished",
        "paid", "payment", "refund", "resolved", "result", "tip", "toll", "tolls", "total",
    }
)  # fmt: skip


@dataclass
class Leaks:
    """What was found.

    Attributes:
        measure: What powers are measured by.
        excluded: Column to the reason why it must not be a feature.
        powers: Column to how well it predicts the target alone.
    """

    measure: str
    excluded: dict[str, str] = field(default_factory=dict)
    powers: dict[str, float] = field(default_factory=dict)


def find_leaks(
    columns: SampledColumns,
    target: str,
    candidates: Sequence[str],
    groups: Codes,
    objective: Objective,
) -> Leaks:
    """Look for leaks among columns.

    `groups` holds the day of each row: int, shape (n_rows,).
    """
    rows = spread(columns.rows, _ROWS)
    wanted, days = _target(columns, target, objective)[rows], _folds(groups[rows])
    numeric = [name for name in candidates if name in columns.numeric]
    leaks, finder = Leaks(_MEASURES.get(objective, "R² of ranks")), CopyFinder(wanted)
    for name in numeric:
        copy = finder.find(columns.numbers(name)[rows])
        if copy is not None:
            leaks.excluded[name] = f"the target under another name: {copy}"
    addends = {name: columns.numbers(name)[rows] for name in numeric[:_ADDENDS] if name not in leaks.excluded}
    for name, reason in _parts(addends, wanted, target).items():
        leaks.excluded.setdefault(name, reason)
    _find_powers(leaks, columns, target, candidates, _Rows(rows, wanted, days, objective))
    for name in candidates:
        telling = _AFTERWARDS & set(words_of(name))
        if telling:
            reason = f"{min(telling)!r} in its name sounds like known only afterwards; if it is known before, use it"
            leaks.excluded.setdefault(name, reason)
    return leaks


@dataclass(frozen=True)
class _Rows:
    """The rows that are looked at, their targets and days."""

    rows: Codes
    target: Numbers
    days: Codes
    objective: Objective

    def power(self, bins: Codes) -> float | None:
        """Return how well a column predicts the target alone."""
        if self.objective is Objective.MULTICLASS:
            return class_power(bins, self.target, self.days)
        return predictive_power(bins, self.target, self.days, is_binary=self.objective is Objective.BINARY)


def _target(columns: SampledColumns, target: str, objective: Objective) -> Numbers:
    if objective is not Objective.MULTICLASS:
        return columns.numbers(target)
    codes = columns.codes(target)
    return np.where(codes < 0, np.nan, codes)


def _find_powers(
    leaks: Leaks, columns: SampledColumns, target: str, candidates: Sequence[str], looked_at: _Rows
) -> None:
    """Measure how well each column predicts the target alone."""
    by_area = looked_at.objective in CLASSIFYING
    for name in candidates:
        if name in columns.numeric:
            bins = bins_of_numbers(columns.numbers(name)[looked_at.rows])
        else:
            bins = bins_of_names(columns.codes(name)[looked_at.rows].tolist())
        power = looked_at.power(bins)
        if power is None:
            continue
        leaks.powers[name] = power
        # A few groups may well differ in level; to give a quantity away takes many values.
        few = not by_area and columns.distinct(name) <= _FEW_GROUPS
        if power > (_TOO_GOOD_GROUPS if few else _TOO_GOOD[by_area]):
            said = f"{leaks.measure} {power:.2f}"
            reason = f"suspected leak: alone it predicts {target} with {said}; is it known beforehand?"
            leaks.excluded.setdefault(name, reason)


def good_predictors(leaks: Leaks, objective: Objective) -> list[str]:
    """Return columns that predict well enough alone to be worth a look, and that are not excluded."""
    limit = _GOOD[objective in CLASSIFYING]
    return [name for name, power in leaks.powers.items() if power > limit and name not in leaks.excluded]


def _folds(groups: Codes) -> Codes:
    """Few days cannot be left out in turn: then runs of rows are."""
    if len(np.unique(groups)) >= _FOLDS:
        return groups
    return np.arange(len(groups)) * _FOLDS // max(1, len(groups))


def _parts(addends: dict[str, Numbers], target: Numbers, of: str) -> dict[str, str]:
    """Find columns that add up to the target: two of them, or some whose signed sum it is."""
    if len(np.unique(target[~np.isnan(target)])) < _FOLDS:
        return {}
    for first, second in combinations(addends, 2):
        for sign, word in ((1, "+"), (-1, "-")):
            if _is_target(addends[first] + sign * addends[second], target) and _both_vary(addends, first, second):
                return {name: f"a part of the target: {first} {word} {second} = {of}" for name in (first, second)}
    names = list(addends)
    matrix = np.column_stack([addends[name] for name in names]) if names else np.empty((len(target), 0))
    known = ~(np.isnan(matrix).any(axis=1) | np.isnan(target))
    if known.sum() < 10 * len(names) or not names:
        return {}
    factors = np.round(np.linalg.lstsq(matrix[known], target[known], rcond=None)[0])
    used = [name for name, factor in zip(names, factors, strict=True) if factor and np.ptp(addends[name][known]) > 0]
    if len(used) < 2 or not _is_target(matrix[known] @ factors, target[known]):
        return {}
    return {name: f"a part of the target: {' and '.join(used[:6])} add up to {of}" for name in used}


def _is_target(values: Numbers, target: Numbers) -> bool:
    known = ~(np.isnan(values) | np.isnan(target))
    if known.sum() < max(20, 0.5 * len(target)):
        return False
    close = np.abs(values[known] - target[known]) <= 1e-6 * (1 + np.abs(target[known]))
    return bool(close.mean() >= _SAME)


def _both_vary(addends: dict[str, Numbers], *names: str) -> bool:
    """The target plus a column of zeros is a copy, not a sum."""
    return all(np.nanstd(addends[name]) > 0 for name in names)
