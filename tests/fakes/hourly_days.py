"""Hours of a small demand: four rows each, of which rentals are the temperature."""

from datetime import datetime
from typing import Any

import pyarrow as pa

from fakes.demand_days import DemandWorld
from fakes.specs import demand_spec
from titlebout.core.partitions import keys_between
from titlebout.core.specs.spec import ModelSpec


def hourly_spec(**changes: Any) -> ModelSpec:
    """Return the spec of such hours with dotted keys replaced."""
    return demand_spec(
        dataset__cadence="hourly",
        dataset__columns={"at": "timestamp", "temperature": "number", "rentals": "number"},
        dataset__time_column="at",
        dataset__key_columns=["at"],
        training__features={"numeric": ["temperature"]},
        training__holdout_days=1,
        training__threads=1,
        **changes,
    )


def deliver_hours(world: DemandWorld, first: str, last: str) -> None:
    """Store and accept all hours from one to another."""
    for hour, key in enumerate(keys_between(first, last)):
        moments = [datetime.fromisoformat(f"{key}:{minute:02}:00+00:00") for minute in range(4)]
        values = [float((hour * 7 + minute * 5) % 11) for minute in range(4)]
        world.deliver(key, pa.table({"at": moments, "temperature": values, "rentals": values}))
