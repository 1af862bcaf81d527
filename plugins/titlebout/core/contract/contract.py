"""What a model's spec asks of every partition, whatever the suite says, and what the checks of it found."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import JsonValue

from titlebout.core.cadences import Cadence
from titlebout.core.partitions import Calendar
from titlebout.core.plain_json import plain
from titlebout.core.results import ExpectationFailure, Result, Severity
from titlebout.core.specs.class_list import ClassName
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.spec_section import ColumnName
from titlebout.core.specs.training_spec import NOT_NEGATIVE, Objective
from titlebout.core.specs.validation_spec import CheckSeverity, ChecksSection
from titlebout.core.suites.decoded_column import NotCompilableError
from titlebout.core.suites.judgements import MAX_EXAMPLES

CHECKS_VERSION = 2
"""Raised when checks or statistics change their meaning: snapshots are then judged anew."""

# They compare with earlier days; all others look at the partition alone.
HISTORY_CHECKS = frozenset(
    {"row_count", "frozen_column", "null_share", "new_category", "unseen_share", "target_varies"}
)


@dataclass(frozen=True)
class Contract:
    """The part of a spec that checks read.

    Attributes:
        columns: What a snapshot holds.
        key_columns: Together they name a row.
        time_column: When a row happened.
        timezone: In which a day begins and ends.
        target: What the model predicts.
        is_binary: Whether it is yes or no.
        labels_come_late: Whether the target may still be missing when a day is judged.
        numeric: Features read as numbers.
        categorical: Features read as categories.
        watched: Columns that may not freeze or run dry: what a model learns from.
        checks: Severities and limits.
        cadence: How long the interval of a partition is.
        classes: Every value that the target may have; empty: it is a number, or yes or no.
        is_not_negative: Whether the objective learns no labels below 0.
    """

    columns: Mapping[ColumnName, ColumnType]
    key_columns: tuple[ColumnName, ...]
    time_column: ColumnName
    timezone: str
    target: ColumnName
    is_binary: bool
    labels_come_late: bool
    numeric: tuple[ColumnName, ...]
    categorical: tuple[ColumnName, ...]
    watched: tuple[ColumnName, ...]
    checks: ChecksSection
    cadence: Cadence = Cadence.DAILY
    classes: tuple[ClassName, ...] = ()
    is_not_negative: bool = False

    @property
    def calendar(self) -> Calendar:
        """The partitions of the model."""
        return Calendar(self.cadence, self.timezone)

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """Read it from a spec. Excluded columns, and those that no model reads, are in none of the lists."""
        dataset, features = spec.dataset, spec.training.features
        labels_come_late = dataset.label_delay_days > 0
        labels = () if labels_come_late else (dataset.target,)
        return cls(
            columns=dataset.snapshot_columns,
            key_columns=dataset.key_columns,
            time_column=dataset.time_column,
            timezone=spec.schedule.timezone,
            target=dataset.target,
            is_binary=spec.training.objective is Objective.BINARY,
            labels_come_late=labels_come_late,
            numeric=features.numbers,
            categorical=features.categorical,
            watched=tuple(dict.fromkeys([*features.numbers, *features.categorical, *labels])),
            checks=spec.validation.checks,
            cadence=dataset.cadence,
            classes=spec.training.classes,
            is_not_negative=spec.training.objective in NOT_NEGATIVE,
        )

    def bytes_sha256(self, suite_sha256: str) -> str:
        """Name the rules that judge a snapshot by itself: suite, declarations, and checks without history."""
        checks = self.checks.model_dump(mode="json", exclude={*HISTORY_CHECKS, "min_history_days"})
        return self._sha256(suite_sha256, checks)

    def sha256(self, suite_sha256: str) -> str:
        """Name all rules that judge a snapshot."""
        return self._sha256(suite_sha256, self.checks.model_dump(mode="json"))

    def _sha256(self, suite_sha256: str, checks: Mapping[str, JsonValue]) -> str:
        told = {"columns", "checks"} | ({"cadence"} if self.cadence is Cadence.DAILY else set())
        # What was judged before there were any of these stays judged.
        told |= {name for name in ("classes", "is_not_negative") if not getattr(self, name)}
        fields = {name: value for name, value in vars(self).items() if name not in told}
        # Not the order of columns: a spec that lists them otherwise says the same.
        document = {**fields, "columns": dict(self.columns), "checks": checks, "suite": suite_sha256}
        return hashlib.sha256(canonical({**document, "version": CHECKS_VERSION})).hexdigest()


class CheckOutcome(StrEnum):
    """How a check ended."""

    HELD = "held"
    FAILED = "failed"
    NOT_EVALUATED = "not_evaluated"
    OFF = "off"


class CheckResult(Result):
    """One contract check on one snapshot: an entry for each, also for those that found nothing."""

    check: str
    severity: CheckSeverity
    outcome: CheckOutcome
    note: str = ""
    failures: tuple[ExpectationFailure, ...] = ()


@dataclass(frozen=True)
class Violation:
    """What a check found in one place, without the words that are the same for every violation.

    Attributes:
        observed: What was found.
        expected: What was wanted, by name.
        column: Where.
        rows: Rows at fault, where they can be counted.
        examples: Rows at fault by their key.
    """

    observed: JsonValue
    expected: dict[str, JsonValue]
    column: str | None = None
    rows: int | None = None
    examples: Sequence[JsonValue] = ()


class NotEvaluatedError(Exception):
    """A check has nothing to judge by; the message says what it lacks. It leaves no check."""


def run_check(name: str, severity: CheckSeverity, check: Callable[[], Sequence[Violation]]) -> CheckResult:
    """Run a check, unless it is switched off, and put what it found into the words of a report."""
    if severity is CheckSeverity.OFF:
        return CheckResult(check=name, severity=severity, outcome=CheckOutcome.OFF)
    try:
        failures = tuple(_failure(name, severity, violation) for violation in check())
    except NotEvaluatedError as reason:
        return CheckResult(check=name, severity=severity, outcome=CheckOutcome.NOT_EVALUATED, note=str(reason))
    except NotCompilableError as reason:  # a column that cannot be read as what it should be proves nothing good
        failures = (_failure(name, severity, Violation(str(reason), {"columns": "that can be read"})),)
    outcome = CheckOutcome.FAILED if failures else CheckOutcome.HELD
    return CheckResult(check=name, severity=severity, outcome=outcome, failures=failures)


def canonical(document: object) -> bytes:
    """Write JSON so that equal documents have equal bytes."""
    # Without indentation, which would cost twenty times as long: pages show it to people.
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _failure(name: str, severity: CheckSeverity, violation: Violation) -> ExpectationFailure:
    return ExpectationFailure(
        expectation=f"contract_{name}",
        column=violation.column,
        severity=Severity(severity.value),
        observed=violation.observed,
        expected=violation.expected,
        unexpected_rows=violation.rows,
        examples=tuple(plain(example) for example in violation.examples[:MAX_EXAMPLES]),
    )
