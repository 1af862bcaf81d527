"""The generated measurements: the same for the same seed, and plausible enough to learn from."""

import numpy as np
import pytest

from titlebout.core.demand_generator import DAYS, ROWS_PER_DAY, generate


def test_four_years_of_hours_are_there_with_nulls_in_one_column_only():
    rows = generate(7)
    assert len(rows.hour) == DAYS * ROWS_PER_DAY == 140_256
    assert str(rows.hour[0]) == "2021-01-01T00"
    assert str(rows.hour[-1]) == "2024-12-31T23"
    empty = {name: np.isnan(values).mean() for name, values in rows.columns().items() if values.dtype.kind == "f"}
    assert empty.pop("wind_metres_per_second") == pytest.approx(0.02, abs=0.002)
    assert set(empty.values()) == {0.0}


def test_demand_follows_the_weekday_and_the_cold():
    rows = generate(7)
    days = rows.hour.astype("datetime64[D]")
    is_sunday = (days.astype(int) + 3) % 7 == 6
    at_eleven = rows.hour.astype(int) % 24 == 11
    demand, temperature = rows.demand_kwh, rows.temperature_celsius
    assert demand[at_eleven & ~is_sunday].mean() > 1.1 * demand[at_eleven & is_sunday].mean()
    assert demand[temperature < 0].mean() > 1.1 * demand[(temperature > 12) & (temperature < 18)].mean()


def test_the_next_four_years_go_on_where_the_first_end_and_demand_grows_on():
    first, second = generate(7), generate(7, period=1)
    assert str(second.hour[0]) == "2025-01-01T00"
    assert str(second.hour[-1]) == "2028-12-31T23"
    assert second.demand_kwh.mean() == pytest.approx(1.085 * first.demand_kwh.mean(), rel=0.02)
    assert not np.array_equal(first.temperature_celsius, second.temperature_celsius)
