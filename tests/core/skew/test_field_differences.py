"""When two values of a feature are the same, and how far apart they are."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.skew.compared_column import ComparedColumn
from titlebout.core.skew.field_differences import ComparedValues, Pairs, compare_field
from titlebout.core.specs.dataset_spec import ColumnType


def compared(declared, logged, delivered, *, is_hash=False):
    kind = pa.string() if is_hash else ARROW_TYPES[declared]
    sides = [pa.chunked_array([pa.array(each, kind)]) for each in (logged, delivered)]
    everywhere = np.arange(len(logged))
    column = ComparedColumn("a", declared, *sides, is_hash=is_hash)
    return compare_field(ComparedValues(column, Pairs(everywhere, everywhere)), None)


@pytest.mark.parametrize(
    ("declared", "logged", "delivered", "largest"),
    [
        (ColumnType.NUMBER, 1.0, 1.0 + 9e-7, None),
        (ColumnType.NUMBER, 1.0, 1.0 + 2e-6, pytest.approx(2e-6, rel=1e-3)),
        (ColumnType.NUMBER, 1e9, 1e9 + 900.0, None),
        (ColumnType.NUMBER, 1e9, 1e9 + 2000.0, 2000.0),
        (ColumnType.INTEGER, 5, 7, 2.0),
        (ColumnType.INTEGER, 2**62, 2**62 + 1, 0.0),
        (ColumnType.INTEGER, 2**63 - 1, -(2**63), pytest.approx(2.0**64)),
        (ColumnType.DATE, date(2024, 3, 1), date(2024, 2, 28), 2.0),
        (ColumnType.TIMESTAMP, datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 1, 1, tzinfo=UTC), 3600.0),
    ],
)
def test_numbers_have_a_tolerance_and_everything_else_is_equal_or_not(declared, logged, delivered, largest):
    found = compared(declared, [logged, delivered], [delivered, delivered])
    assert (found.differing, found.largest) == (int(largest is not None), largest)
    assert compared(declared, [logged], [logged]).differing == 0


@pytest.mark.parametrize("declared", [ColumnType.FLAG, ColumnType.TEXT])
def test_what_has_no_distance_has_none(declared):
    one, other = (True, False) if declared is ColumnType.FLAG else ("a", "b")
    found = compared(declared, [one, one], [one, other])
    assert (found.differing, found.largest, found.typical) == (1, None, None)


@pytest.mark.parametrize("declared", list(ColumnType))
@pytest.mark.parametrize("is_hash", [False, True])
def test_a_value_that_is_missing_on_one_side_differs_and_on_both_does_not(declared, is_hash):
    values = {
        ColumnType.INTEGER: 5,
        ColumnType.NUMBER: 5.0,
        ColumnType.TEXT: "a",
        ColumnType.FLAG: True,
        ColumnType.DATE: date(2024, 3, 1),
        ColumnType.TIMESTAMP: datetime(2024, 3, 1, tzinfo=UTC),
    }
    value = "0" * 32 if is_hash else values[declared]
    found = compared(declared, [value, None, None, value], [None, value, None, value], is_hash=is_hash)
    assert (found.compared, found.differing, found.only_logged, found.only_delivered) == (4, 2, 1, 1)
    assert found.share == 0.5


def test_the_typical_difference_is_that_of_the_rows_that_differ():
    found = compared(ColumnType.NUMBER, [1.0] * 7 + [2.0, 3.0, 101.0], [1.0] * 10)
    assert (found.differing, found.typical, found.largest) == (3, 2.0, 100.0)


def test_nothing_compared_is_no_share():
    assert compared(ColumnType.NUMBER, [], []).share == 0.0
