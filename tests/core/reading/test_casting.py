"""Casts to declared types never change a value silently."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.casting import arrow_schema, cast_table
from titlebout.core.specs.dataset_spec import ColumnType


def cast(values: pa.Array | list, declared: str) -> list:
    table = cast_table(pa.table({"c": values}), {"c": ColumnType(declared)}, "rides.csv")
    assert table.schema == arrow_schema({"c": ColumnType(declared)})
    return table.column("c").to_pylist()


MIDNIGHT = datetime(2012, 6, 1, tzinfo=UTC)
NOON = datetime(2012, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        (["1", "-2", None], "integer", [1, -2, None]),
        (["1.0", "2.00", None], "integer", [1, 2, None]),
        ([1.0, float("nan")], "integer", [1, None]),
        ([True, False], "integer", [1, 0]),
        (pa.array([7], pa.uint8()), "integer", [7]),
        ([1, None], "number", [1.0, None]),
        (["1e3", "-0.5"], "number", [1000.0, -0.5]),
        ([float("nan"), float("inf")], "number", [None, float("inf")]),
        ([Decimal("1.25")], "number", [1.25]),
        ([1, 2], "text", ["1", "2"]),
        ([1.0, 2.5, float("nan")], "text", ["1", "2.5", None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "text", ["a", "b", "a"]),
        (pa.array(["a"], pa.large_string()), "text", ["a"]),
        (["true", "False", "YES", "no", "1", "0"], "flag", [True, False, True, False, True, False]),
        ([1, 0, None], "flag", [True, False, None]),
        ([0.0, float("nan")], "flag", [False, None]),
        (["2012-06-01"], "date", [date(2012, 6, 1)]),
        ([datetime(2012, 6, 1, 23, 59)], "date", [date(2012, 6, 1)]),  # noqa: DTZ001
        (["2012-06-01", "2012-06-01 12:00:00"], "timestamp", [MIDNIGHT, NOON]),
        (["2012-06-01T12:00:00Z", "2012-06-01T14:00:00+02:00", "2012-06-01 07:00:00-0500"], "timestamp", [NOON] * 3),
        ([date(2012, 6, 1)], "timestamp", [MIDNIGHT]),
        ([datetime(2012, 6, 1, 12)], "timestamp", [NOON]),  # noqa: DTZ001
        (pa.array([int(NOON.timestamp()) * 10**9 + 999], pa.timestamp("ns")), "timestamp", [NOON]),
        (pa.nulls(2), "number", [None, None]),
    ],
)  # fmt: skip
def test_a_value_that_fits_is_taken_as_it_is(values, declared, expected):
    assert cast(values, declared) == expected


@pytest.mark.parametrize(
    ("values", "declared", "shown"),
    [
        (["1", "1.5"], "integer", "'1.5'"),
        ([1.0, 2.5, 3.0], "integer", "2.5"),
        ([float("inf")], "integer", "inf"),
        (["9" * 30], "integer", "'999999999"),
        (["1", "2", "three"], "number", "'three'"),
        ([2**53 + 1], "number", "9007199254740993"),
        ([0, 1, 2], "flag", "2"),
        (["maybe"], "flag", "'maybe'"),
        (["01/06/2012"], "date", "'01/06/2012'"),
        (["2012-13-01"], "date", "'2012-13-01'"),
        (["2012-06-01 25:00:00"], "timestamp", "'2012-06-01 25:00:00'"),
    ],
)
def test_a_value_that_does_not_fit_is_shown_with_its_column(values, declared, shown):
    with pytest.raises(PartitionUnreadableError) as caught:
        cast(values, declared)
    assert f"rides.csv: column 'c' holds {shown}" in str(caught.value)
    assert f"which is no {declared}; correct its type in dataset.columns or the delivered value" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "declared"),
    [
        ([20120601], "date"),  # Arrow would count days since 1970
        ([20120601], "timestamp"),
        ([date(2012, 6, 1)], "number"),
        ([date(2012, 6, 1)], "text"),
        ([[1]], "number"),
        ([{"a": 1}], "text"),
        ([b"\xff"], "text"),
    ],
)
def test_a_type_that_means_something_else_is_refused(values, declared):
    with pytest.raises(PartitionUnreadableError, match=rf"column 'c' has type .+, which is no {declared}"):
        cast(values, declared)


def test_the_shown_value_is_the_first_that_does_not_fit_and_is_cut():
    values = ["1"] * 1000 + ["x" * 500] + ["y"] * 1000
    with pytest.raises(PartitionUnreadableError, match="holds 'xxxxx") as caught:
        cast(pa.chunked_array([values[:700], values[700:]]), "number")
    assert len(str(caught.value)) < 200


def test_negative_zero_and_zero_are_one_number():
    table = cast_table(pa.table({"c": [-0.0, 0.0]}), {"c": ColumnType.NUMBER}, "x")
    assert [str(value) for value in table.column("c").to_pylist()] == ["0.0", "0.0"]


def test_a_missing_column_is_named_with_the_nearest_one_found():
    table = pa.table({"temprature": [1.0], "hour": [1]})
    with pytest.raises(PartitionUnreadableError, match=r"'temperature' is missing .* did you mean 'temprature'"):
        cast_table(table, {"temperature": ColumnType.NUMBER}, "rides.csv")


def test_a_missing_column_without_a_near_one_lists_what_was_found():
    with pytest.raises(PartitionUnreadableError, match="'target' is missing among 2 columns; found: a, b"):
        cast_table(pa.table({"b": [1], "a": [1]}), {"target": ColumnType.NUMBER}, "rides.csv")


def test_a_column_that_comes_twice_is_refused():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(PartitionUnreadableError, match="column 'a' comes 2 times"):
        cast_table(table, {"a": ColumnType.INTEGER}, "rides.csv")


def test_columns_that_are_not_declared_are_left_out_and_the_order_is_the_declared_one():
    columns = {"b": ColumnType.INTEGER, "a": ColumnType.INTEGER}
    assert cast_table(pa.table({"x": [0], "a": [1], "b": [2]}), columns, "x").column_names == ["b", "a"]
