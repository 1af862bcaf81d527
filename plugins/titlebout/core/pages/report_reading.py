"""Reads a validation report for people. What is missing is left out, what is not known is passed over.

Reports live as long as the lake, longer than the code that wrote them: nothing in them is taken for granted, and
everything is bounded again before a page shows it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from titlebout.core.contract.contract import CheckOutcome
from titlebout.core.loose_json import integer, is_number, mapping, mappings
from titlebout.core.pages.column_reading import ReadColumn, read_columns
from titlebout.core.pages.report_words import in_words, requirement, subject
from titlebout.core.results import Severity

MAX_FAILURES = 100
MAX_CHECKS = 500
MAX_ROWS = 20
MAX_CELLS = 16

_ORDER = [severity.value for severity in Severity]
_LOOKED = frozenset({CheckOutcome.HELD, CheckOutcome.FAILED})
_LOOKED_AT_NOTHING = frozenset({CheckOutcome.NOT_EVALUATED, CheckOutcome.OFF})
Document = Mapping[str, Any]


@dataclass(frozen=True)
class ReadCheck:
    """One expectation or contract check.

    Attributes:
        about: The columns it is about; empty for the whole table.
        expected: What was wanted, in words.
        observed: What was found, in words; or why nothing was looked at.
        rows: Rows at fault, where they can be counted.
        header: Columns of the rows that are shown.
        examples: Rows at fault, cell by cell in words.
    """

    kind: str
    about: str
    severity: str
    expected: str
    observed: str = ""
    rows: int | None = None
    header: tuple[str, ...] = ()
    examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class ReadReport:
    """A validation report, ready to show.

    Attributes:
        failures: The gravest first, bounded in number.
        failed: How many failed, by severity.
        checked: How many contract checks looked at the partition.
        not_evaluated: Contract checks that found nothing because they did not look, or could not.
        fell_back: Type and reason of expectations that the fast engine left to the reference engine.
        compared_with: Days that say what is usual, oldest first.
        left_out: Days before the partition that do not, and why.
        usual_rows: Fewest and most rows that raise no question.
    """

    suite: str = ""
    suite_sha256: str = ""
    engine: str = ""
    evaluated: int = 0
    failures: tuple[ReadCheck, ...] = ()
    failed: Mapping[str, int] = field(default_factory=dict)
    checked: int = 0
    held: tuple[ReadCheck, ...] = ()
    not_evaluated: tuple[ReadCheck, ...] = ()
    fell_back: tuple[tuple[str, str], ...] = ()
    columns: tuple[ReadColumn, ...] = ()
    compared_with: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    usual_rows: tuple[float, float] | None = None


def read_report(document: Document, types: Mapping[str, str]) -> ReadReport:
    """Read a report."""
    report, details, contract = (mapping(document.get(part)) for part in ("report", "details", "contract"))
    evidence, usual = mapping(contract.get("evidence")), mapping(contract.get("usual"))
    failures = sorted(mappings(report.get("failures")), key=_gravity)
    held = [each for each in mappings(details.get("expectations")) if each.get("success") is True]
    checks = [_contract_check(each) for each in mappings(contract.get("checks"))[:MAX_CHECKS]]
    return ReadReport(
        suite=str(report.get("suite", "")),
        suite_sha256=str(document.get("suite_sha256", "")),
        engine=str(details.get("engine", "")),
        evaluated=integer(report.get("evaluated")) or 0,
        failures=tuple(_failure(each) for each in failures[:MAX_FAILURES]),
        failed=Counter(str(each.get("severity", "")) for each in failures),
        held=(
            *(_held(each) for each in held[:MAX_CHECKS]),
            *(check for outcome, check in checks if outcome == CheckOutcome.HELD),
        ),
        checked=sum(outcome in _LOOKED for outcome, _ in checks),
        not_evaluated=tuple(check for outcome, check in checks if outcome in _LOOKED_AT_NOTHING),
        fell_back=tuple(
            (str(each.get("type", "")), str(each.get("reason", "")))
            for each in mappings(details.get("fell_back"))[:MAX_CHECKS]
        ),
        columns=read_columns(mapping(document.get("statistics")), mapping(usual.get("columns")), types),
        compared_with=tuple(str(each.get("partition", "")) for each in mappings(evidence.get("days"))[:MAX_CHECKS]),
        left_out=tuple((str(key), in_words(why)) for key, why in mapping(evidence.get("left_out")).items())[
            :MAX_CHECKS
        ],
        usual_rows=_range(mapping(usual.get("rows"))),
    )


def _gravity(failure: Document) -> int:
    severity = failure.get("severity")
    return _ORDER.index(severity) if severity in _ORDER else len(_ORDER)


def _failure(found: Document) -> ReadCheck:
    arguments = dict(mapping(found.get("expected")))
    column = found.get("column")
    examples = [example if isinstance(example, Mapping) else {"value": example} for example in _items(found, MAX_ROWS)]
    header = list(dict.fromkeys(str(name) for example in examples for name in example))[:MAX_CELLS]
    return ReadCheck(
        kind=str(found.get("expectation", "")),
        about=subject({"column": column, **arguments}),
        severity=str(found.get("severity", "")),
        expected=requirement(str(found.get("expectation", "")), arguments),
        observed=in_words(found.get("observed")),
        rows=integer(found.get("unexpected_rows")),
        header=tuple(header),
        examples=tuple(tuple(in_words(example.get(name)) for name in header) for example in examples),
    )


def _items(found: Document, limit: int) -> Sequence[Any]:
    examples = found.get("examples")
    return examples[:limit] if isinstance(examples, list | tuple) else ()


def _held(entry: Document) -> ReadCheck:
    kind, arguments = str(entry.get("type", "")), mapping(entry.get("kwargs"))
    result = mapping(entry.get("result"))
    unexpected = integer(result.get("unexpected_count"))
    observed = {None: "", 0: "all rows"}.get(unexpected, f"{unexpected} rows at fault, which is allowed")
    return ReadCheck(
        kind=kind,
        about=subject(arguments),
        severity=str(entry.get("severity", "")),
        expected=requirement(kind, arguments),
        observed=in_words(result["observed_value"]) if "observed_value" in result else observed,
        rows=unexpected,
    )


def _contract_check(entry: Document) -> tuple[object, ReadCheck]:
    """Return how a contract check ended, and the check."""
    kind = f"contract_{entry.get('check', '')}"
    outcome, note = entry.get("outcome"), entry.get("note")
    why = "switched off in the spec" if outcome == CheckOutcome.OFF else str(note or "")
    return outcome, ReadCheck(kind, "", str(entry.get("severity", "")), requirement(kind, {}), why)


def _range(bounds: Document) -> tuple[float, float] | None:
    low, high = bounds.get("low"), bounds.get("high")
    return (low, high) if is_number(low) and is_number(high) and 0 <= low <= high else None
