"""Answers of a model server as they lie in the lake's inference log, without a server."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from fakes.demand_days import DemandWorld
from titlebout.core.inference_log.log_reading import publish_log
from titlebout.core.inference_log.log_tables import SCHEMA


def answer(
    world: DemandWorld,
    partition: str,
    rows: pa.Table,
    version: str,
    scores,
    *,
    role: str = "champion",
    number: int = 0,
    request_ids=None,
) -> None:
    """Log that a version gave scores to rows within a partition; a later number is a later request."""
    count = rows.num_rows
    moment = datetime.fromisoformat(partition).replace(tzinfo=UTC) + timedelta(hours=1, seconds=number)
    own = {
        "request_id": request_ids or [f"request-{number}"] * count,
        "row": list(range(count)),
        "time": [moment] * count,
        "version": [version] * count,
        "token": [1] * count,
        "role": [role] * count,
        "route": ["predict"] * count,
        "seconds": [0.001] * count,
        "score": [score if np.ndim(score) == 0 else None for score in scores],
        "scores": [None if np.ndim(score) == 0 else list(score) for score in scores],
        "server": ["0123456789abcdef"] * count,
        "number": [number] * count,
    }
    table = pa.table({field.name: pa.array(own[field.name], field.type) for field in SCHEMA})
    for name in rows.column_names:
        if name != world.spec.dataset.target:
            table = table.append_column(f"field_{name}", rows[name])
    publish_log(world.lake, world.spec.name, partition, f"0123456789abcdef-{number:08}", table)
