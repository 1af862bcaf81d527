"""Drafts an expectation suite: what held on the days that were tried, with slack."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.contract.snapshot_file import SnapshotFile, spread
from titlebout.core.results import PartitionKey, Severity
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.spec import ModelSpec

MAX_EXPECTATIONS = 300
_SET_SIZE = 30
_VALUES = 4_000_000
_NEARLY_ALL = 0.98
_BIG_DAY = 200
_BAD_DAYS = 0.03
_SLACK = 0.5
_FAR = 6.0
_CRITICAL, _WARNING = Severity.CRITICAL, Severity.WARNING


@dataclass(frozen=True)
class Expectation:
    """One line of a suite."""

    type: str
    kwargs: Mapping[str, JsonValue]
    severity: Severity
    notes: str

    def document(self) -> dict[str, JsonValue]:
        """Return it as Great Expectations writes it."""
        return {"type": self.type, "kwargs": dict(self.kwargs), "severity": self.severity.value, "notes": self.notes}

    def demoted(self, reason: str) -> "Expectation":
        """Return it as a mere warning."""
        return replace(self, severity=_WARNING, notes=f"{self.notes}; {reason}")


@dataclass(frozen=True)
class ColumnOfDay:
    """One column on one day: missing values, extremes, some values, and all distinct ones where they are few."""

    nulls: int
    low: float | None
    high: float | None
    some: NDArray[np.float64]
    distinct: frozenset[str | int] | None


@dataclass(frozen=True)
class DayFacts:
    """One day that was tried."""

    partition: PartitionKey
    rows: int
    columns: Mapping[str, ColumnOfDay]
    has_unique_key: bool


def day_facts(partition: PartitionKey, path: Path, spec: ModelSpec, days: int) -> DayFacts:
    """Gather what a suite is made from, one column at a time.

    `days` is how many are tried: memory is shared among them.
    """
    names = _watched(spec)
    kept = max(16, min(2000, _VALUES // max(1, days * len(names))))
    key_names = list(dict.fromkeys(spec.dataset.key_columns))
    file = SnapshotFile(path, [*names, *key_names])
    kinds = spec.dataset.snapshot_columns
    columns = {name: _column_of_day(file.column(name), kinds[name], kept) for name in names}
    key = pa.table({name: file.column(name) for name in key_names})
    is_unique = key.group_by(key_names).aggregate([]).num_rows == key.num_rows
    return DayFacts(partition, file.rows, columns, is_unique)


def draft_suite(spec: ModelSpec, days: Sequence[DayFacts]) -> list[Expectation]:
    """Draft the expectations from the days that were tried, at least one, oldest first."""
    suite = [_row_count(days)]
    if sum(day.has_unique_key for day in days) >= _NEARLY_ALL * len(days):
        suite.append(_unique_key(spec.dataset.key_columns))
    target = spec.dataset.target
    for name in _watched(spec):
        found = [(day, day.columns[name]) for day in days]
        suite += _not_null(name, found, is_target=name == target and not spec.dataset.label_delay_days)
        kind = spec.dataset.snapshot_columns[name]
        if kind is ColumnType.TEXT or name in spec.training.features.categorical:
            suite += _value_set(name, found)
        elif kind in {ColumnType.INTEGER, ColumnType.NUMBER}:
            suite += _range(name, found, is_whole=kind is ColumnType.INTEGER)
    return suite[:MAX_EXPECTATIONS]


def suite_document(name: str, suite: Sequence[Expectation]) -> dict[str, JsonValue]:
    """Return a suite as Great Expectations reads it."""
    return {"name": name, "expectations": [each.document() for each in suite]}


def suite_text(name: str, suite: Sequence[Expectation]) -> str:
    """Write a suite as JSON, one expectation a line."""
    lines = ",\n".join(f"    {json.dumps(each.document(), ensure_ascii=False)}" for each in suite)
    return f'{{\n  "name": {json.dumps(name)},\n  "expectations": [\n{lines}\n  ]\n}}\n'


def _watched(spec: ModelSpec) -> list[str]:
    """Return the columns that a model depends on: the target first, if there are too many the others give way."""
    features = spec.training.features
    return list(dict.fromkeys([spec.dataset.target, *features.numeric, *features.categorical]))[:MAX_EXPECTATIONS]


def _column_of_day(column: pa.ChunkedArray, kind: ColumnType, kept: int) -> ColumnOfDay:
    present = column.drop_null()
    distinct = None
    if kind in {ColumnType.TEXT, ColumnType.INTEGER}:
        values = pc.unique(present)
        distinct = frozenset(values.to_pylist()) if len(values) <= _SET_SIZE else None
    if kind not in {ColumnType.INTEGER, ColumnType.NUMBER} or not len(present):
        return ColumnOfDay(column.null_count, None, None, np.empty(0), distinct)
    numbers = present.cast(pa.float64(), safe=False).to_numpy()
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return ColumnOfDay(column.null_count, None, None, np.empty(0), distinct)
    some = numbers[spread(len(numbers), kept)]
    return ColumnOfDay(column.null_count, float(numbers.min()), float(numbers.max()), some, distinct)


def _row_count(days: Sequence[DayFacts]) -> Expectation:
    counts = np.array([day.rows for day in days])
    low, high = np.quantile(counts, [0.05, 0.95])
    band = {"min_value": max(1, math.floor(low / 2)), "max_value": math.ceil(high * 2)}
    span = f"{counts.min():,} to {counts.max():,}" if np.ptp(counts) else f"{counts.min():,}"
    notes = f"{span} rows on the {len(days)} days tried; half and twice the usual pass"
    return Expectation("expect_table_row_count_to_be_between", dict(band), _CRITICAL, notes)


def _unique_key(key: Sequence[str]) -> Expectation:
    notes = "one row twice would count twice in training"
    if len(key) == 1:
        return Expectation("expect_column_values_to_be_unique", {"column": key[0]}, _CRITICAL, notes)
    return Expectation("expect_compound_columns_to_be_unique", {"column_list": list(key)}, _CRITICAL, notes)


_Found = Sequence[tuple[DayFacts, ColumnOfDay]]


def _not_null(name: str, found: _Found, *, is_target: bool) -> list[Expectation]:
    shares = [column.nulls / day.rows for day, column in found if day.rows]
    # What a few bad days lack is no reason to let all days lack it.
    worst, usual = float(np.quantile(shares, 0.95)), float(np.median(shares))
    kind, notes = (
        "expect_column_values_to_not_be_null",
        f"missing in {usual:.1%} of a day's rows, more than {worst:.1%} on a few days only",
    )
    if is_target:
        mostly = 1.0 if not worst else max(0.0, math.floor((1 - worst * 1.5 - 0.01) * 100) / 100)
        notes = f"the target; {notes}"
    else:
        mostly = max(0.0, math.floor((1 - worst - max(0.05, worst / 2)) * 20) / 20)
    if mostly <= 0.05:
        return []
    rare = worst <= 0.05 or worst <= 3 * usual
    kwargs: dict[str, JsonValue] = {"column": name} | ({} if mostly == 1 else {"mostly": mostly})
    return [Expectation(kind, kwargs, _CRITICAL if rare else _WARNING, notes)]


def _value_set(name: str, found: _Found) -> list[Expectation]:
    """Expect the values that were seen, and be strict only where the newer half of the days brought no other."""
    sets = [column.distinct for _, column in found]
    known: frozenset[Any] = frozenset().union(*(each or () for each in sets))
    if not known or len(known) > _SET_SIZE or any(each is None for each in sets):
        return []
    older: frozenset[Any] = frozenset().union(*(each or () for each in sets[: len(sets) // 2]))
    is_settled = known == older
    words = "no new ones in the newer half of the days" if is_settled else "new ones came up in the newer half"
    kwargs: dict[str, JsonValue] = {"column": name, "value_set": sorted(known), "mostly": 0.95}
    severity = _CRITICAL if is_settled else _WARNING
    return [Expectation("expect_column_values_to_be_in_set", kwargs, severity, f"{len(known)} values, {words}")]


def _range(name: str, found: _Found, *, is_whole: bool) -> list[Expectation]:
    """Expect a range around all values, or around all but the tails where these lie far out."""
    lows = [column.low for _, column in found if column.low is not None]
    highs = [column.high for _, column in found if column.high is not None]
    if not lows or not highs:
        return []
    bad = int(_BAD_DAYS * len(lows))  # days that may hold sentinels such as -999
    low, high = sorted(lows)[bad], sorted(highs)[len(highs) - 1 - bad]
    pooled = np.concatenate([column.some for _, column in found])
    fences = _fences(pooled[(pooled >= low) & (pooled <= high)], low, high)
    has_tails = low < fences[0] or high > fences[1]
    room = 0.0 if has_tails else _SLACK * max(high - low, 1e-9)
    bottom, top = max(low, fences[0]), min(high, fences[1])
    least, most = _rounded(bottom - room, math.floor), _rounded(top + room, math.ceil)
    # What never was negative is a quantity that cannot be.
    least, most = (max(0.0, least) if low >= 0 else least), (min(0.0, most) if high <= 0 else most)
    if is_whole:
        least, most = math.floor(least), math.ceil(most)
    kwargs: dict[str, JsonValue] = {"column": name, "min_value": least, "max_value": most}
    usual_rows = float(np.median([day.rows for day, _ in found]))
    if has_tails or usual_rows >= _BIG_DAY:
        kwargs["mostly"] = 0.99
    notes = f"{low:,.6g} to {high:,.6g} seen"
    if has_tails:
        notes += "; the farthest lie far from nearly all others, so they are noted, not refused"
    kind = "expect_column_values_to_be_between"
    return [Expectation(kind, kwargs, _WARNING if has_tails else _CRITICAL, notes)]


def _fences(values: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """Return bounds that only values far from nearly all others cross: five times as far as 99 % of them lie."""
    first, q01, middle, q99, last = np.quantile(values, [0.001, 0.01, 0.5, 0.99, 0.999]).tolist()
    below = (middle - q01) or (middle - first) or (middle - low)
    above = (q99 - middle) or (last - middle) or (high - middle)
    return middle - _FAR * below, middle + _FAR * above


def _rounded(value: float, direction: Callable[[float], int]) -> float:
    """Round to two digits, outwards."""
    if not value:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{direction(value / unit) * unit:.6g}")
