"""The day files of the demo's own data set: generated demand, broken and drifted where the scenario says so."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv

from titlebout.core.demand_generator import FIRST_DAY, ROWS_PER_DAY, Array, Measurements, generate
from titlebout.core.partitions import parse_key
from titlebout.demo.scenario import Scenario

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
