"""Rows day by day: the same from memory and from a temporary file."""

import errno
import os
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.cadences import Cadence
from titlebout.core.errors import UnavailableError
from titlebout.core.partitions import Calendar, shift_key
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.row_calendar import RowCalendar

DATASET = demand_spec().dataset
FIRST = date(2024, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(6)]


def rows(days: list[date | None]) -> pa.Table:
    columns: dict[str, list] = {"day": days, "hour": list(range(len(days)))}
    nothing = dict.fromkeys(("temperature", "weather", "rentals"), [None] * len(days))
    return pa.table(columns | nothing, schema=arrow_schema(DATASET.columns))


def hours(calendar: RowCalendar) -> dict[date, list[int]]:
    schema = arrow_schema(DATASET.columns)
    found = {day: pa.Table.from_batches(calendar.rows_of(day.isoformat()), schema=schema) for day in DAYS}
    assert all(calendar.has(day.isoformat()) == bool(table.num_rows) for day, table in found.items())
    return {day: table.column("hour").to_pylist() for day, table in found.items()}


@settings(max_examples=60)
@given(st.lists(st.none() | st.sampled_from(DAYS), max_size=40), st.integers(1, 7), st.sampled_from([1, 300, 10**9]))
def test_each_day_keeps_its_rows_in_their_order(days: list, batch_rows: int, memory_bytes: int):
    batches = rows(days).to_batches(max_chunksize=batch_rows)
    calendar = RowCalendar(batches, DATASET, Calendar(), memory_bytes=memory_bytes)
    assert hours(calendar) == {day: [number for number, found in enumerate(days) if found == day] for day in DAYS}
    assert calendar.undated_rows == days.count(None)
    assert hours(calendar) == hours(calendar)


@pytest.mark.parametrize("memory_bytes", [1, 10**9])
def test_a_day_is_one_of_the_models_time_zone(memory_bytes: int):
    section = demand_spec(
        dataset__columns={"at": "timestamp", "hour": "integer", "rentals": "number"},
        dataset__time_column="at",
        dataset__key_columns=["at"],
        training__features={"numeric": ["hour"]},
    ).dataset
    moment = datetime(2024, 1, 2, 3, tzinfo=UTC)
    table = pa.table({"at": [moment], "hour": [1], "rentals": [1.0]}, schema=arrow_schema(section.columns))
    in_new_york = Calendar(Cadence.DAILY, "America/New_York")
    calendar = RowCalendar(table.to_batches(), section, in_new_york, memory_bytes=memory_bytes)
    assert calendar.has("2024-01-01")
    assert not calendar.has("2024-01-02")


def test_what_is_spilled_has_no_name_and_is_gone_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    calendar = RowCalendar(rows(DAYS * 10).to_batches(max_chunksize=5), DATASET, Calendar(), memory_bytes=1)
    assert hours(calendar)[FIRST] == list(range(0, 60, 6))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch):
    def refuse(self: object, *args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pa.ipc.RecordBatchFileWriter, "write_batch", refuse)
    with pytest.raises(UnavailableError, match="make room for temporary files"):
        RowCalendar(rows(DAYS * 10).to_batches(max_chunksize=5), DATASET, Calendar(), memory_bytes=1)


@pytest.mark.parametrize("memory_bytes", [1, 10**9])
@pytest.mark.parametrize(
    ("cadence", "key", "start", "end"),
    [
        ("hourly", "2024-10-27T01", "2024-10-27T01:00Z", "2024-10-27T02:00Z"),
        ("hourly", "1969-12-31T23", "1969-12-31T23:00Z", "1970-01-01T00:00Z"),
        ("weekly", "2020-W53", "2020-12-27T23:00Z", "2021-01-03T23:00Z"),
        ("weekly", "1969-W52", "1969-12-21T23:00Z", "1969-12-28T23:00Z"),
        ("monthly", "2024-03", "2024-02-29T23:00Z", "2024-03-31T22:00Z"),
        ("monthly", "1969-12", "1969-11-30T23:00Z", "1969-12-31T23:00Z"),
    ],
)
def test_an_interval_of_each_cadence_begins_and_ends_on_the_microsecond(cadence, key, start, end, memory_bytes):
    section = demand_spec(
        dataset__cadence=cadence,
        dataset__columns={"at": "timestamp", "hour": "integer", "rentals": "number"},
        dataset__time_column="at",
        dataset__key_columns=["at"],
        training__features={"numeric": ["hour"]},
        training__window_days=31,
        training__holdout_days=31,
    ).dataset
    first, after = (datetime.fromisoformat(moment) for moment in (start, end))
    tick = timedelta(microseconds=1)
    moments = [after, first - tick, None, first, after - tick]
    table = pa.table({"at": moments, "hour": [1] * 5, "rentals": [1.0] * 5}, schema=arrow_schema(section.columns))
    calendar = Calendar(Cadence(cadence), "Europe/Berlin")
    rows = RowCalendar(table.to_batches(max_chunksize=1), section, calendar, memory_bytes=memory_bytes)
    found = {moment for batch in rows.rows_of(key) for moment in batch.column("at").to_pylist()}
    assert found == {first, after - tick}
    assert rows.has(shift_key(key, 1))
    assert rows.has(shift_key(key, -1))
    assert not rows.has(shift_key(key, 2))
    assert rows.undated_rows == 1
