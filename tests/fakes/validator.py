"""A validation engine without Great Expectations: five expectation types, under the same contract."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import JsonValue

from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.ports import SuiteResult
from titlebout.core.results import Severity
from titlebout.core.suites.judgements import Judgement, columns_to_show, suite_result

Row = dict[str, Any]
Kwargs = dict[str, Any]


def _is_between(value: Any, kwargs: Kwargs) -> bool:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    return value is None or ((low is None or value >= low) and (high is None or value <= high))


# Expectations about the file: what is observed, and whether that is right.
ABOUT_THE_FILE: dict[str, tuple[set[str], Callable[[list[Row], Kwargs], tuple[JsonValue, bool]]]] = {
    "expect_table_row_count_to_be_between": (
        {"min_value", "max_value"},
        lambda rows, kwargs: (len(rows), _is_between(len(rows), kwargs)),
    ),
    "expect_column_to_exist": ({"column"}, lambda rows, kwargs: (None, kwargs["column"] in rows[0])),
}
# Expectations about single values.
ABOUT_VALUES: dict[str, tuple[set[str], Callable[[Any, Kwargs], bool]]] = {
    "expect_column_values_to_not_be_null": ({"column"}, lambda value, _: value is not None),
    "expect_column_values_to_be_between": ({"column", "min_value", "max_value"}, _is_between),
    "expect_column_values_to_be_in_set": (
        {"column", "value_set"},
        lambda value, kwargs: value is None or value in kwargs["value_set"],
    ),
}
ARGUMENTS = {kind: arguments for kind, (arguments, _) in {**ABOUT_THE_FILE, **ABOUT_VALUES}.items()}


class MemoryValidator:
    """Evaluate a handful of expectation types row by row.

    Attributes:
        calls: The files that were judged, in order: a step that must not judge twice leaves one.
    """

    def __init__(self) -> None:
        self.calls: list[Path] = []

    def validate(self, data: Path, suite: Mapping[str, JsonValue], *, key_columns: Sequence[str]) -> SuiteResult:
        document: Any = suite
        name, expectations = document.get("name", "suite"), document.get("expectations")
        if not expectations:
            message = f"suite {name!r}: holds no expectations; add at least one"
            raise SpecError(message)
        for expectation in expectations:
            _refuse_unknown(name, expectation)
        self.calls.append(data)
        rows = pq.read_table(data).to_pylist()
        judged = [_judge(rows, expectation, key_columns) for expectation in expectations]
        return suite_result(name, "memory", judged)


def _refuse_unknown(suite_name: str, expectation: dict[str, Any]) -> None:
    kind = expectation["type"]
    if kind not in ARGUMENTS:
        message = f"suite {suite_name!r}: there is no expectation {kind!r}; {did_you_mean(kind, ARGUMENTS)}"
        raise SpecError(message)
    for argument in expectation["kwargs"]:
        if argument not in ARGUMENTS[kind]:
            near = did_you_mean(argument, ARGUMENTS[kind])
            message = f"suite {suite_name!r}: {kind}: unknown argument {argument!r}; {near}"
            raise SpecError(message)


def _judge(rows: list[Row], expectation: dict[str, Any], key_columns: Sequence[str]) -> Judgement:
    kind, kwargs = expectation["type"], expectation["kwargs"]
    severity = Severity(expectation.get("severity", "critical"))
    try:
        if kind in ABOUT_THE_FILE:
            observed, holds = ABOUT_THE_FILE[kind][1](rows, kwargs)
            return Judgement(kind, kwargs, severity, holds, {"observed_value": observed})
        column = kwargs["column"]
        at_fault = [row for row in rows if not ABOUT_VALUES[kind][1](row[column], kwargs)]
    except (KeyError, TypeError, IndexError) as error:
        return Judgement(kind, kwargs, severity, success=False, raised=repr(error))
    shown = columns_to_show(kwargs, key_columns)
    return Judgement(
        kind,
        kwargs,
        severity,
        success=not at_fault,
        result={
            "element_count": len(rows),
            "unexpected_count": len(at_fault),
            "partial_unexpected_list": [row[column] for row in at_fault[:20]],
        },
        examples=[{name: row[name] for name in shown} for row in at_fault],
    )
