"""Sampled rows as `titlebout new` sees them, for tests of what it concludes."""

from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.drafts.draft_rows import Part, RawRows
from titlebout.core.drafts.draft_types import TextRules, TypedRows, find_types

FIRST = date(2024, 1, 1)


def raw_rows(**columns) -> RawRows:
    """Return a sample of one file that was read whole."""
    table = pa.table(columns)
    return RawRows(table, [Part("rides.csv", None, table.num_rows)], is_whole=True)


def typed(**columns) -> TypedRows:
    """Return the same rows in declared types."""
    return find_types(raw_rows(**columns), TextRules())


def sampled(**columns) -> SampledColumns:
    """Return the same rows as columns to reason about."""
    found = typed(**columns)
    return SampledColumns(found.table, {name: reading.kind for name, reading in found.readings.items()})


def hourly(days: int = 40) -> dict[str, object]:
    """Return hours of some days with a target that follows from hour and zone, and much noise."""
    rng = np.random.default_rng(0)
    rows = days * 24
    hour = np.arange(rows) % 24
    zone = rng.integers(0, 4, rows)
    return {
        "day": [FIRST + timedelta(days=n // 24) for n in range(rows)],
        "hour": hour,
        "zone": np.array(["north", "east", "south", "west"])[zone].tolist(),
        "noise": rng.normal(size=rows),
        "sales": 50 + 3 * hour + 10 * zone + 20 * rng.normal(size=rows),
    }


def moments(rows: int, minutes: int = 60) -> list[datetime]:
    """Return moments one after the other."""
    return [datetime.combine(FIRST, time()) + timedelta(minutes=minutes * n) for n in range(rows)]
