"""Days whose rentals are called low, middle or high: a learnable target of three classes."""

from typing import Any

import numpy as np
import pyarrow as pa

from fakes.demand_days import DemandWorld, demand_rows
from fakes.specs import demand_spec
from titlebout.core.partitions import keys_between
from titlebout.core.specs.spec import ModelSpec

CLASSES = ("low", "middle", "high")
MULTICLASS: dict[str, Any] = {
    "dataset__target": "load",
    "dataset__columns": {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "load": "text"},
    "dataset__key_columns": ["day", "hour", "temperature"],
    "training__objective": "multiclass",
    "training__classes": [*CLASSES],
    "training__params": {"max_depth": 3, "eta": 0.3},
    "training__threads": 1,
}


def load_spec(**changes: Any) -> ModelSpec:
    """Return the spec of such days with dotted keys replaced."""
    return demand_spec(**{**MULTICLASS, **changes})


def load_rows(key: str, *, rows: int = 200, **more: Any) -> pa.Table:
    """Return one day."""
    table = demand_rows(key, rows=rows, **more)
    places = np.digitize(table["rentals"].to_numpy(), (110, 165))
    return table.drop_columns(["rentals"]).append_column("load", pa.array([CLASSES[place] for place in places]))


def with_loads(table: pa.Table, loads: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    """Return a day with other classes."""
    return table.set_column(table.column_names.index("load"), "load", pa.array(loads, kind or pa.string()))


def load_world(spec: ModelSpec | None = None, *, first: str = "2024-01-01", last: str = "2024-01-15") -> DemandWorld:
    """Return a world with some of these days."""
    world = DemandWorld(spec or load_spec())
    for key in keys_between(first, last):
        world.deliver(key, load_rows(key))
    return world
