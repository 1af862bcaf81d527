"""What a validation engine found, in the words of our reports: the same for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from titlebout.core.plain_json import plain
from titlebout.core.ports import SuiteResult
from titlebout.core.results import ExpectationFailure, Severity

MAX_EXAMPLES = 20
MAX_VALUES_SHOWN = 5


@dataclass(frozen=True)
class Judgement:
    """What one expectation said about one file.

    Attributes:
        success: Whether it held; False where it could not be evaluated.
        result: In Great Expectations' words: `observed_value` of an aggregate, or `element_count`,
            `unexpected_count` and `partial_unexpected_list` of an expectation about single rows.
        examples: Rows at fault, each with the key columns and the columns that were judged.
        raised: Why it could not be evaluated.
    """

    kind: str
    kwargs: Mapping[str, Any]
    severity: Severity
    success: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    examples: Sequence[Mapping[Any, Any]] = ()
    raised: str | None = None

    def failure(self) -> ExpectationFailure:
        """Return the entry of the validation report."""
        return ExpectationFailure(
            expectation=self.kind,
            column=self.kwargs.get("column"),
            severity=self.severity,
            observed=self._observed(),
            expected={name: plain(value) for name, value in self.kwargs.items() if name != "column"},
            unexpected_rows=self.result.get("unexpected_count"),
            examples=tuple(plain(row) for row in self.examples[:MAX_EXAMPLES]),
        )

    def document(self) -> JsonValue:
        """Return the entry of the full report. It holds no time and no random id: judged again, it is the same."""
        return {
            "type": self.kind,
            "kwargs": plain(self.kwargs),
            "severity": self.severity.value,
            "success": self.success,
            "error": self.raised,
            "result": plain(self.result),
        }

    def _observed(self) -> JsonValue:
        """Say why nothing was found, or which figure was compared, or name some of the values at fault."""
        if self.raised is not None:
            return f"could not be evaluated: {self.raised}"
        if "observed_value" in self.result:
            return plain(self.result["observed_value"])
        values: list[JsonValue] = []
        for value in map(plain, self.result.get("partial_unexpected_list") or ()):
            if value not in values:
                values.append(value)
        return values[:MAX_VALUES_SHOWN]


def columns_to_show(kwargs: Mapping[str, Any], key_columns: Sequence[str]) -> list[str]:
    """Return the columns of an example row: the key, then what was judged.

    >>> columns_to_show({"column": "temp", "min_value": 0}, ["day", "hour"])
    ['day', 'hour', 'temp']
    """
    judged = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    return list(dict.fromkeys([*key_columns, *judged, *kwargs.get("column_list", ())]))


def suite_result(suite_name: str, engine: str, judgements: Sequence[Judgement]) -> SuiteResult:
    """Add the judgements of one file up."""
    return SuiteResult(
        evaluated=len(judgements),
        failures=tuple(judgement.failure() for judgement in judgements if not judgement.success),
        details={
            "engine": engine,
            "suite": suite_name,
            "expectations": [judgement.document() for judgement in judgements],
        },
    )
