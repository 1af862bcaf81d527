"""The newest day that a source holds."""

import csv
from datetime import timedelta

import pytest

from fakes.specs import demand_spec
from titlebout.cli.newest_days import newest_day, yesterday
from titlebout.connection_fields import ConnectionFields
from titlebout.core.partitions import format_key, parse_key
from titlebout.wiring import build_source

SPEC = demand_spec()


@pytest.fixture
def connect(tmp_path):
    (tmp_path / "demand").mkdir()
    return lambda conn_id: ConnectionFields(conn_id, "generic", extra={"root": str(tmp_path)})


def newest(spec, connect):
    return newest_day(spec, build_source(spec, connect), connect)


def test_files_are_listed(tmp_path, connect):
    for key in ("2024-03-01", "2024-05-07", "2024-02-28"):
        (tmp_path / "demand" / f"{key}.csv").touch()
    (tmp_path / "demand" / "latest.csv").touch()
    assert newest(SPEC, connect) == "2024-05-07"


def test_days_that_are_not_over_or_too_old_do_not_count(tmp_path, connect):
    future = format_key(parse_key(yesterday(SPEC)) + timedelta(days=1))
    for key in (future, "2023-12-31"):
        (tmp_path / "demand" / f"{key}.csv").touch()
    assert newest(SPEC, connect) is None


def test_one_file_for_all_days_is_looked_through(tmp_path, connect):
    with (tmp_path / "all.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", "hour", "temperature", "weather", "rentals"])
        writer.writerows([[f"2024-03-{day:02}", 1, 2.5, "rain", 3] for day in range(1, 10)])
    assert newest(demand_spec(dataset__source={"kind": "files", "path": "all.csv"}), connect) == "2024-03-09"
