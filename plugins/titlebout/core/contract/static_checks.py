"""Contract checks that need nothing but the snapshot itself and the spec."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydantic import JsonValue

from titlebout.core.class_codes import foreign_values
from titlebout.core.contract.contract import CheckResult, Contract, NotEvaluatedError, Violation, run_check
from titlebout.core.contract.day_check import rows_of_other_days, stored_day
from titlebout.core.contract.leak_checks import leaks_in_rows
from titlebout.core.contract.partition_statistics import PartitionStatistics
from titlebout.core.contract.snapshot_file import SnapshotFile
from titlebout.core.field_values import LARGEST_NUMBER
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import NUMBERS
from titlebout.core.suites.decoded_column import DecodedColumn, NotCompilableError
from titlebout.core.suites.joint_expectations import repeated_rows
from titlebout.core.suites.judgements import MAX_EXAMPLES

_SHOWN_COLUMNS = 20
_KEYS_LOOKED_AT = 10_000


@dataclass(frozen=True)
class StaticChecks:
    """The checks of one snapshot."""

    contract: Contract
    partition: PartitionKey
    file: SnapshotFile
    statistics: PartitionStatistics

    def results(self) -> tuple[CheckResult, ...]:
        """Run every check that is not switched off.

        Raises:
            PartitionUnreadableError: A column's bytes cannot be decoded.
        """
        checks = self.contract.checks
        return (
            run_check("columns", checks.columns.severity, self._columns),
            run_check("unique_key", checks.unique_key.severity, self._unique_key),
            run_check("partition_day", checks.partition_day.severity, self._partition_day),
            run_check("target", checks.target.severity, self._target),
            run_check("leak", checks.leak.severity, self._leak),
        )

    def _columns(self) -> list[Violation]:
        """Compare the file with what the spec declares today: it may have been changed since the ingest."""
        declared = {name: ARROW_TYPES[kind] for name, kind in self.contract.columns.items()}
        found = self.file.schema.names
        types = self.file.types
        problems = {
            "missing": [name for name in declared if name not in found],
            "not declared": [name for name in types if name not in declared],
            "there twice": sorted({name for name in found if name not in types}),
            "of another type": [
                f"{name} ({types[name]} instead of {wanted})"
                for name, wanted in declared.items()
                if types.get(name, wanted) != wanted
            ],
            "infinite or beyond 3.4e38": self._unlearnable(),
        }
        observed: dict[str, JsonValue] = {
            what: list(names[:_SHOWN_COLUMNS]) for what, names in problems.items() if names
        }
        return [Violation(observed, {"columns": "as the spec declares them"})] if observed else []

    def _unlearnable(self) -> list[str]:
        """Name the numbers that are too large to be trained on: one of them would stop every night that reads it."""
        numbers = {name for name in (*self.contract.numeric, self.contract.target) if name in self.statistics.columns}
        return sorted(
            name
            for name in numbers
            for limit in (self.statistics.columns[name].low, self.statistics.columns[name].high)
            if self.contract.columns[name] in NUMBERS and limit is not None and not _is_learnable(limit)
        )

    def _unique_key(self) -> list[Violation]:
        columns = [self._decoded(name) for name in self.contract.key_columns]
        repeated = repeated_rows(columns)
        if repeated is None:
            return []
        rows = np.flatnonzero(repeated)
        counts: dict[tuple[JsonValue, ...], int] = {}
        for row in rows[:_KEYS_LOOKED_AT].tolist():
            key = tuple(column.shown(row) for column in columns)
            counts[key] = counts.get(key, 0) + 1
        examples: list[JsonValue] = [
            {**dict(zip(self.contract.key_columns, key, strict=True)), "rows": count} for key, count in counts.items()
        ]
        wanted: dict[str, JsonValue] = {"one row for each": list(self.contract.key_columns)}
        return [Violation(f"{len(rows)} rows share a key", wanted, None, len(rows), examples[:MAX_EXAMPLES])]

    def _partition_day(self) -> list[Violation]:
        name = self.contract.time_column
        start, end = stored_day(self.contract, self.partition)
        if name in self._present and self.file.extent(name).lies_within(start, end):
            return []
        column = self._decoded(name)
        keys = [self._decoded(name) for name in self.contract.key_columns if name in self._present]
        return rows_of_other_days(self.contract, self.partition, column, keys)

    def _target(self) -> list[Violation]:
        """A partition without a label teaches nothing, and a label that is none teaches nonsense."""
        contract, target = self.contract, self.contract.target
        if target not in self.statistics.columns:
            raise NotCompilableError(_ABSENT.format(target))
        found = self.statistics.columns[target]
        if found.nulls == self.statistics.rows:
            if contract.labels_come_late:
                message = "labels come later than the day is judged"
                raise NotEvaluatedError(message)
            return [Violation("no label in any row", {"labels": "in some row at least"}, target, found.nulls)]
        if contract.is_binary and not {found.low, found.high} <= {0, 1}:
            return [Violation([found.low, found.high], {"min": 0, "max": 1}, target)]
        if contract.is_not_negative and isinstance(found.low, int | float) and found.low < 0:
            return [Violation(found.low, {"min": 0}, target)]
        return self._foreign_classes() if contract.classes else []

    def _foreign_classes(self) -> list[Violation]:
        """A class that no model of this spec can predict: a mistake at the source, or a list that is out of date."""
        target, classes = self.contract.target, self.contract.classes
        foreign = foreign_values(self.file.column(target), classes)
        if not foreign:
            return []
        found = foreign.most_common(MAX_EXAMPLES)
        observed: list[JsonValue] = [value for value, _ in found]
        examples: list[JsonValue] = [{target: value, "rows": rows} for value, rows in found]
        return [Violation(observed, {"training.classes": [*classes]}, target, foreign.total(), examples)]

    def _leak(self) -> list[Violation]:
        return leaks_in_rows(self.contract, self.file, self._present)

    @cached_property
    def _present(self) -> frozenset[str]:
        """The columns that the file holds in their declared type."""
        columns = self.contract.columns.items()
        return frozenset(name for name, kind in columns if self.file.types.get(name) == ARROW_TYPES[kind])

    def _decoded(self, name: str) -> DecodedColumn:
        if name not in self._present:
            raise NotCompilableError(_ABSENT.format(name))
        return DecodedColumn(name, self.file.column(name))


def _is_learnable(limit: JsonValue) -> bool:
    return isinstance(limit, int | float) and abs(limit) <= LARGEST_NUMBER


_ABSENT = "the snapshot has no column {} of the declared type"
