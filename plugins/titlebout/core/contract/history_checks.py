"""Contract checks that compare a partition with the good days before it.

All of them are robust: days that were odd themselves and passed the suite may be among those before, so that
medians count and not extremes. What a person has released counts as usual at once.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median

from pydantic import JsonValue

from titlebout.core.contract.category_check import CategoryHistory
from titlebout.core.contract.contract import CheckResult, Contract, NotEvaluatedError, Violation, run_check
from titlebout.core.contract.leak_checks import leaks_of_tomorrow, leaks_over_days
from titlebout.core.contract.partition_statistics import ColumnStatistics, PartitionStatistics
from titlebout.core.contract.usual_rows import RowBand, robust_spread
from titlebout.core.partitions import shift_key
from titlebout.core.results import PartitionKey
from titlebout.core.windows import HISTORIES

VARYING_ROWS = 20
"""A target that is the same in fewer rows may be so by chance."""
IMPROBABLE = 1e-6
"""A class that is missing by chance once in a million days."""
_CONSTANT_SHARE = 0.05  # one day in 28
_NULL_SPREADS = 6.0
_NULL_SAMPLING_ERRORS = 4.0


@dataclass(frozen=True)
class GoodDay:
    """A day before the partition that passed the suite and the checks of itself, or that a person released."""

    partition: PartitionKey
    statistics: PartitionStatistics
    is_released: bool = False


@dataclass(frozen=True)
class HistoryChecks:
    """The checks of one partition against the good days before it, oldest first."""

    contract: Contract
    partition: PartitionKey
    statistics: PartitionStatistics
    days: Sequence[GoodDay]

    def results(self) -> tuple[CheckResult, ...]:
        """Run every check that is not switched off; with too few good days they judge nothing and say so."""
        checks = self.contract.checks
        return (
            run_check("target_varies", checks.target_varies.severity, self._target_varies),
            run_check("leak_over_days", checks.leak.severity, self._with_history(self._leak)),
            run_check("row_count", checks.row_count.severity, self._with_history(self._row_count)),
            run_check("frozen_column", checks.frozen_column.severity, self._with_history(self._frozen_columns)),
            run_check("null_share", checks.null_share.severity, self._with_history(self._null_shares)),
            run_check("new_category", checks.new_category.severity, self._with_history(self._new_categories)),
            run_check("unseen_share", checks.unseen_share.severity, self._with_history(self._unseen_shares)),
        )

    def usual(self) -> dict[str, JsonValue]:
        """Return the figures that the partition was compared with, for the report."""
        if len(self.days) < self.contract.checks.min_history_days:
            return {}
        band = self._band()
        columns: dict[str, JsonValue] = {
            name: {
                "null_share": round(median(_null_shares(days)), 6),
                "distinct": median(each.distinct or 0 for _, each in days),
            }
            for name, _, days in self._watched()
        }
        return {"rows": band.document(), "columns": columns}

    def _with_history(self, check: Callable[[], Sequence[Violation]]) -> Callable[[], Sequence[Violation]]:
        def judge() -> Sequence[Violation]:
            needed = self.contract.checks.min_history_days
            history = HISTORIES[self.contract.cadence]
            if not history.length:
                message = f"{history.words} are not compared with those before them"
                raise NotEvaluatedError(message)
            if len(self.days) < needed:
                found = f"{len(self.days)} good {history.words} of the {history.length} before"
                message = f"not enough history: {found}, {needed} needed"
                raise NotEvaluatedError(message)
            return check()

        return judge

    def _row_count(self) -> list[Violation]:
        rows = self.statistics.rows
        band = self._band()
        if band.holds(rows):
            return []
        return [Violation(rows, {"min": band.low, "max": band.high, "usual": band.usual}, None, None)]

    def _band(self) -> RowBand:
        counts = [(day.partition, day.statistics.rows) for day in self.days]
        released = [day.statistics.rows for day in self.days if day.is_released]
        return RowBand.of(self.partition, counts, released, self.contract.checks.row_count)

    def _frozen_columns(self) -> list[Violation]:
        """Find columns that had several values on nearly every good day, and now have one or none."""
        least = self.contract.checks.frozen_column.usual_values
        violations = []
        for name, found, days in self._watched():
            present = self.statistics.rows - found.nulls
            stands_still = found.is_constant and present >= least
            if not (stands_still or (present == 0 and self.statistics.rows >= least)):
                continue
            if any(day.is_released and _is_still(each) for day, each in days):
                continue
            still = [_is_still(each) for _, each in days]
            while still and still[-1]:  # it stands still since yesterday: that makes it no more usual
                still.pop()
            distinct = median(each.distinct or 0 for _, each in days)
            if len(still) < self.contract.checks.min_history_days or distinct < least:
                continue
            if sum(still) <= _CONSTANT_SHARE * len(days):
                observed = f"only {found.low}" if present else "no value at all"
                violations.append(Violation(observed, {"usual distinct values": distinct}, name, present or None))
        return violations

    def _null_shares(self) -> list[Violation]:
        tolerance, rows = self.contract.checks.null_share.tolerance, max(1, self.statistics.rows)
        violations = []
        for name, found, days in self._watched():
            share, shares = found.nulls / rows, _null_shares(days)
            usual = median(shares)
            sampling_error = math.sqrt(usual * (1 - usual) / rows)
            room = max(tolerance, _NULL_SPREADS * robust_spread(shares), _NULL_SAMPLING_ERRORS * sampling_error)
            released = [share for share, (day, _) in zip(shares, days, strict=True) if day.is_released]
            limit = max([usual + room, *(each + tolerance for each in released)])
            if share > limit:
                wanted: dict[str, JsonValue] = {"max": round(limit, 4), "usual": round(usual, 4)}
                violations.append(Violation(round(share, 4), wanted, name, found.nulls))
        return violations

    def _new_categories(self) -> list[Violation]:
        return [each for _, history in self._categories() for each in history.new()]

    def _unseen_shares(self) -> list[Violation]:
        limit = self.contract.checks.unseen_share.limit
        return [each for _, history in self._categories() for each in history.too_many(limit)]

    def _leak(self) -> list[Violation]:
        days = [*((day.partition, day.statistics) for day in self.days), (self.partition, self.statistics)]
        step = HISTORIES[self.contract.cadence].step
        pairs = [(one, next_one) for (key, one), (after, next_one) in pairwise(days) if shift_key(key, step) == after]
        return [
            *leaks_over_days(self.contract, [statistics for _, statistics in days]),
            *leaks_of_tomorrow(self.contract, pairs[::-1]),
        ]

    def _target_varies(self) -> list[Violation]:
        """A number that is the same in every row, or a class that is missing where it cannot be by chance."""
        target, statistics = self.contract.target, self.statistics
        found = statistics.columns.get(target)
        labels = statistics.rows - found.nulls if found else 0
        if found is None or not found.is_constant or labels < VARYING_ROWS:
            return []
        if self.contract.is_binary or self.contract.classes:
            missing = self._missing_classes if self.contract.classes else self._missing_class
            judge = self._with_history(partial(missing, found, labels))
            return list(judge())
        return [Violation(found.low, {"labels": "of more than one value"}, target, labels)]

    def _missing_class(self, found: ColumnStatistics, labels: int) -> list[Violation]:
        means = [day.statistics.columns[self.contract.target].mean for day in self.days if self._knows_target(day)]
        rate = median([mean for mean in means if mean is not None] or [0.5])
        rate_of_class = rate if found.low else 1 - rate
        if rate_of_class**labels > IMPROBABLE:
            return []
        wanted: dict[str, JsonValue] = {"usual share of ones": round(rate, 4)}
        return [Violation(found.low, wanted, self.contract.target, labels)]

    def _missing_classes(self, found: ColumnStatistics, labels: int) -> list[Violation]:
        """Of several classes there is only one: how often has it been the class of a row on other days?"""
        (name, _), *_ = (found.categories or {"": 0}).items()
        known = [day.statistics.columns[self.contract.target] for day in self.days if self._knows_target(day)]
        counted = [each.categories for each in known if each.categories]
        share = median([each.get(name, 0) / sum(each.values()) for each in counted] or [0.5])
        if share**labels > IMPROBABLE:
            return []
        wanted: dict[str, JsonValue] = {"usual share of this class": round(share, 4)}
        return [Violation(name, wanted, self.contract.target, labels)]

    def _knows_target(self, day: GoodDay) -> bool:
        return self.contract.target in day.statistics.columns

    def _watched(self) -> Iterator[tuple[str, ColumnStatistics, list[tuple[GoodDay, ColumnStatistics]]]]:
        """Yield columns that the partition and enough good days have: name, today's figures, earlier ones."""
        for name in self.contract.watched:
            found = self.statistics.columns.get(name)
            days = [(day, day.statistics.columns[name]) for day in self.days if name in day.statistics.columns]
            if found is not None and len(days) >= self.contract.checks.min_history_days:
                yield name, found, days

    def _categories(self) -> Iterator[tuple[str, CategoryHistory]]:
        for name, found, days in self._watched():
            if name not in self.contract.categorical:
                continue
            known: list[Mapping[str, int]] = [each.categories for _, each in days if each.categories is not None]
            released = [each.categories or {} for day, each in days if day.is_released]
            # More than 500 categories on a day are no set to learn by heart.
            if found.categories is not None and len(known) == len(days):
                yield name, CategoryHistory.of(name, found.categories, known, released)


def _is_still(column: ColumnStatistics) -> bool:
    return column.is_constant or column.low is None


def _null_shares(days: Sequence[tuple[GoodDay, ColumnStatistics]]) -> list[float]:
    return [each.nulls / max(1, day.statistics.rows) for day, each in days]
