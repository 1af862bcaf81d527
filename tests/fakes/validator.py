"""A validation engine without Great Expectations: five expectation types, under the same contract."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.ports import SuiteResult
from titlebout.core.results import ExpectationFailure, Severity

Row = dict[str, Any]
# An expectation: the arguments it takes, and a function that returns what it saw and the rows at fault.
Check = Callable[[list[Row], dict[str, Any]], tuple[bool, JsonValue, list[Row]]]


def _column(holds: Callable[[Any, dict[str, Any]], bool]) -> Check:
    def check(rows: list[Row], kwargs: dict[str, Any]) -> tuple[bool, JsonValue, list[Row]]:
        bad = [row for row in rows if not holds(row[kwargs["column"]], kwargs)]
        return not bad, None, bad

    return check


def _row_count(rows: list[Row], kwargs: dict[str, Any]) -> tuple[bool, JsonValue, list[Row]]:
    return _is_between(len(rows), kwargs), len(rows), []


def _is_between(value: Any, kwargs: dict[str, Any]) -> bool:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    return value is None or ((low is None or value >= low) and (high is None or value <= high))


CHECKS: dict[str, tuple[frozenset[str], Check]] = {
    "expect_table_row_count_to_be_between": (frozenset({"min_value", "max_value"}), _row_count),
    "expect_column_to_exist": (frozenset({"column"}), lambda rows, kwargs: (kwargs["column"] in rows[0], None, [])),
    "expect_column_values_to_not_be_null": (
        frozenset({"column"}),
        _column(lambda value, _: value is not None),
    ),
    "expect_column_values_to_be_between": (frozenset({"column", "min_value", "max_value"}), _column(_is_between)),
    "expect_column_values_to_be_in_set": (
        frozenset({"column", "value_set"}),
        _column(lambda value, kwargs: value is None or value in kwargs["value_set"]),
    ),
}


class MemoryValidator:
    """Evaluate a handful of expectation types row by row.

    Attributes:
        calls: The files that were judged, in order: a step that should not judge twice leaves one.
    """

    def __init__(self) -> None:
        self.calls: list[Path] = []

    def validate(self, data: Path, suite: Mapping[str, JsonValue], *, key_columns: Sequence[str]) -> SuiteResult:
        """Evaluate every expectation of the suite on one Parquet file."""
        document: Any = suite
        name, expectations = document.get("name", "suite"), document.get("expectations") or []
        if not expectations:
            message = f"suite {name!r} holds no expectations; add at least one"
            raise SpecError(message)
        self._refuse_unknown(name, expectations)
        self.calls.append(data)
        table = pq.read_table(data)
        judged = [self._judge(table, expectation, key_columns) for expectation in expectations]
        failures = tuple(failure for failure in judged if failure)
        return SuiteResult(
            evaluated=len(judged),
            failures=failures,
            details={"success": not failures, "failures": [failure.model_dump(mode="json") for failure in failures]},
        )

    def _refuse_unknown(self, name: str, expectations: list[dict[str, Any]]) -> None:
        for expectation in expectations:
            kind = expectation["type"]
            if kind not in CHECKS:
                message = f"suite {name!r}: unknown expectation {kind!r}; {did_you_mean(kind, CHECKS)}"
                raise SpecError(message)
            for argument in expectation["kwargs"]:
                if argument not in CHECKS[kind][0]:
                    near = did_you_mean(argument, CHECKS[kind][0])
                    message = f"suite {name!r}: {kind}: unknown argument {argument!r}; {near}"
                    raise SpecError(message)

    def _judge(
        self, table: pa.Table, expectation: dict[str, Any], key_columns: Sequence[str]
    ) -> ExpectationFailure | None:
        kwargs = expectation["kwargs"]
        rows = table.to_pylist()
        observed: JsonValue
        try:
            holds, observed, bad = CHECKS[expectation["type"]][1](rows, kwargs)
        except (KeyError, TypeError, IndexError) as error:
            holds, observed, bad = False, f"not evaluated: {error!r}", []
        if holds:
            return None
        shown = [*key_columns, *([kwargs["column"]] if "column" in kwargs else [])]
        return ExpectationFailure(
            expectation=expectation["type"],
            column=kwargs.get("column"),
            severity=Severity(expectation.get("severity", "critical")),
            observed=observed,
            expected={key: value for key, value in kwargs.items() if key != "column"},
            unexpected_rows=len(bad) or None,
            examples=tuple(
                {name: row[name] if isinstance(row[name], int | float | str) else str(row[name]) for name in shown}
                for row in bad[:20]
            ),
        )
