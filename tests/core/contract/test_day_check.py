"""Where a local day begins and ends, and how rows of other days are counted."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from fakes.judged_days import contract_of
from titlebout.core.contract.day_check import rows_of_other_days, stored_day
from titlebout.core.suites.decoded_column import DecodedColumn


def moments_contract(timezone="UTC"):
    return contract_of(
        dataset__columns={"when": "timestamp", "hour": "integer", "rentals": "number"},
        dataset__time_column="when",
        dataset__key_columns=["when"],
        schedule__timezone=timezone,
        training__features={"numeric": ["hour"]},
    )


def moments(*texts):
    values = [text and datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]
    return DecodedColumn("when", pa.chunked_array([pa.array(values, pa.timestamp("us", tz="UTC"))]))


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("UTC", "2024-03-31", 24),
        ("Europe/Berlin", "2024-03-31", 23),
        ("Europe/Berlin", "2024-10-27", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # midnight itself was left out
    ],
)
def test_a_day_is_as_long_as_its_time_zone_makes_it(timezone, day, hours):
    start, end = stored_day(moments_contract(timezone), day)
    assert (end - start) / 3_600_000_000 == hours


def test_the_last_microsecond_belongs_to_the_day_and_the_next_midnight_does_not():
    column = moments("2024-03-01T23:59:59.999999", "2024-03-02T00:00:00", "2024-02-29T23:59:59.999999")
    (found,) = rows_of_other_days(moments_contract(), "2024-03-01", column, [column])
    assert found.observed == {"2024-02-29": 1, "2024-03-02": 1}
    assert [example["when"][:10] for example in found.examples] == ["2024-03-02", "2024-02-29"]


def test_rows_of_the_day_are_no_violation():
    column = moments("2024-03-01T00:00:00", "2024-03-01T12:00:00")
    assert rows_of_other_days(moments_contract(), "2024-03-01", column, [column]) == []


def test_many_other_days_are_named_by_the_ten_fullest():
    texts = [f"2023-01-{day:02}T12:00:00" for day in range(1, 29)] + ["2023-01-28T13:00:00"]
    column = moments(*texts, None)
    (found,) = rows_of_other_days(moments_contract(), "2024-03-01", column, [])
    assert len(found.observed) == 11
    assert (found.observed["2023-01-28"], found.observed["no time"], found.rows) == (2, 1, 30)


def test_the_last_hour_of_the_calendar_is_shown_without_a_crash():
    column = moments("9999-12-31T23:30:00")
    (found,) = rows_of_other_days(moments_contract("Asia/Tokyo"), "2024-03-01", column, [])
    assert found.observed == {"outside the years 1 to 9999": 1}
