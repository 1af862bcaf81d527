"""Evaluates expectation suites in one pass over a Parquet file's columns, without Great Expectations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from titlebout.core.errors import PartitionUnreadableError, SpecError, bounded
from titlebout.core.plain_json import MAX_TEXT_CHARACTERS
from titlebout.core.ports import SuiteResult
from titlebout.core.results import ExpectationFailure
from titlebout.core.suites.decoded_column import NotCompilableError
from titlebout.core.suites.expectations import Finding
from titlebout.core.suites.judgements import Judgement, columns_to_show, suite_result
from titlebout.core.suites.one_pass import evaluate, examples
from titlebout.core.suites.parquet_columns import ParquetColumns
from titlebout.core.suites.suite_checks import Check, read_check

if TYPE_CHECKING:
    from titlebout.core.ports import PartitionValidator

ENGINE = "titlebout, one pass"


@dataclass(frozen=True)
class _Entry:
    """One expectation in the result: its failure, if it failed, and its document."""

    failure: ExpectationFailure | None
    document: JsonValue


class CompiledValidator:
    """Evaluate what is understood exactly, and leave the rest to another validator.

    Verdicts, observed values, counts and examples are those of Great Expectations on pandas; neither is
    imported unless something is left to it. What was, and why, stands under `fell_back` in the details.
    """

    def __init__(self, fallback: "PartitionValidator") -> None:
        """Make a validator.

        Args:
            fallback: The reference engine; it must import its libraries no sooner than it is asked.
        """
        self._fallback = fallback

    def validate(self, data: Path, suite: Mapping[str, JsonValue], *, key_columns: Sequence[str]) -> SuiteResult:
        """Evaluate every expectation of the suite on one Parquet file.

        Raises:
            SpecError: The suite is empty, or names an expectation type or an argument that does not exist.
            PartitionUnreadableError: The file is no Parquet file.
        """
        documents = suite.get("expectations")
        if not isinstance(documents, list):
            return self._fallback.validate(data, suite, key_columns=key_columns)
        checks, left = _read_checks(documents)
        if not checks:
            result = self._fallback.validate(data, suite, key_columns=key_columns)
            return SuiteResult(
                result.evaluated, result.failures, {**result.details, "fell_back": _reasons(documents, left)}
            )
        try:
            judgements = _judge(ParquetColumns(data), checks, key_columns, left)
        except PartitionUnreadableError:
            if left:  # an expectation that does not exist is the graver error
                self._fall_back(data, suite, key_columns, list(left))
            raise
        return self._merge(data, suite, key_columns, judgements, left)

    def _merge(
        self,
        data: Path,
        suite: Mapping[str, JsonValue],
        key_columns: Sequence[str],
        judgements: Mapping[int, Judgement],
        left: Mapping[int, str],
    ) -> SuiteResult:
        documents: Any = suite["expectations"]
        entries = {n: _Entry(None if j.success else j.failure(), j.document()) for n, j in judgements.items()}
        engine = ENGINE
        if left:
            result = self._fall_back(data, suite, key_columns, sorted(left))
            engine = f"{ENGINE}, and {result.details.get('engine')}"
            entries |= dict(zip(sorted(left), _entries(result), strict=True))
        ordered = [entries[n] for n in range(len(documents))]
        name = bounded(" ".join(str(suite.get("name", "(unnamed)")).split()), MAX_TEXT_CHARACTERS)
        details: dict[str, JsonValue] = {**suite_result(name, engine, ()).details}
        details["expectations"] = [entry.document for entry in ordered]
        details["fell_back"] = _reasons(documents, left)
        failures = tuple(entry.failure for entry in ordered if entry.failure is not None)
        return SuiteResult(len(ordered), failures, details)

    def _fall_back(
        self, data: Path, suite: Mapping[str, JsonValue], key_columns: Sequence[str], positions: Sequence[int]
    ) -> SuiteResult:
        documents: Any = suite["expectations"]
        rest = {**suite, "expectations": [documents[n] for n in positions]}
        try:
            return self._fallback.validate(data, rest, key_columns=key_columns)
        except SpecError:
            # The message counts expectations: let it count those of the suite as it is written.
            return self._fallback.validate(data, suite, key_columns=key_columns)


def _read_checks(documents: Sequence[JsonValue]) -> tuple[dict[int, Check], dict[int, str]]:
    """Return what is understood, and why the rest is not, by position in the suite."""
    checks: dict[int, Check] = {}
    left: dict[int, str] = {}
    for position, document in enumerate(documents):
        try:
            checks[position] = read_check(document)
        except NotCompilableError as error:
            left[position] = str(error)
    return checks, left


def _judge(
    file: ParquetColumns, checks: Mapping[int, Check], key_columns: Sequence[str], left: dict[int, str]
) -> dict[int, Judgement]:
    """Evaluate the checks; those that turn out to need the reference engine are added to `left`."""
    findings: dict[int, Finding] = {}
    for position, outcome in evaluate(file, checks).items():
        if isinstance(outcome, str):
            left[position] = outcome
        else:
            findings[position] = outcome
    wanted = {
        n: (found.rows, [c for c in columns_to_show(checks[n].kwargs, key_columns) if c in file.names])
        for n, found in findings.items()
        if found.rows and not found.success
    }
    shown = examples(file, wanted)
    judgements: dict[int, Judgement] = {}
    for n, found in findings.items():
        records = shown.get(n, [])
        if isinstance(records, str):
            left[n] = records
            continue
        check = checks[n]
        judgements[n] = Judgement(
            check.kind, check.kwargs, check.severity, found.success, found.result, records, found.raised
        )
    return judgements


def _entries(result: SuiteResult) -> list[_Entry]:
    """Take a result apart: failures come in the order of the documents that say `success: false`."""
    documents: Any = result.details["expectations"]
    failures = iter(result.failures)
    return [_Entry(None if document["success"] else next(failures), document) for document in documents]


def _reasons(documents: Sequence[JsonValue], left: Mapping[int, str]) -> list[JsonValue]:
    reasons: list[JsonValue] = []
    for position in sorted(left):
        document = documents[position]
        kind = document.get("type") if isinstance(document, dict) else None
        reason = bounded(left[position], MAX_TEXT_CHARACTERS)
        reasons.append({"expectation": position + 1, "type": kind, "reason": reason})
    return reasons


if TYPE_CHECKING:
    from titlebout.core.ports import PartitionValidator as _Port

    def _proof(fallback: _Port) -> _Port:
        return CompiledValidator(fallback)
