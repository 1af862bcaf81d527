"""The one-pass engine says word for word what Great Expectations says, or leaves the word to it."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titlebout.adapters.compiled_validator import CompiledValidator
from titlebout.adapters.gx_validator import GxValidator
from titlebout.core import parquet_columns
from titlebout.core.errors import SpecError
from titlebout.core.ports import SuiteResult

REFERENCE = GxValidator()
DAY, MOMENT = date(2012, 6, 1), datetime(2012, 6, 1, tzinfo=UTC)


class NobodyToAsk:
    """A fallback that must not be needed."""

    def validate(self, data: Path, suite: Mapping[str, Any], *, key_columns: Sequence[str]) -> SuiteResult:
        raise AssertionError(f"fell back for {suite['expectations']}")


def judge_both(table: pa.Table, expectations: list[dict], keys: Sequence[str] = ()) -> tuple[SuiteResult, SuiteResult]:
    suite = {"name": "demand", "expectations": expectations}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.parquet"
        pq.write_table(table, path, row_group_size=7)
        ours = CompiledValidator(REFERENCE).validate(path, suite, key_columns=keys)
        return ours, REFERENCE.validate(path, suite, key_columns=keys)


def assert_same(table: pa.Table, expectations: list[dict], keys: Sequence[str] = ()) -> SuiteResult:
    ours, theirs = judge_both(table, expectations, keys)
    for mine, other in zip(ours.details["expectations"], theirs.details["expectations"], strict=True):
        assert mine == other
    assert ours.failures == theirs.failures
    assert [str(failure) for failure in ours.failures] == [str(failure) for failure in theirs.failures]
    assert ours.evaluated == theirs.evaluated
    return ours


def on(column: str, kind: str, **kwargs: Any) -> dict:
    return {"type": f"expect_column_{kind}", "kwargs": {"column": column, **kwargs}}


# --- any table, any suite ---------------------------------------------------------------------------

numbers = st.one_of(
    st.sampled_from(
        [0.0, -0.0, 1.0, 0.1, 0.2, 0.3, 1e16, -1e16, 2.0**53, 1e308, float("inf"), float("-inf"), float("nan")]
    ),
    st.integers(-4, 4).map(float),
    st.floats(width=32),
)
integers = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**53, 2**53 + 1]))
texts = st.one_of(
    st.sampled_from(["", "a", "b", "ab", "A1", "a\n", "é", "b 2", "x" * 300, "NaN", "1"]), st.text(max_size=3)
)
dates = st.one_of(
    st.integers(-2, 2).map(lambda days: DAY + timedelta(days=days)), st.sampled_from([date.min, date.max])
)
times = st.one_of(
    st.integers(-2, 2).map(lambda hours: MOMENT + timedelta(hours=hours)),
    st.just(MOMENT + timedelta(microseconds=1)),
    st.just(datetime(1, 1, 1, tzinfo=UTC)),
)
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy]] = {
    "number": (pa.float64(), numbers),
    "other_number": (pa.float64(), numbers),
    "integer": (pa.int64(), integers),
    "small": (pa.int64(), st.integers(0, 2)),
    "text": (pa.string(), texts),
    "flag": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), dates),
    "other_date": (pa.date32(), dates),
    "time": (pa.timestamp("us", tz="UTC"), times),
    "other_time": (pa.timestamp("us", tz="UTC"), times),
    "narrow": (pa.int32(), st.integers(0, 3)),
    "void": (pa.null(), st.none()),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.one_of(st.integers(0, 3), st.integers(4, 40)))
    arrays = {}
    for name, (stored, values) in COLUMNS.items():
        emptiness = draw(st.sampled_from(["none", "some", "all"] if rows else ["none"]))
        cells = {"none": values, "some": st.one_of(st.none(), values), "all": st.none()}[emptiness]
        arrays[name] = pa.array(draw(st.lists(cells, min_size=rows, max_size=rows)), stored)
    return pa.table(arrays)


# Arguments that fit a column, most of the time, so that what is compared is our own evaluation.
odd_bounds = st.sampled_from([None, 0, 0.5, 2**53, "2012-06-01", "2012-06-01T00:00:00Z", "2012-06-01T00:00:00"])
odd_sets = st.sampled_from([[1, "a"], [True, 1], ["a", None], ["2012-06-01"], [2**53 + 1], [0.5], ["a"]])
number_bounds = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([0.5, 0.1, 0.30000000000000004, 1e15]))
date_bounds = st.sampled_from([None, "2012-06-01", "2012-06-02", "2012-05-31"])
time_bounds = st.sampled_from([None, "2012-06-01T00:00:00Z", "2012-06-01T01:00:00+00:00", "2012-06-01T03:00:00+02:00"])
number_sets = st.lists(st.sampled_from([0, 1, 2, 0.1, -1.0, 0.0, 1e15]), min_size=1, max_size=4)
text_sets = st.lists(st.sampled_from(["a", "", "é", "b 2", "A1", "x" * 300]), min_size=1, max_size=4)
FITTING_BOUNDS = {"date": date_bounds, "other_date": date_bounds, "time": time_bounds, "other_time": time_bounds}
FITTING_SETS = {"text": text_sets, "flag": st.lists(st.booleans(), min_size=1, max_size=2)}

counts = st.one_of(st.none(), st.integers(0, 5))
shares = st.sampled_from([None, 0, 0.5, 0.9, 1, 1.0])
regexes = st.sampled_from(
    ["a", "^a", "^a$", "[ab]", r"^\w+$", r"\d", r"\s", "(?i)A", "a|b", "^.$", "é", "(a)(b)?", "[^a]", "a{2}", r"\bb"]
)
quantile_ranges = st.sampled_from(
    [
        {"quantiles": [0.5], "value_ranges": [[0, 1]]},
        {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[None, 0], [0, 0.5], [0.5, None]]},
        {"quantiles": [0, 1], "value_ranges": [[-3, 3], [0, 1e15]]},
    ]
)
NUMERIC = ["number", "other_number", "integer", "small"]
PAIRS = [
    ("number", "other_number"),
    ("integer", "number"),
    ("small", "integer"),
    ("time", "other_time"),
    ("date", "other_date"),
]
BOUNDED = {"min_value", "max_value", "strict_min", "strict_max"}
ROWS = {"column", "mostly"}
KINDS: dict[str, tuple[list[str], set[str]]] = {
    "table_row_count_to_be_between": ([], {"min_count", "max_count", "strict_min", "strict_max"}),
    "table_row_count_to_equal": ([], {"value"}),
    "table_columns_to_match_set": ([], {"column_set", "exact_match"}),
    "table_columns_to_match_ordered_list": ([], {"columns"}),
    "column_to_exist": ([*COLUMNS], {"column", "column_index"}),
    "column_values_to_not_be_null": ([*COLUMNS], ROWS),
    "column_values_to_be_null": ([*COLUMNS], ROWS),
    "column_values_to_be_between": ([*NUMERIC, "flag", "date", "time"], ROWS | BOUNDED),
    "column_values_to_be_in_set": ([*NUMERIC, "flag", "text"], ROWS | {"value_set"}),
    "column_values_to_not_be_in_set": ([*NUMERIC, "flag", "text"], ROWS | {"value_set"}),
    "column_values_to_be_unique": ([*COLUMNS], ROWS),
    "column_value_lengths_to_be_between": (["text"], ROWS | {"min_count", "max_count", "strict_min", "strict_max"}),
    "column_values_to_match_regex": (["text"], ROWS | {"regex"}),
    "column_values_to_not_match_regex": (["text"], ROWS | {"regex"}),
    "compound_columns_to_be_unique": ([], {"column_list", "mostly", "ignore_rows"}),
    "column_pair_values_a_to_be_greater_than_b": ([], {"pair", "mostly", "or_equal", "ignore_pairs"}),
    "column_min_to_be_between": ([*NUMERIC, "flag", "date", "time"], {"column"} | BOUNDED),
    "column_max_to_be_between": ([*NUMERIC, "flag", "date", "time"], {"column"} | BOUNDED),
    "column_mean_to_be_between": ([*NUMERIC, "flag"], {"column"} | BOUNDED),
    "column_sum_to_be_between": ([*NUMERIC, "flag"], {"column"} | BOUNDED),
    "column_median_to_be_between": (NUMERIC, {"column"} | BOUNDED),
    "column_stdev_to_be_between": (NUMERIC, {"column"} | BOUNDED),
    "column_unique_value_count_to_be_between": ([*COLUMNS], {"column", "min_count", "max_count", "strict_min"}),
    "column_proportion_of_unique_values_to_be_between": (
        [*COLUMNS],
        {"column", "min_share", "max_share", "strict_max"},
    ),
    "column_distinct_values_to_be_in_set": ([*NUMERIC, "flag", "text"], {"column", "value_set"}),
    "column_quantile_values_to_be_between": (NUMERIC, {"column", "quantile_ranges"}),
}


def arguments(column: str, name: str) -> st.SearchStrategy:
    fitting_bounds = FITTING_BOUNDS.get(column, number_bounds)
    fitting_sets = FITTING_SETS.get(column, number_sets)
    return {
        "column": st.just(column),
        "pair": st.one_of(st.sampled_from(PAIRS), st.tuples(st.sampled_from([*COLUMNS]), st.just("number"))),
        "column_list": st.lists(st.sampled_from([*COLUMNS]), min_size=2, max_size=3, unique=True),
        "column_set": st.one_of(st.just([*COLUMNS]), st.lists(st.sampled_from([*COLUMNS, "nowhere"]), min_size=1)),
        "columns": st.one_of(st.just([*COLUMNS]), st.lists(st.sampled_from([*COLUMNS, "nowhere"]), min_size=1)),
        "column_index": st.one_of(st.none(), st.integers(-13, 13)),
        "value": st.integers(0, 5),
        "value_set": st.one_of(fitting_sets, fitting_sets, fitting_sets, odd_sets),
        "regex": regexes,
        "quantile_ranges": quantile_ranges,
        "mostly": shares,
        "ignore_rows": st.sampled_from([None, "any_value_is_missing", "never"]),
        "ignore_pairs": st.sampled_from([None, "either_value_is_missing", "neither"]),
        **dict.fromkeys(["min_value", "max_value"], st.one_of(*[fitting_bounds] * 5, odd_bounds)),
        **dict.fromkeys(["min_count", "max_count"], counts),
        **dict.fromkeys(["min_share", "max_share"], shares),
        **dict.fromkeys(["strict_min", "strict_max", "exact_match"], st.booleans()),
        "or_equal": st.sampled_from([None, False, True]),
    }[name]


RENAMED = {
    "columns": "column_list",
    "min_count": "min_value",
    "max_count": "max_value",
    "min_share": "min_value",
    "max_share": "max_value",
    "ignore_rows": "ignore_row_if",
    "ignore_pairs": "ignore_row_if",
}


@st.composite
def expectations(draw: st.DrawFn) -> dict:
    kind = draw(st.sampled_from(sorted(KINDS)))
    columns, names = KINDS[kind]
    anywhere = draw(st.integers(0, 9)) == 0
    column = draw(st.sampled_from([*COLUMNS, "nowhere"] if anywhere or not columns else columns))
    drawn = {name: draw(arguments(column, name)) for name in sorted(names)}
    if "pair" in drawn:
        drawn["column_A"], drawn["column_B"] = drawn.pop("pair")
    kwargs = {RENAMED.get(name, name): value for name, value in drawn.items() if value is not None}
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": draw(st.sampled_from(["critical", "warning"]))}


def is_accepted(expectation: dict) -> bool:
    try:
        REFERENCE._expectations({"expectations": [expectation]})
    except SpecError:
        return False
    return True


def has_one_quantile_expectation_a_column(suite: list[dict]) -> bool:
    """Great Expectations mixes several up; see the test of that below."""
    columns = [each["kwargs"]["column"] for each in suite if "quantile" in each["type"]]
    return len(columns) == len(set(columns))


suites = st.lists(expectations().filter(is_accepted), min_size=1, max_size=12).filter(
    has_one_quantile_expectation_a_column
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), suites, st.sampled_from([0, 1e9]))
def test_whatever_the_table_and_the_suite_the_result_is_that_of_great_expectations(table, suite, dictionary_bytes):
    # Whether texts are read as a dictionary depends on their size, and must not change a word.
    with patch.object(parquet_columns, "_DICTIONARY_BYTES_A_ROW", dictionary_bytes):
        assert_same(table, suite, keys=["small", "time"])
