"""The model spec and the suite of the real data set, against the real data."""

import csv
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from fakes.whole_tables import canonical_table
from titlebout.adapters.gx_validator import GxValidator
from titlebout.core.ports import SuiteResult
from titlebout.core.results import Severity
from titlebout.project import load_model_spec, load_suite

DATA = Path(os.environ.get("TITLEBOUT_DATA") or Path(__file__).parents[2] / "shared" / "data")
HOURS = DATA / "bike_sharing" / "hour.csv"

SPEC = load_model_spec("bike_sharing")
SUITE = load_suite("bike_sharing")


@pytest.fixture(scope="module")
def hours() -> pa.Table:
    if not HOURS.exists():
        pytest.skip(f"{HOURS} is absent; set TITLEBOUT_DATA to the folder that holds bike_sharing/hour.csv")
    return pa.csv.read_csv(HOURS)


@pytest.fixture(scope="module")
def engine() -> GxValidator:
    return GxValidator()


def judge(engine: GxValidator, table: pa.Table, folder: Path) -> SuiteResult:
    path = folder / "data.parquet"
    pq.write_table(canonical_table(table, SPEC.dataset), path)
    return engine.validate(path, SUITE, key_columns=SPEC.dataset.key_columns)


def day(hours: pa.Table, key: str) -> pa.Table:
    return hours.filter(pc.equal(hours["dteday"], pa.scalar(key).cast(pa.date32())))


def critical(result: SuiteResult) -> list[tuple[str, str | None]]:
    return [(each.expectation, each.column) for each in result.failures if each.severity is Severity.CRITICAL]


def test_the_spec_declares_every_column_of_the_file_in_its_order():
    if not HOURS.exists():
        pytest.skip(f"{HOURS} is absent")
    with HOURS.open() as file:
        assert list(SPEC.dataset.columns) == next(csv.reader(file))


def test_every_column_has_a_role_or_a_reason_to_have_none():
    features = SPEC.training.features
    roles = {*features.numeric, *features.categorical, *features.date_parts, *features.excluded}

    assert set(SPEC.dataset.columns) == roles | {SPEC.dataset.target}


def test_an_ordinary_day_passes(engine, hours, tmp_path):
    assert judge(engine, day(hours, "2012-06-01"), tmp_path).failures == ()


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("2012-10-29", ("expect_table_row_count_to_be_between", None)),  # one row: Hurricane Sandy
        ("2012-10-30", ("expect_table_row_count_to_be_between", None)),  # half a day
        ("2011-03-10", ("expect_column_max_to_be_between", "hum")),  # humidity 0 all day
    ],
)
def test_a_day_with_a_known_fault_is_rejected_for_it(engine, hours, tmp_path, key, fault):
    assert critical(judge(engine, day(hours, key), tmp_path)) == [fault]


def test_a_frozen_sensor_is_a_warning(engine, hours, tmp_path):
    (failure,) = judge(engine, day(hours, "2012-08-17"), tmp_path).failures

    assert (failure.column, failure.severity) == ("atemp", Severity.WARNING)


def replaced(table: pa.Table, name: str, values: list) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hr", 24),
        ("cnt", None),
        ("cnt", -1),
        ("cnt", 429_490),
        ("temp", None),
        ("temp", 20.0),
        ("atemp", -0.5),
        ("hum", 62.0),
        ("windspeed", -200.0),
        ("weathersit", 9),
    ],
)
def test_one_bad_value_in_a_column_rejects_the_day(engine, hours, tmp_path, name, value):
    table = day(hours, "2012-06-01")
    values = table[name].to_pylist()
    values[3] = value

    assert name in [column for _, column in critical(judge(engine, replaced(table, name, values), tmp_path))]


def test_a_day_without_any_humidity_is_rejected(engine, hours, tmp_path):
    table = day(hours, "2012-06-01")

    failures = critical(judge(engine, replaced(table, "hum", [0.0] * len(table)), tmp_path))
    nothing = table.set_column(table.schema.get_field_index("hum"), "hum", pa.nulls(len(table), pa.float64()))

    assert failures == [("expect_column_max_to_be_between", "hum")]
    assert ("expect_column_max_to_be_between", "hum") in critical(judge(engine, nothing, tmp_path))


def test_an_hour_that_came_twice_rejects_the_day(engine, hours, tmp_path):
    table = day(hours, "2012-06-01")
    doubled = pa.concat_tables([table.slice(0, 23), table.slice(0, 1)])

    assert critical(judge(engine, doubled, tmp_path)) == [("expect_compound_columns_to_be_unique", None)]


def test_rows_of_another_day_reject_the_day(engine, hours, tmp_path):
    mixed = pa.concat_tables([day(hours, "2012-06-01").slice(0, 12), day(hours, "2012-06-02").slice(12)])

    assert critical(judge(engine, mixed, tmp_path)) == [("expect_column_unique_value_count_to_be_between", "dteday")]


@pytest.mark.slow
def test_of_two_years_nine_days_are_rejected(engine, hours, tmp_path):
    rejected = [
        str(key)
        for key in pc.unique(hours["dteday"]).to_pylist()
        if critical(judge(engine, day(hours, str(key)), tmp_path))
    ]

    assert rejected == [
        "2011-01-18",  # in winter 2011 ice and snow closed the service, in August Hurricane Irene
        "2011-01-26",
        "2011-01-27",
        "2011-02-22",
        "2011-03-10",  # the humidity sensor was dead
        "2011-08-27",
        "2011-08-28",
        "2012-10-29",  # Hurricane Sandy
        "2012-10-30",
    ]
