"""Evaluates many expectations while each column of a file is decoded once.

Columns are decoded whole and one after another, two or a few at a time, and not row group by row group: a
column of 5 million numbers is 40 MB, and statistics of the whole column come out bit for bit as on pandas.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import JsonValue

from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.suites.decoded_column import DecodedColumn, NotCompilableError
from titlebout.core.suites.expectations import WHOLE_COLUMN, Finding, judge_table, missing_column
from titlebout.core.suites.joint_expectations import judge_compound, judge_pair
from titlebout.core.suites.parquet_columns import ParquetColumns
from titlebout.core.suites.row_expectations import ONE_COLUMN_ROWS, judge_rows
from titlebout.core.suites.suite_checks import Check

# Decoding and NumPy release the interpreter's lock; more columns at a time would cost memory.
MAX_COLUMNS_AT_ONCE = 2

_ABOUT_DISTINCT = frozenset(
    {
        "expect_column_values_to_be_unique",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_distinct_values_to_be_in_set",
    }
)

# A finding, or why the expectation is left to Great Expectations.
Outcome = Finding | str
Numbered = Mapping[int, Check]
"""Position in the suite to expectation."""


def evaluate(file: ParquetColumns, checks: Numbered) -> dict[int, Outcome]:
    """Evaluate expectations on one file.

    Returns:
        An outcome for each position.

    Raises:
        PartitionUnreadableError: A column's bytes cannot be decoded.
    """
    if len(set(file.names)) < len(file.names):
        return dict.fromkeys(checks, "two columns have the same name")
    outcomes: dict[int, Outcome] = {}
    waiting: dict[int, Check] = {}
    for position, check in checks.items():
        outcome = _without_values(file, check)
        if outcome is None:
            waiting[position] = check
        else:
            outcomes[position] = outcome
    with ThreadPoolExecutor(min(MAX_COLUMNS_AT_ONCE, granted_cores())) as pool:
        for judged in pool.map(lambda group: _judge_group(file, group), _groups(file, waiting)):
            outcomes |= judged
    return outcomes


def examples(
    file: ParquetColumns, wanted: Mapping[int, tuple[Sequence[int], Sequence[str]]]
) -> dict[int, list[dict[str, JsonValue]] | str]:
    """Show rows at fault.

    Returns:
        Position to records; a text where they cannot be shown as Great Expectations would.
    """
    rows_of: dict[str, set[int]] = {}
    for rows, names in wanted.values():
        for name in names:
            rows_of.setdefault(name, set()).update(rows)
    shown: dict[str, dict[int, JsonValue] | str] = {}
    for name, rows_wanted in rows_of.items():
        try:
            shown[name] = file.show(name, sorted(rows_wanted))
        except NotCompilableError as error:
            shown[name] = str(error)
    return {
        position: _records(rows, {name: shown[name] for name in names}) for position, (rows, names) in wanted.items()
    }


def _records(
    rows: Sequence[int], columns: Mapping[str, dict[int, JsonValue] | str]
) -> list[dict[str, JsonValue]] | str:
    values: dict[str, dict[int, JsonValue]] = {}
    for name, shown in columns.items():
        if isinstance(shown, str):
            return shown
        values[name] = shown
    return [{name: shown[row] for name, shown in values.items()} for row in rows]


def _without_values(file: ParquetColumns, check: Check) -> Outcome | None:
    """Evaluate what needs no column's values."""
    absent = [name for name in check.columns if name not in file.names]
    if len(absent) > 1:
        return "several of its columns are missing"
    if absent:
        return missing_column(absent[0])
    return judge_table(check, file.names, file.rows)


def _groups(file: ParquetColumns, checks: Numbered) -> list[dict[int, Check]]:
    """Put expectations together that share a column, directly or through others, most bytes first.

    The largest one begins first, so that no thread is left alone with it at the end.
    """
    groups: list[tuple[set[str], dict[int, Check]]] = []
    for position, check in checks.items():
        columns, members = set(check.columns), {position: check}
        apart = []
        for other_columns, other_members in groups:
            if columns & other_columns:
                columns, members = columns | other_columns, {**other_members, **members}
            else:
                apart.append((other_columns, other_members))
        groups = [*apart, (columns, members)]
    groups.sort(key=lambda group: sum(map(file.decoded_bytes, group[0])), reverse=True)
    return [members for _, members in groups]


def _judge_group(file: ParquetColumns, group: Numbered) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    joint = {position: check for position, check in group.items() if len(check.columns) > 1}
    needed_later = {name for check in joint.values() for name in check.columns}
    kept: dict[str, DecodedColumn | str] = {}
    for name in dict.fromkeys(name for check in group.values() for name in check.columns):
        alone = {position: check for position, check in group.items() if check.columns == (name,)}
        column = _read(file, name, alone.values(), needed_later=name in needed_later)
        outcomes |= {position: _judge(check, [column]) for position, check in alone.items()}
        if name in needed_later:
            kept[name] = column
    outcomes |= {position: _judge(check, [kept[name] for name in check.columns]) for position, check in joint.items()}
    return outcomes


def _read(file: ParquetColumns, name: str, checks: Iterable[Check], *, needed_later: bool) -> DecodedColumn | str:
    distinct = needed_later or any(check.kind in _ABOUT_DISTINCT for check in checks)
    try:
        return file.read(name, distinct=distinct)
    except NotCompilableError as error:
        return str(error)


def _judge(check: Check, columns: Sequence[DecodedColumn | str]) -> Outcome:
    decoded: list[DecodedColumn] = []
    for column in columns:
        if isinstance(column, str):
            return column
        decoded.append(column)
    try:
        return _evaluate(check, decoded)
    except NotCompilableError as error:
        return str(error)
    except Exception as error:  # the reference engine has the last word on what was not foreseen
        return f"{type(error).__name__}: {error}"


def _evaluate(check: Check, columns: Sequence[DecodedColumn]) -> Finding:
    if check.kind == "expect_compound_columns_to_be_unique":
        return judge_compound(check, columns)
    if check.kind == "expect_column_pair_values_a_to_be_greater_than_b":
        return judge_pair(check, columns)
    if check.kind in ONE_COLUMN_ROWS:
        return judge_rows(check, columns)
    return WHOLE_COLUMN[check.kind](check, columns[0])
