from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from titlebout.core.field_values import (
    category_reader,
    category_text,
    category_value,
    date_part,
    field_reader,
    wall_clock,
    zone_of,
)
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.features_spec import DatePart


@pytest.mark.parametrize(
    ("declared", "found", "read"),
    [
        (ColumnType.INTEGER, -3, -3),
        (ColumnType.INTEGER, 3.0, 3),
        (ColumnType.INTEGER, -(2**63), -(2**63)),
        (ColumnType.NUMBER, 3, 3.0),
        (ColumnType.NUMBER, 2**100, float(2**100)),
        (ColumnType.TEXT, "", ""),
        (ColumnType.FLAG, False, False),
        (ColumnType.DATE, "2012-02-29", date(2012, 2, 29)),
        (ColumnType.TIMESTAMP, "2012-02-29T23:30:00+01:00", datetime.fromisoformat("2012-02-29T22:30")),
        (ColumnType.TIMESTAMP, "2012-02-29 23:30", datetime.fromisoformat("2012-02-29T23:30")),
    ],
)
def test_a_value_of_the_declared_type_is_read(declared, found, read):
    value = field_reader(declared, UTC)(found)
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (ColumnType.INTEGER, True),
        (ColumnType.INTEGER, 1e300),
        (ColumnType.INTEGER, float("nan")),
        (ColumnType.NUMBER, float("-inf")),
        (ColumnType.NUMBER, 10**309),
        (ColumnType.TEXT, 1),
        (ColumnType.TEXT, ["a"]),
        (ColumnType.FLAG, 1),
        (ColumnType.FLAG, "true"),
        (ColumnType.DATE, "2012-02-30"),
        (ColumnType.DATE, "20120229"),
        (ColumnType.DATE, "2012-02-29\n"),
        (ColumnType.DATE, "٢٠١٢-02-29"),
        (ColumnType.DATE, 20120229),
        (ColumnType.TIMESTAMP, "2012-02-29"),
        (ColumnType.TIMESTAMP, "2012-02-29T25:00:00Z"),
        (ColumnType.TIMESTAMP, "0001-01-01T00:00:00+14:00"),
        (ColumnType.TIMESTAMP, 1330473600),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_remedy(declared, found):
    with pytest.raises(ValueError, match=r"^is .+; send .+, or null for an unknown value$"):
        field_reader(declared, UTC)(found)


def test_a_long_value_is_shown_in_part():
    with pytest.raises(ValueError, match="send a whole number") as caught:
        field_reader(ColumnType.INTEGER, UTC)("9" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "declared", "text"),
    [
        ("clear", ColumnType.TEXT, "clear"),
        (3, ColumnType.INTEGER, "3"),
        (3.0, ColumnType.NUMBER, "3.0"),
        (-0.0, ColumnType.NUMBER, "0.0"),
        (True, ColumnType.FLAG, "true"),
        (False, ColumnType.FLAG, "false"),
        (date(2012, 2, 29), ColumnType.DATE, "2012-02-29"),
        (datetime.fromisoformat("2012-02-29T23:30"), ColumnType.TIMESTAMP, "2012-02-29T23:30:00"),
    ],
)
def test_a_category_has_one_name(value, declared, text):
    assert category_text(value, declared) == text


@pytest.mark.parametrize(
    ("part", "number"),
    [(DatePart.HOUR, 17), (DatePart.WEEKDAY, 2), (DatePart.MONTH, 2), (DatePart.DAY_OF_YEAR, 60)],
)
def test_date_parts(part, number):
    assert date_part(datetime.fromisoformat("2012-02-29T17:59:59"), part) == number


def test_a_date_has_no_hour():
    assert date_part(date(2012, 2, 29), DatePart.HOUR) == 0


def test_a_time_without_offset_is_utc_and_is_shown_by_the_clock_of_the_zone():
    naive = datetime.fromisoformat("2012-07-01T12:00")
    assert wall_clock(naive, ZoneInfo("Europe/Berlin")).hour == 14
    assert wall_clock(naive.replace(tzinfo=timezone(timedelta(hours=2))), UTC).hour == 10


def test_utc_needs_no_time_zone_database():
    assert zone_of("UTC") is UTC
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        (ColumnType.INTEGER, "-5", -5),
        (ColumnType.NUMBER, "1.5", 1.5),
        (ColumnType.FLAG, "true", True),
        (ColumnType.FLAG, "false", False),
        (ColumnType.TEXT, "5", "5"),
        (ColumnType.DATE, "2012-02-29", "2012-02-29"),
        (ColumnType.TIMESTAMP, "2012-07-01T12:00:00", "2012-07-01T12:00:00+02:00"),
    ],
)
def test_a_category_is_sent_as_a_value_that_reads_as_it(declared, text, value):
    zone = ZoneInfo("Europe/Oslo")
    assert category_value(text, declared, zone) == value
    assert category_reader(declared, zone)(value) == text
