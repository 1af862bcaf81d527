"""What a driver delivers becomes the declared types, value by value where it must."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from fakes.specs import demand_spec
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.query_rows import batch_of_rows

COLUMNS = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}


def column(declared: str, *values: object, **changes):
    dataset = demand_spec(dataset__columns={**COLUMNS, "x": declared}, **changes).dataset
    rows = [(date(2024, 5, 1), 0, 1.5, "rain", 7, value) for value in values]
    return batch_of_rows(rows, [*COLUMNS, "x"], dataset, "db").column("x").to_pylist()


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("number", [1, 2.5, None], [1.0, 2.5, None]),
        ("number", [Decimal("1.5"), 2.5, "3.5"], [1.5, 2.5, 3.5]),
        ("number", [Decimal("NaN"), Decimal(2)], [None, 2.0]),
        ("number", [2**70, 1], [2.0**70, 1.0]),
        ("integer", ["1", 2, 3.0, Decimal("4.00")], [1, 2, 3, 4]),
        ("integer", [None, None], [None, None]),
        ("text", [UUID(int=1), None], ["00000000-0000-0000-0000-000000000001", None]),
        ("text", ["a", 1, UUID(int=1)], ["a", "1", "00000000-0000-0000-0000-000000000001"]),
        ("flag", [True, 0, "yes"], [True, False, True]),
        ("date", [date(2024, 5, 1), "2024-05-02"], [date(2024, 5, 1), date(2024, 5, 2)]),
    ],
)
def test_values_of_any_kind_that_the_type_can_express(declared, values, expected):
    assert column(declared, *values) == expected


def test_a_time_of_day_survives_a_date_before_it():
    found = column("timestamp", date(2024, 5, 1), datetime(2024, 5, 1, 13, 30, tzinfo=UTC))
    assert [f"{each:%H:%M}" for each in found] == ["00:00", "13:30"]


def test_only_texts_are_read_in_the_way_of_the_spec():
    parsing = {"decimal_separator": ",", "thousands_separator": "."}
    mixed = column("number", "1.234,5", Decimal("2.500"), 3.25, 4, dataset__parsing=parsing)
    assert mixed == [1234.5, 2.5, 3.25, 4.0]
    formats = {"date_formats": {"x": "%d.%m.%Y"}}
    assert column("date", "01.05.2024", date(2024, 5, 2), dataset__parsing=formats) == [
        date(2024, 5, 1),
        date(2024, 5, 2),
    ]


@pytest.mark.parametrize(
    ("declared", "values", "said"),
    [
        ("number", [1, b"\x00"], "column 'x' holds a value of type bytes"),
        ("text", [[1], "a"], "column 'x' has type list"),
        ("text", [object()], "column 'x' holds a value of type object"),
        ("integer", [2**70], "column 'x' holds '1180591620717411303424', which is no integer"),
        ("integer", [1, 2.5], "column 'x' holds 2.5, which is no integer"),
        ("number", [1, "much"], "column 'x' holds 'much', which is no number"),
    ],
)
def test_a_value_that_does_not_fit_is_named(declared, values, said):
    with pytest.raises(PartitionUnreadableError) as caught:
        column(declared, *values)
    assert str(caught.value).startswith("db: ")
    assert said in str(caught.value)
