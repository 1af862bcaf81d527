"""The generated data set: the same from every machine, and broken exactly where it says."""

import io
from dataclasses import replace

import numpy as np
import pyarrow.csv
import pytest

from fakes.whole_tables import canonical_table
from titlebout.core.demand_generator import ROWS_PER_DAY
from titlebout.core.partitions import keys_between
from titlebout.core.specs.spec import ModelSpec
from titlebout.demo.generator import SCENARIO, DemandFeed
from titlebout.project import load_model_spec, load_suite


@pytest.fixture(scope="module")
def feed() -> DemandFeed:
    return DemandFeed()


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_model_spec("demand_demo")


def read(content: bytes):
    return pyarrow.csv.read_csv(io.BytesIO(content))


def test_the_same_seed_gives_the_same_bytes_whatever_was_asked_before(feed):
    other = DemandFeed()
    other.day("2023-01-01")
    assert other.day("2024-05-01") == feed.day("2024-05-01")


def test_another_seed_gives_other_rows(feed):
    assert DemandFeed(seed=1).day("2024-05-01") != feed.day("2024-05-01")


def test_every_day_that_is_not_faulty_fits_the_model_spec(feed, spec):
    for key in keys_between("2024-05-20", SCENARIO.drift_last):
        if key not in SCENARIO.faulty:
            table = canonical_table(read(feed.day(key)), spec.dataset)
            assert table.num_rows == ROWS_PER_DAY
            assert str(table["hour"][0].as_py().date()) == key == str(table["hour"][-1].as_py().date())


def test_the_feature_columns_are_those_of_the_spec(feed, spec):
    assert read(feed.day("2024-05-01")).column_names == list(spec.dataset.columns)


@pytest.mark.parametrize("key", sorted(SCENARIO.faulty))
def test_a_faulty_day_differs_from_what_it_would_have_been(feed, key):
    sound = DemandFeed(scenario=replace(SCENARIO, faulty={}))
    assert feed.day(key) != sound.day(key)


def test_an_empty_day_keeps_its_header(feed):
    header, *rows = feed.day("2024-06-07").splitlines()
    assert header.startswith(b'"hour"')
    assert rows == []


def test_a_frozen_sensor_shows_one_temperature(feed):
    assert len(set(read(feed.day("2024-06-13"))["temperature_celsius"].to_pylist())) == 1


def test_a_flood_of_nulls_leaves_every_fifth_temperature(feed):
    assert read(feed.day("2024-06-19"))["temperature_celsius"].null_count == ROWS_PER_DAY - 20


def test_a_truncated_day_ends_in_the_middle_of_a_line(feed):
    last = feed.day("2024-06-25").splitlines()[-1]
    assert last.count(b",") < 8


def test_duplicates_are_the_same_rows_twice(feed):
    lines = feed.day("2024-07-04").splitlines()[1:]
    assert len(lines) == ROWS_PER_DAY * 3 // 2
    assert len(set(lines)) == ROWS_PER_DAY


def test_sentinels_stand_for_some_temperatures_only(feed):
    values = read(feed.day("2024-07-09"))["temperature_celsius"].to_pylist()
    assert 0 < values.count(-999.0) < len(values) / 2


def test_injected_drift_moves_temperature_and_demand_by_what_is_printed(feed):
    before, after = read(feed.day("2024-07-20")), read(feed.day("2024-07-20", drifted=True))
    warmer = np.subtract(after["temperature_celsius"], before["temperature_celsius"])
    growth = np.divide(after["demand_kwh"], before["demand_kwh"])
    assert warmer == pytest.approx(8.0)
    assert growth == pytest.approx(1.5)
    assert "+ 8 °C" in SCENARIO.injection
    assert "x 1.5" in SCENARIO.injection
    assert before["humidity_percent"].equals(after["humidity_percent"])


def test_a_day_outside_the_four_years_is_refused(feed):
    with pytest.raises(ValueError, match="2025-01-01"):
        feed.day("2025-01-01")


def test_the_scenario_has_a_fault_in_its_backfill_and_enough_days():
    assert len(SCENARIO.backfilled) >= 14
    assert SCENARIO.backfilled_and_faulty == ("2024-07-04", "2024-07-09")
    assert len(SCENARIO.drifting) == 9


def test_the_suite_guards_every_column_that_the_model_uses(spec):
    guarded = {str(expectation["kwargs"].get("column")) for expectation in load_suite("demand_demo")["expectations"]}
    assert {"temperature_celsius", "humidity_percent", "wind_metres_per_second", "area", "weather"} <= guarded
    assert spec.dataset.target in guarded
