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
from titlebout.core.errors import UnavailableError
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
    found = {day: pa.Table.from_batches(calendar.rows_of(day), schema=schema) for day in DAYS}
    assert all(calendar.has(day) == bool(table.num_rows) for day, table in found.items())
    return {day: table.column("hour").to_pylist() for day, table in found.items()}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | st.sampled_from(DAYS), max_size=40), st.integers(1, 7), st.sampled_from([1, 300, 10**9]))
def test_each_day_keeps_its_rows_in_their_order(days: list, batch_rows: int, memory_bytes: int):
    batches = rows(days).to_batches(max_chunksize=batch_rows)
    calendar = RowCalendar(batches, DATASET, "UTC", memory_bytes=memory_bytes)
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
    calendar = RowCalendar(table.to_batches(), section, "America/New_York", memory_bytes=memory_bytes)
    assert calendar.has(date(2024, 1, 1))
    assert not calendar.has(date(2024, 1, 2))


def test_what_is_spilled_has_no_name_and_is_gone_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    calendar = RowCalendar(rows(DAYS * 10).to_batches(max_chunksize=5), DATASET, "UTC", memory_bytes=1)
    assert hours(calendar)[FIRST] == list(range(0, 60, 6))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch):
    def refuse(self: object, *args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pa.ipc.RecordBatchFileWriter, "write_batch", refuse)
    with pytest.raises(UnavailableError, match="make room for temporary files"):
        RowCalendar(rows(DAYS * 10).to_batches(max_chunksize=5), DATASET, "UTC", memory_bytes=1)
