"""The generated data set: hourly electricity demand of four supply areas, made by arithmetic from a seed."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FIRST_DAY = date(2021, 1, 1)
DAYS = 1461  # four years, one of them a leap year: 2021 to 2024, then 2025 to 2028 and so on
ROWS_PER_DAY = 24 * 4
AREAS = ("airport", "centre", "harbour", "north")
WEATHER = ("clear", "cloudy", "rain")
HOLIDAYS = ("01-01", "05-01", "10-03", "12-25", "12-26")


@dataclass(frozen=True)
class Measurements:
    """Columns of equal length, one row per hour and area, oldest first."""

    hour: Array
    area: Array
    temperature_celsius: Array
    humidity_percent: Array
    wind_metres_per_second: Array
    """NaN where the anemometer had no reading, in about 2 % of the rows."""
    weather: Array
    is_holiday: Array
    demand_kwh: Array
    peak_kw: Array
    """Highest quarter of an hour; known only with the demand itself, so it must not be a feature."""

    def columns(self) -> dict[str, Array]:
        """Return the columns by name, in the order of the file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def take(self, rows: Array | slice) -> "Measurements":
        """Return some of the rows, by position."""
        return Measurements(**{name: values[rows] for name, values in self.columns().items()})


def generate(seed: int, period: int = 0) -> Measurements:
    """Make four years of measurements.

    Demand follows area, hour, weekday, holidays, heating and cooling, rain and a slow growth, with 4 % noise.

    Args:
        seed: The same seed gives the same rows.
        period: Which four years: 0 for 2021 to 2024, 1 for the four after them. Demand grows on through all.
    """
    random = np.random.default_rng([seed, period] if period else seed)
    day = np.repeat(np.arange(DAYS), ROWS_PER_DAY)
    hour = np.tile(np.repeat(np.arange(24), len(AREAS)), DAYS)
    area = np.tile(np.arange(len(AREAS)), DAYS * 24)
    calendar = np.datetime64(FIRST_DAY + timedelta(days=period * DAYS), "D") + np.arange(DAYS)
    is_holiday = np.isin(np.array([str(date)[5:] for date in calendar]), HOLIDAYS)
    is_free = (is_holiday | ((calendar.astype(int) + 3) % 7 >= 5))[day]  # 1970-01-01 was a Thursday
    wetness, temperature, humidity, wind = _weather(random, day, hour, area)
    work = 1 + 0.35 * np.exp(-(((hour - 11) / 5.0) ** 2)) + 0.25 * np.exp(-(((hour - 19) / 2.5) ** 2))
    leisure = 0.85 + 0.30 * np.exp(-(((hour - 14) / 6.0) ** 2))
    climate = 1 + 0.018 * np.maximum(0, 15 - temperature) + 0.03 * np.maximum(0, temperature - 20)
    growth = 1 + 6e-5 * (day + period * DAYS)
    size = np.array((310.0, 900.0, 520.0, 640.0))[area]
    demand = size * np.where(is_free, leisure, work) * climate * (1 + 0.04 * wetness) * growth
    demand *= np.exp(random.normal(0, 0.04, len(day)))
    return Measurements(
        hour=calendar[day].astype("datetime64[h]") + hour.astype("timedelta64[h]"),
        area=np.array(AREAS)[area],
        temperature_celsius=temperature.round(1),
        humidity_percent=humidity.round(),
        wind_metres_per_second=wind.round(1),
        weather=np.array(WEATHER)[np.digitize(wetness, (0.35, 0.65))],
        is_holiday=is_holiday[day],
        demand_kwh=demand.round(1),
        peak_kw=(demand * random.uniform(1.05, 1.25, len(day))).round(1),
    )


def _weather(random: np.random.Generator, day: Array, hour: Array, area: Array) -> tuple[Array, Array, Array, Array]:
    """Make wetness (0 to 1), temperature, humidity and wind: season, hour, and spells of several days."""
    spell = np.convolve(random.normal(0, 3.2, DAYS + 3), (0.4, 0.3, 0.2, 0.1), "valid")
    cold_spell = (spell < 0).repeat(4)  # wetness changes every six hours
    wetness = np.repeat(0.6 * random.random(DAYS * 4) + 0.4 * cold_spell, 6 * len(AREAS))
    season = np.sin(2 * np.pi * (day - 105) / 365.25)
    sun = np.sin(2 * np.pi * (hour - 9) / 24)
    climate = np.array((0.4, 1.2, -0.3, -1.1))[area]
    temperature = 11 + 9 * season + 4 * sun + spell[day] + climate + random.normal(0, 0.6, len(day))
    humidity = np.clip(68 - 8 * sun + 22 * (wetness - 0.5) + random.normal(0, 4, len(day)), 15, 100)
    wind = random.gamma(2.2, 1.7, len(day)) * (1 + 0.5 * wetness)
    wind[random.random(len(day)) < 0.02] = np.nan
    return wetness, temperature, humidity, wind
