"""Ways in which a day of the demand data goes wrong, as they happen to real deliveries, and who has to notice."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from titlebout.core.demand_generator import Array, Measurements
from titlebout.demo.generator import SENTINEL, to_csv


@dataclass(frozen=True)
class Poison:
    """One way.

    Attributes:
        file: Makes the day's file from its true rows and those of the day before.
        found_by: Expectations of the suite and contract checks that must be among the failures in the ledger.
    """

    file: Callable[[Measurements, Measurements], bytes]
    found_by: tuple[str, ...]


def _some(rows: Measurements, nth: int) -> Array:
    each: Array = np.arange(len(rows.hour)) % nth == 0
    return each


def _truncated(rows: Measurements, _: Measurements) -> bytes:
    """Cut in the last number of a row: what is left reads as a whole file, with one wrong number at its end."""
    text = to_csv(rows)
    return text[: text.rindex(b",", 0, len(text) * 6 // 10) + 2]


def _leaking(rows: Measurements, _: Measurements) -> bytes:
    return to_csv(replace(rows, humidity_percent=rows.demand_kwh / 50))


def _shifted(rows: Measurements, _: Measurements) -> bytes:
    """Hold each of three measurements in the column beside its own."""
    return to_csv(
        replace(
            rows,
            temperature_celsius=rows.wind_metres_per_second,
            humidity_percent=rows.temperature_celsius,
            wind_metres_per_second=rows.humidity_percent,
        )
    )


def _changed(**makers: Callable[[Measurements], Array]) -> Callable[[Measurements, Measurements], bytes]:
    """Put other values into some columns."""
    return lambda rows, _: to_csv(replace(rows, **{name: make(rows) for name, make in makers.items()}))


POISONS = {
    "truncated file": Poison(_truncated, ("expect_table_row_count_to_equal", "contract_row_count")),
    "half of the rows": Poison(
        lambda rows, _: to_csv(rows.take(slice(0, len(rows.hour) // 2))),
        ("expect_table_row_count_to_equal", "contract_row_count"),
    ),
    "doubled rows": Poison(
        lambda rows, _: to_csv(rows.take(np.repeat(np.arange(len(rows.hour)), 2))),
        ("expect_compound_columns_to_be_unique", "contract_unique_key"),
    ),
    "no target": Poison(
        _changed(demand_kwh=lambda rows: np.full(len(rows.hour), np.nan)),
        ("expect_column_values_to_not_be_null of demand_kwh", "contract_target of demand_kwh"),
    ),
    "target in another unit": Poison(
        _changed(demand_kwh=lambda rows: rows.demand_kwh * 100, peak_kw=lambda rows: rows.peak_kw * 100),
        ("expect_column_values_to_be_between of demand_kwh",),
    ),
    "negative target": Poison(
        _changed(demand_kwh=lambda rows: -rows.demand_kwh), ("expect_column_values_to_be_between of demand_kwh",)
    ),
    "sentinels": Poison(
        _changed(temperature_celsius=lambda rows: np.where(_some(rows, 7), SENTINEL, rows.temperature_celsius)),
        ("expect_column_values_to_be_between of temperature_celsius",),
    ),
    "rows of another day": Poison(lambda _, before: to_csv(before), ("contract_partition_day of hour",)),
    "frozen column": Poison(
        _changed(temperature_celsius=lambda rows: np.full(len(rows.hour), rows.temperature_celsius[0])),
        ("expect_column_unique_value_count_to_be_between", "contract_frozen_column of temperature_celsius"),
    ),
    "shifted columns": Poison(_shifted, ("expect_column_values_to_be_between of humidity_percent",)),
    "flood of nulls": Poison(
        _changed(humidity_percent=lambda rows: np.where(_some(rows, 5), rows.humidity_percent, np.nan)),
        ("contract_null_share of humidity_percent",),
    ),
    "flood of a new category": Poison(
        _changed(weather=lambda rows: np.where(_some(rows, 3), rows.weather, "fog")),
        ("expect_column_values_to_be_in_set of weather", "contract_unseen_share of weather"),
    ),
    "target as a feature": Poison(_leaking, ("contract_leak of humidity_percent",)),
}
