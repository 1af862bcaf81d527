"""The demo's own data set: hourly electricity demand of four supply areas, made by arithmetic from a seed."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from titlebout.core.partitions import parse_key
from titlebout.demo.scenario import Scenario

Array = NDArray[Any]
FIRST_DAY = date(2021, 1, 1)
DAYS = 1461  # four years: 2021 to 2024
ROWS_PER_DAY = 24 * 4
AREAS = ("airport", "centre", "harbour", "north")
WEATHER = ("clear", "cloudy", "rain")
HOLIDAYS = ("01-01", "05-01", "10-03", "12-25", "12-26")
SEED = 20210101

HEAT_CELSIUS = 8.0
GROWTH = 1.5
SENTINEL = -999.0

SCENARIO = Scenario(
    history_first="2021-01-01",
    backfill_first="2024-07-01",
    backfill_last="2024-07-14",
    live="2024-07-15",
    drift_first="2024-07-16",
    drift_last="2024-07-24",
    faulty={
        "2024-06-07": "empty: the file holds a header and no row",
        "2024-06-13": "frozen sensor: one temperature all day",
        "2024-06-19": "flood of nulls: temperature missing in most rows",
        "2024-06-25": "truncated: the file ends in the middle of a line",
        "2024-07-04": "duplicates: half of the rows are there twice",
        "2024-07-09": f"sentinels: some temperatures are {SENTINEL:.0f}",
    },
    injection=f"a heat wave and a new industry: temperature + {HEAT_CELSIUS:.0f} °C, demand x {GROWTH}",
)


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


class DemandFeed:
    """Delivers day files of generated demand. The same seed gives the same bytes, whatever was asked before."""

    def __init__(self, seed: int = SEED, scenario: Scenario = SCENARIO) -> None:
        """Generate all four years at once."""
        self.scenario = scenario
        self._all = generate(seed)

    def day(self, key: str, *, drifted: bool = False) -> bytes:
        """Return the CSV file of one day, broken where the scenario says so."""
        start = (parse_key(key) - FIRST_DAY).days * ROWS_PER_DAY
        if not 0 <= start < len(self._all.hour):
            message = f"the demand data set has no day {key}"
            raise ValueError(message)
        rows = self._all.take(slice(start, start + ROWS_PER_DAY))
        if drifted:
            rows = replace(
                rows,
                temperature_celsius=rows.temperature_celsius + HEAT_CELSIUS,
                demand_kwh=rows.demand_kwh * GROWTH,
                peak_kw=rows.peak_kw * GROWTH,
            )
        fault = self.scenario.faulty.get(key, "").partition(":")[0]
        return _FAULTS[fault](rows) if fault else to_csv(rows)


def generate(seed: int) -> Measurements:
    """Make four years of measurements.

    Demand follows area, hour, weekday, holidays, heating and cooling, rain and a slow growth, with 4 % noise.
    """
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), ROWS_PER_DAY)
    hour = np.tile(np.repeat(np.arange(24), len(AREAS)), DAYS)
    area = np.tile(np.arange(len(AREAS)), DAYS * 24)
    calendar = np.datetime64(FIRST_DAY, "D") + np.arange(DAYS)
    is_holiday = np.isin(np.array([str(date)[5:] for date in calendar]), HOLIDAYS)
    is_free = (is_holiday | ((calendar.astype(int) + 3) % 7 >= 5))[day]  # 1970-01-01 was a Thursday
    wetness, temperature, humidity, wind = _weather(random, day, hour, area)
    work = 1 + 0.35 * np.exp(-(((hour - 11) / 5.0) ** 2)) + 0.25 * np.exp(-(((hour - 19) / 2.5) ** 2))
    leisure = 0.85 + 0.30 * np.exp(-(((hour - 14) / 6.0) ** 2))
    climate = 1 + 0.018 * np.maximum(0, 15 - temperature) + 0.03 * np.maximum(0, temperature - 20)
    size = np.array((310.0, 900.0, 520.0, 640.0))[area]
    demand = size * np.where(is_free, leisure, work) * climate * (1 + 0.04 * wetness) * (1 + 6e-5 * day)
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


def to_csv(rows: Measurements) -> bytes:
    """Write rows the way the meters deliver them: times with their zone, nothing for a missing number."""
    columns = dict(rows.columns())
    table = pa.table(
        {
            "hour": pa.array(np.char.add(np.datetime_as_string(rows.hour, unit="s"), "Z")),
            **{name: pa.array(values, from_pandas=True) for name, values in columns.items() if name != "hour"},
        }
    )
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(quoting_style="none"))
    return buffer.getvalue()


def _with_temperature(rows: Measurements, where: Array, value: float) -> bytes:
    return to_csv(replace(rows, temperature_celsius=np.where(where, value, rows.temperature_celsius)))


def _every(rows: Measurements, nth: int) -> Array:
    each: Array = np.arange(len(rows.hour)) % nth == 0
    return each


def _twice(rows: Measurements) -> bytes:
    count = len(rows.hour)
    return to_csv(rows.take(np.sort(np.concatenate([np.arange(count), np.arange(0, count, 2)]))))


def _cut(rows: Measurements) -> bytes:
    text = to_csv(rows)
    return text[: len(text) * 6 // 10]


_FAULTS: Mapping[str, Callable[[Measurements], bytes]] = {
    "empty": lambda rows: to_csv(rows.take(slice(0, 0))),
    "frozen sensor": lambda rows: _with_temperature(rows, _every(rows, 1), float(rows.temperature_celsius[0])),
    "flood of nulls": lambda rows: _with_temperature(rows, ~_every(rows, 5), np.nan),
    "truncated": _cut,
    "duplicates": _twice,
    "sentinels": lambda rows: _with_temperature(rows, _every(rows, 7), SENTINEL),
}
