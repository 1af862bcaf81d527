from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.errors import FieldError
from titlebout.core.reading.casting import cast_table
from titlebout.core.specs.dataset_spec import ColumnType


def column(declared, values, zone=UTC):
    table = cast_table(pa.table({"it": values}), {"it": declared}, "test")
    return SnapshotColumn(table, "it", declared, zone)


def test_integers_numbers_and_flags_become_floats_with_nan_for_what_is_missing():
    np.testing.assert_array_equal(column(ColumnType.FLAG, [True, False, None]).numbers(), [1, 0, np.nan])
    np.testing.assert_array_equal(column(ColumnType.INTEGER, [2**62 + 1, None]).numbers(), [2.0**62, np.nan])


def test_a_function_is_called_once_per_distinct_value():
    calls = []

    def length(value):
        calls.append(value)
        return float(len(value))

    mapped = column(ColumnType.TEXT, ["a", "bbb", None, "a", "a"]).map(length)
    np.testing.assert_array_equal(mapped, [1, 3, np.nan, 1, 1])
    assert calls == ["a", "bbb"]


def test_times_are_floored_to_a_quarter_of_an_hour_before_the_call():
    seen = []
    times = ["2024-01-01T00:14:59Z", "2024-01-01T00:00:01Z", "2024-01-01T00:15:00Z"]
    column(ColumnType.TIMESTAMP, times, ZoneInfo("Asia/Kathmandu")).map_times(lambda value: seen.append(value) or 0.0)
    assert [str(value) for value in seen] == ["2024-01-01 05:45:00", "2024-01-01 06:00:00"]


def test_times_from_before_clocks_went_by_quarters_are_looked_at_one_by_one():
    seen = []
    times = ["1919-12-31T12:20:00Z", "1919-12-31T12:20:01Z", None]
    zone = ZoneInfo("Asia/Kathmandu")  # 5 hours, 41 minutes and 16 seconds ahead until 1920
    column(ColumnType.TIMESTAMP, times, zone).map_times(lambda value: seen.append(value) or 0.0)
    assert [str(value) for value in seen] == ["1919-12-31 18:01:16", "1919-12-31 18:01:17"]
    seen.clear()
    column(ColumnType.TIMESTAMP, times, UTC).map_times(lambda value: seen.append(value) or 0.0)
    assert [str(value) for value in seen] == ["1919-12-31 12:15:00"]


def test_an_empty_column_maps_to_nothing():
    empty = pa.table({"it": pa.chunked_array([], pa.string())})
    assert SnapshotColumn(empty, "it", ColumnType.TEXT, UTC).map(len).shape == (0,)


def test_categories_are_counted_by_their_name_and_missing_ones_apart():
    counted = column(ColumnType.INTEGER, [3, None, 1, 3, None])
    assert (counted.category_counts(), counted.missing) == ({"3": 2, "1": 1}, 2)


def test_an_hour_that_the_clock_shows_twice_is_one_category():
    autumn = ["2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"]
    counts = column(ColumnType.TIMESTAMP, autumn, ZoneInfo("Europe/Berlin")).category_counts()
    assert counts == {"2024-10-27T02:30:00": 2}


def test_values_as_json():
    assert column(ColumnType.DATE, ["2024-01-01", None]).json_values() == ["2024-01-01", None]
    assert column(ColumnType.FLAG, [None, True]).json_values() == [None, True]
    assert column(ColumnType.NUMBER, [0.1, None]).json_values() == [0.1, None]


def test_a_column_that_is_not_there_is_named_with_the_nearest_one():
    with pytest.raises(FieldError, match=r"'itt' is no column of the table; did you mean 'it'\?"):
        SnapshotColumn(pa.table({"it": [1]}), "itt", ColumnType.INTEGER, UTC)
