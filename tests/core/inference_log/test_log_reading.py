"""Segments become tables, tables become files, and every row is read once."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from fakes.lake import MemoryLake
from fakes.written_requests import request_line
from titlebout.core.cadences import Cadence
from titlebout.core.errors import CorruptObjectError
from titlebout.core.inference_log.log_lines import (
    FORMAT,
    LoggedColumn,
    LoggedRelease,
    LoggedRequest,
    SegmentHead,
    line,
)
from titlebout.core.inference_log.log_reading import (
    log_files,
    logged_partitions,
    publish_log,
    read_inference_log,
)
from titlebout.core.inference_log.log_tables import SCHEMA, tables_by_partition
from titlebout.core.partitions import Calendar
from titlebout.core.release_roles import ReleaseRole

SERVER = "0123456789abcdef"
NOON = datetime(2024, 5, 2, 12, tzinfo=UTC).timestamp()
TYPES = {"day": "date", "at": "timestamp", "age": "integer", "income": "number", "town": "text", "is_new": "flag"}
VALUES = ["2024-05-02", "2024-05-02T14:00:00+02:00", 5.0, 2, "Oslo", True]


def release(number: int = 0, version: str = "v1", **policies: str) -> LoggedRelease:
    columns = {name: LoggedColumn(type=kind, policy=policies.get(name, "value")) for name, kind in TYPES.items()}
    return LoggedRelease(release=number, version=version, token=3 + number, timezone="UTC", columns=columns)


def request(number: int, at: float = NOON, by: LoggedRelease | None = None, rows=(VALUES,), **others) -> LoggedRequest:
    given = LoggedRequest(
        number, 0, f"r{number}", at, ReleaseRole.CHAMPION, "predict", 0.001, by or release(), rows, [1.5] * len(rows)
    )
    return given._replace(**others)


def segment(*requests: LoggedRequest) -> bytes:
    releases = sorted({each.release.release: each.release for each in requests}.items())
    head = SegmentHead(format=FORMAT, model="demand", server=SERVER)
    lines = [line(each.model_dump(mode="json")) for each in (head, *(found for _, found in releases))]
    return b"".join([*lines, *map(request_line, requests)])


def published(*segments: bytes, lake: MemoryLake | None = None) -> MemoryLake:
    lake = lake or MemoryLake()
    for number, content in enumerate(segments):
        for key, table in tables_by_partition(content, "here", Calendar()).items():
            publish_log(lake, "demand", key, f"{SERVER}-{number:08d}", table)
    return lake


def test_a_row_is_typed_and_says_where_it_comes_from():
    [row] = read_inference_log(published(segment(request(1))), "demand", "2024-05-02").to_pylist()
    assert row == {
        "request_id": "r1",
        "row": 0,
        "time": datetime(2024, 5, 2, 12, tzinfo=UTC),
        "version": "v1",
        "token": 3,
        "role": "champion",
        "route": "predict",
        "seconds": 0.001,
        "score": 1.5,
        "scores": None,
        "server": SERVER,
        "number": 1,
        "field_day": date(2024, 5, 2),
        "field_at": datetime(2024, 5, 2, 12, tzinfo=UTC),
        "field_age": 5,
        "field_income": 2.0,
        "field_town": "Oslo",
        "field_is_new": True,
    }


def test_probabilities_of_classes_stand_in_a_column_of_their_own():
    table = read_inference_log(published(segment(request(1, scores=[[0.25, 0.75]]))), "demand", "2024-05-02")
    assert (table["score"].to_pylist(), table["scores"].to_pylist()) == ([None], [[0.25, 0.75]])


@pytest.mark.parametrize(
    ("calendar", "keys"),
    [
        (Calendar(Cadence.HOURLY, "Asia/Tokyo"), ["2024-05-02T23", "2024-05-03T00"]),
        (Calendar(Cadence.DAILY, "UTC"), ["2024-05-02", "2024-05-03"]),
        (Calendar(Cadence.DAILY, "Asia/Tokyo"), ["2024-05-03"]),
        (Calendar(Cadence.WEEKLY, "UTC"), ["2024-W18"]),
        (Calendar(Cadence.MONTHLY, "UTC"), ["2024-05"]),
    ],
)
def test_a_row_lies_in_the_partition_in_which_it_was_answered(calendar, keys):
    before, after = NOON + 12 * 3600 - 0.001, NOON + 12 * 3600
    assert [*tables_by_partition(segment(request(1, before), request(2, after)), "here", calendar)] == keys


def test_rows_are_read_once_and_in_the_order_of_time():
    late, early = request(1, NOON + 1, rows=[VALUES] * 2), request(2, NOON)
    torn_and_again = segment(late, late._replace(rows=late.rows[:1], scores=[1.5]), early)
    found = read_inference_log(published(torn_and_again, segment(late)), "demand", "2024-05-02")
    assert list(zip(found["number"].to_pylist(), found["row"].to_pylist(), strict=True)) == [(2, 0), (1, 0), (1, 1)]


def test_two_requests_with_one_name_are_two():
    found = read_inference_log(
        published(segment(request(1, request_id="same"), request(2, request_id="same"), request(3))),
        "demand",
        "2024-05-02",
    )
    named = zip(found["request_id"].to_pylist(), found["number"].to_pylist(), strict=True)
    assert [number for name, number in named if name == "same"] == [1, 2]


def test_a_segment_is_published_once_however_often_it_is_collected():
    lake = published(segment(request(1)))
    before = dict(lake.objects)
    published(segment(request(1)), lake=lake)
    assert lake.objects == before
    assert logged_partitions(lake, "demand") == ["2024-05-02"]


def test_what_changed_in_between_is_text_and_what_was_dropped_is_missing():
    hashing = release(1, "v2", age="hash")
    narrow = LoggedRelease(release=2, version="v3", token=9, timezone="UTC", columns={})
    hashed_values = [*VALUES[:2], "ab12", *VALUES[3:]]
    one = segment(request(1), request(2, by=hashing, rows=[hashed_values]), request(3, by=narrow, rows=[[]]))
    apart = published(segment(request(1)), segment(request(2, by=release(0, "v2", age="hash"), rows=[hashed_values])))
    assert read_inference_log(published(one), "demand", "2024-05-02")["field_age"].to_pylist() == ["5", "ab12", None]
    assert read_inference_log(apart, "demand", "2024-05-02")["field_age"].to_pylist() == ["5", "ab12"]


def test_nothing_was_logged_of_other_partitions():
    assert read_inference_log(MemoryLake(), "demand", "2024-05-02").equals(SCHEMA.empty_table())
    assert isinstance(SCHEMA, pa.Schema)


def test_a_file_whose_bytes_were_changed_is_not_read():
    lake = published(segment(request(1)))
    [path] = log_files(lake, "demand")
    lake.objects[path] = lake.objects[path][:-1] + b"x"
    with pytest.raises(CorruptObjectError, match="not those that its name promises"):
        read_inference_log(lake, "demand", "2024-05-02")


@pytest.mark.parametrize(
    ("column", "sent", "kept"),
    [("town", "Oslo \ud800", "Oslo \\ud800"), ("at", "0001-01-01T00:00:00+14:00", None), ("town", None, None)],
)
def test_nothing_that_a_client_may_send_stops_the_log(column, sent, kept):
    values = [sent if name == column else value for name, value in zip(TYPES, VALUES, strict=True)]
    found = read_inference_log(published(segment(request(1, rows=[values]))), "demand", "2024-05-02")
    assert found[f"field_{column}"].to_pylist() == [kept]


def test_a_row_that_does_not_fit_its_columns_is_corrupt():
    with pytest.raises(CorruptObjectError, match="here: a row does not fit its columns"):
        tables_by_partition(segment(request(1, rows=[["no day", *VALUES[1:]]])), "here", Calendar())
    with pytest.raises(CorruptObjectError, match="here: a row does not fit its columns"):
        tables_by_partition(segment(request(1, rows=[VALUES[:2]])), "here", Calendar())
