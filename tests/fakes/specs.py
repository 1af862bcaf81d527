"""A small, valid model spec as plain data, for tests to change one thing in."""

from copy import deepcopy
from typing import Any

from titlebout.core.specs.spec import ModelSpec

DEMAND: dict[str, Any] = {
    "name": "demand",
    "dataset": {
        "source": {"kind": "files", "path": "demand/{partition}.csv"},
        "columns": {
            "day": "date",
            "hour": "integer",
            "temperature": "number",
            "weather": "text",
            "rentals": "number",
        },
        "time_column": "day",
        "key_columns": ["day", "hour"],
        "target": "rentals",
        "first_partition": "2024-01-01",
    },
    "validation": {"suite": "demand"},
    "training": {
        "features": {"numeric": ["hour", "temperature"], "categorical": ["weather"]},
        "window_days": 10,
        "holdout_days": 3,
        "min_partitions": 4,
        "rounds": 20,
    },
}


def demand_document(**changes: Any) -> dict[str, Any]:
    """Return the document with dotted keys replaced, e.g. `training__rounds=5`."""
    document = deepcopy(DEMAND)
    for dotted, value in changes.items():
        *path, last = dotted.split("__")
        section = document
        for part in path:
            section = section.setdefault(part, {})
        section[last] = value
    return document


def demand_spec(**changes: Any) -> ModelSpec:
    """Return the spec with dotted keys replaced."""
    return ModelSpec.model_validate(demand_document(**changes))
