"""The one-pass engine says word for word what Great Expectations says, or leaves the word to it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titlebout.adapters.compiled_validator import CompiledValidator
from titlebout.adapters.gx_validator import GxValidator
from titlebout.core.errors import PartitionUnreadableError, SpecError
from titlebout.core.ports import SuiteResult
from titlebout.core.suites import parquet_columns

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
PATTERNS = ["a", "^a", "^a$", "[ab]", "a|b", "^.$", "é", "(a)(b)?", "[^a]", "a{2}", "^$", "[$]", "(?i)A", "(?:a)"]
ESCAPES = [r"^\w+$", r"\d", r"\s", r"\bb", r"\d$", r"\bb\b", r"\W", r"\Ba", r"\\d", r"a\n", r"\Aa", r"[\d-]", r"\."]
regexes = st.sampled_from([*PATTERNS, *ESCAPES])
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


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(tables(), suites, st.sampled_from([0, 1e9]))
def test_whatever_the_table_and_the_suite_the_result_is_that_of_great_expectations(table, suite, dictionary_bytes):
    # Whether texts are read as a dictionary depends on their size, and must not change a word.
    with patch.object(parquet_columns, "_DICTIONARY_BYTES_A_ROW", dictionary_bytes):
        assert_same(table, suite, keys=["small", "time"])


# --- what must never need Great Expectations ---------------------------------------------------------

ROWS = 24
DIRTY = pa.table(
    {
        "day": pa.array([DAY] * ROWS),
        "hour": pa.array(range(ROWS)),
        "temp": pa.array([None if n == 5 else float("nan") if n == 6 else n / 10 for n in range(ROWS)]),
        "riders": pa.array([None if n == 3 else n % 4 for n in range(ROWS)], pa.int64()),
        "weather": pa.array([None if n in (2, 3) else "mist" if n % 2 else "clear" for n in range(ROWS)]),
        "holiday": pa.array([None if n == 9 else n % 3 == 0 for n in range(ROWS)]),
        "at": pa.array([MOMENT + timedelta(hours=n) for n in range(ROWS)], pa.timestamp("us", tz="UTC")),
        "until": pa.array([MOMENT + timedelta(hours=5)] * (ROWS - 1) + [None], pa.timestamp("us", tz="UTC")),
        "due": pa.array([DAY + timedelta(days=n % 2) for n in range(ROWS)]),
        "void": pa.array([None] * ROWS, pa.float64()),
    }
)
NEXT_DAY = "2012-06-02T00:00:00Z"
PAIR = {"column_A": "temp", "column_B": "riders"}
CORE_SUITE = [
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 20, "max_value": 24}},
    {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 25}},
    {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": ["day", "hour"]}},
    {"type": "expect_table_columns_to_match_ordered_list", "kwargs": {"column_list": DIRTY.column_names[1:]}},
    {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["day", "hour"]}},
    {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["riders", "weather"]}},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": {**PAIR, "mostly": 0.4}},
    *[
        {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": {"column_A": a, "column_B": b}}
        for a, b in (("at", "until"), ("due", "day"))
    ],
    on("void", "mean_to_be_between"),
    on("nowhere", "to_exist"),
    on("nowhere", "values_to_be_between", min_value=0),
    *[on(column, "values_to_not_be_null", mostly=0.95) for column in DIRTY.column_names],
    *[on(column, "values_to_be_null") for column in DIRTY.column_names],
    *[on(column, "values_to_be_unique") for column in DIRTY.column_names],
    *[on(column, "unique_value_count_to_be_between", min_value=1) for column in DIRTY.column_names],
    *[on(column, "proportion_of_unique_values_to_be_between", max_value=0.9) for column in DIRTY.column_names],
    *[on(column, "values_to_be_between", min_value=0.5, max_value=2) for column in ("temp", "riders", "hour", "void")],
    on("day", "values_to_be_between", min_value="2012-06-02"),
    on("at", "values_to_be_between", max_value=NEXT_DAY, strict_max=True, min_value="2012-06-01T02:00:00+00:00"),
    on("weather", "values_to_be_in_set", value_set=["clear"], mostly=0.5),
    on("weather", "values_to_not_be_in_set", value_set=["clear", "fog"]),
    on("riders", "values_to_be_in_set", value_set=[0, 1, 2]),
    on("holiday", "values_to_be_in_set", value_set=[True]),
    on("weather", "distinct_values_to_be_in_set", value_set=["clear"]),
    on("riders", "distinct_values_to_be_in_set", value_set=[0, 1]),
    on("weather", "value_lengths_to_be_between", min_value=5),
    on("weather", "values_to_match_regex", regex="^m"),
    on("weather", "values_to_not_match_regex", regex=r"^\w+t$"),
    *[
        on(column, f"{what}_to_be_between", min_value=0.7)
        for column in ("temp", "riders", "hour", "void")
        for what in (
            "min",
            "max",
            "mean",
            "sum",
            "median",
            "stdev",
        )
    ],
    *[on(column, f"{what}_to_be_between", max_value="2012-05-31") for column in ("day",) for what in ("min", "max")],
    on("at", "max_to_be_between", min_value=NEXT_DAY),
    on(
        "temp",
        "quantile_values_to_be_between",
        quantile_ranges={"quantiles": [0.1, 0.9], "value_ranges": [[0, 1], [0, 1]]},
    ),
]


def test_the_core_types_need_nobody_on_dirty_data(tmp_path):
    pq.write_table(DIRTY, tmp_path / "data.parquet")
    suite = {"name": "demand", "expectations": CORE_SUITE}

    result = CompiledValidator(NobodyToAsk()).validate(tmp_path / "data.parquet", suite, key_columns=("day", "hour"))

    assert result.evaluated == len(CORE_SUITE)
    assert result.details["fell_back"] == []


@pytest.mark.parametrize("table", [DIRTY, DIRTY.slice(0, 0), DIRTY.slice(3, 1)], ids=["dirty", "empty", "one row"])
def test_the_core_types_say_what_great_expectations_says(table):
    assert_same(table, CORE_SUITE, keys=("day", "hour"))


def test_statistics_of_many_rows_agree_to_the_last_bit():
    rng = np.random.default_rng(7)
    clean, gaps = rng.lognormal(sigma=4, size=50_021), rng.random(50_021) < 0.1
    numbers = {"clean": clean, "gaps": pa.array(clean, mask=gaps), "whole": rng.integers(-(2**40), 2**40, 50_021)}
    whats = ("mean", "sum", "stdev", "median", "min", "max")

    assert_same(pa.table(numbers), [on(c, f"{what}_to_be_between", max_value=-1e15) for c in numbers for what in whats])


@pytest.mark.parametrize("odd", [[], ["é", "ü1"], ["a\n", "1\n"], ["é\n", "a b", "\x0b", "\\d", ""]], ids=repr)
def test_patterns_find_what_pandas_finds_in_ascii_in_other_letters_and_in_lines(odd):
    texts = ["a", "aa", "ab", "b", "A1", "1", "b 2", "-", ".", "$", None, *odd]
    kinds = ("values_to_match_regex", "values_to_not_match_regex")

    assert_same(
        pa.table({"text": texts}), [on("text", kind, regex=regex) for regex in [*PATTERNS, *ESCAPES] for kind in kinds]
    )


def test_a_large_table_is_judged_alike_whatever_repeats_in_it():
    rng = np.random.default_rng(8)
    columns = {"a": rng.integers(0, 300, 20_000), "b": rng.integers(0, 300, 20_000).astype(float)}
    columns["c"] = pa.array([f"r{n}" for n in rng.integers(0, 15_000, 20_000)])
    suite = [
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b", "c"]}},
        *[on(column, "values_to_be_unique") for column in columns],
    ]

    result = assert_same(pa.table(columns), suite, keys=("c",))

    assert [failure.unexpected_rows for failure in result.failures if failure.unexpected_rows]
    assert result.details["fell_back"] == []


def test_a_column_that_is_unique_but_for_missing_values_does_not_make_rows_unique():
    table = pa.table({"a": [1, None, None], "b": [7, 7, 7]})
    compound = {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}}

    result = assert_same(table, [on("a", "values_to_be_unique"), compound])

    assert [failure.unexpected_rows for failure in result.failures] == [2]


# --- what is left to Great Expectations --------------------------------------------------------------

LEFT = {
    "a condition on rows": on("temp", "values_to_be_between", min_value=0, row_condition='col("hour") < 3',
                              condition_parser="great_expectations"),
    "a type that is not compiled": on("hour", "values_to_be_increasing"),
    "a suite parameter": on("temp", "values_to_be_between", min_value={"$PARAMETER": "low"}),
    "texts in bounds of numbers": on("weather", "values_to_be_between", min_value=0),
    "a set of mixed types": on("hour", "values_to_be_in_set", value_set=[1, "a"]),
    "a day where moments stand": on("at", "max_to_be_between", min_value="2012-06-01"),
    "lengths of numbers": on("hour", "value_lengths_to_be_between", max_value=1),
    "a pattern of Python alone": on("weather", "values_to_match_regex", regex="m(?=ist)"),
    "a quantile of nothing": on("void", "quantile_values_to_be_between",
                                quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 1]]}),
}  # fmt: skip


@pytest.mark.parametrize("expectation", LEFT.values(), ids=LEFT)
def test_what_is_not_understood_to_the_letter_is_left_to_great_expectations_and_said(expectation):
    fine = on("hour", "values_to_be_between", min_value=0)

    result = assert_same(DIRTY, [fine, expectation, on("hour", "values_to_be_null")])

    (told,) = result.details["fell_back"]
    assert (told["expectation"], told["type"]) == (2, expectation["type"])
    assert told["reason"]
    assert "great_expectations" in result.details["engine"]


def test_columns_of_other_types_are_left_to_great_expectations():
    table = pa.table({"narrow": pa.array([1, 2], pa.int32()), "hour": [1, 2]})

    result = assert_same(table, [on("hour", "values_to_be_null"), on("narrow", "values_to_be_null")])

    assert [told["expectation"] for told in result.details["fell_back"]] == [2]


def test_a_key_of_another_type_leaves_only_the_failures_that_show_it():
    table = pa.table({"narrow": pa.array([1, 2], pa.int32()), "hour": [1, 2]})

    result = assert_same(table, [on("hour", "values_to_be_null"), on("hour", "values_to_not_be_null")], keys=["narrow"])

    assert [told["expectation"] for told in result.details["fell_back"]] == [1]


def test_a_misspelt_type_is_refused_with_its_place_in_the_whole_suite(tmp_path):
    pq.write_table(DIRTY, tmp_path / "data.parquet")
    suite = {"name": "demand", "expectations": [CORE_SUITE[0], {"type": "expect_column_to_exists", "kwargs": {}}]}

    with pytest.raises(SpecError, match=r"expectation 2.*expect_column_to_exist'"):
        CompiledValidator(REFERENCE).validate(tmp_path / "data.parquet", suite, key_columns=())


def test_a_file_that_is_no_parquet_is_unreadable(tmp_path):
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and then nothing")

    with pytest.raises(PartitionUnreadableError, match="ingest the partition again"):
        CompiledValidator(NobodyToAsk()).validate(
            tmp_path / "data.parquet", {"name": "demand", "expectations": CORE_SUITE}, key_columns=()
        )


def test_a_torn_column_is_unreadable(tmp_path):
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"hour": np.random.default_rng(0).random(10_000)}), path, use_dictionary=False)
    torn = bytearray(path.read_bytes())
    torn[4:60] = bytes(56)
    path.write_bytes(torn)

    with pytest.raises(PartitionUnreadableError):
        CompiledValidator(NobodyToAsk()).validate(
            path, {"name": "demand", "expectations": [on("hour", "values_to_be_unique")]}, key_columns=()
        )


def test_two_quantile_expectations_on_one_column_are_each_judged_by_their_own_quantiles(tmp_path):
    # Great Expectations 1.24 caches the first one's quantiles under the name of both, so here we differ.
    pq.write_table(pa.table({"temp": [0.0, 5.0, 10.0]}), tmp_path / "data.parquet")
    suite = [
        on("temp", "quantile_values_to_be_between", quantile_ranges={"quantiles": [q], "value_ranges": [[low, high]]})
        for q, low, high in ((0, -1, 1), (1, 9, 11))
    ]

    result = CompiledValidator(NobodyToAsk()).validate(
        tmp_path / "data.parquet", {"name": "demand", "expectations": suite}, key_columns=()
    )

    assert result.failures == ()


def test_neither_great_expectations_nor_pandas_is_imported_when_nothing_is_left_to_them(tmp_path):
    pq.write_table(DIRTY, tmp_path / "data.parquet")
    (tmp_path / "suite.json").write_text(json.dumps({"name": "demand", "expectations": CORE_SUITE}))
    program = """
import json, pathlib, sys
from titlebout.adapters.compiled_validator import CompiledValidator
from titlebout.adapters.gx_validator import GxValidator
folder = pathlib.Path(sys.argv[1])
suite = json.loads((folder / "suite.json").read_text())
result = CompiledValidator(GxValidator()).validate(folder / "data.parquet", suite, key_columns=("day", "hour"))
assert result.failures
sys.exit(len({"great_expectations", "pandas", "scipy", "sqlalchemy"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 0
