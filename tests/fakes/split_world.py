"""A world in which a winner answers half of the requests, and what comes of the answers decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pyarrow as pa

from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
from fakes.trial_world import TrialWorld
from titlebout.core.inference_log.log_reading import publish_log
from titlebout.core.inference_log.log_tables import SCHEMA
from titlebout.core.live_trials.share import is_in_share
from titlebout.core.live_trials.trial_results import TrialTicket
from titlebout.core.live_trials.trial_wire import salt_of
from titlebout.core.results import Snapshot

COLUMNS = {"day": "date", "hour": "integer", "temperature": "number", "weather": "text", "rentals": "number"}
SPLIT = {
    "dataset__columns": {**COLUMNS, "revenue": "number", "asked_as": "text"},
    "serving__log": {"enabled": True},
    "release__strategy": "ab",
    "release__ab": {"request_id_column": "asked_as", "outcome": "revenue", "min_outcomes": 100},
}
ON_A_REAL_SERVER = {
    "training__features": {
        "numeric": ["hour", "temperature"],
        "categorical": ["weather"],
        "date_parts": {"day": ["weekday"]},
    },
    "serving__log": {"enabled": True},
    "release__strategy": "ab",
    "release__max_latency_ratio": 90,
    "release__ab": {"min_outcomes": 100},
}
"""A split that a small server on a busy machine can be asked through."""
_SEGMENTS = count()


@dataclass
class SplitWorld(TrialWorld):
    """A world whose requests and outcomes a test makes up."""

    changes: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let the old version serve, and the new one win its bout."""
        super().__post_init__()
        self.spec = demand_spec(**(SPLIT | self.changes))

    def is_candidates(self, unit: str) -> bool:
        """Whether the server would let the candidate answer."""
        return is_in_share(unit, salt_of(self.trial.model, self.trial.token), self.trial.percent)

    def log(self, rows: Sequence[dict], fields: dict[str, pa.DataType] | None = None) -> None:
        """Have the log in the lake hold rows; what is not given is that of a usual answer of the champion."""
        trial, server = self.trial, f"{next(_SEGMENTS):016x}"
        usual = {
            "row": 0,
            "time": trial.started_at + timedelta(microseconds=1),
            "role": "champion",
            "route": "predict",
            "seconds": 0.001,
            "score": 1.0,
            "scores": None,
            "server": server,
        }
        tokens = {"champion": trial.champion_token}
        names = {"champion": trial.champion}
        filled = []
        for number, row in enumerate(rows):
            role = row.get("role", "champion")
            own = {"token": tokens.get(role, trial.token), "version": names.get(role, trial.version), "number": number}
            filled.append({**usual, **own, **row})
        schema = pa.schema([*SCHEMA, *(pa.field(name, kind) for name, kind in (fields or {}).items())])
        partition = self.spec.calendar.holding(filled[0]["time"])
        publish_log(self.lake, self.spec.name, partition, f"{server}-00000001", pa.Table.from_pylist(filled, schema))

    def requests(self, names: Sequence[str], **changes) -> list[dict]:
        """Return one answered row for each request, as the server deals them."""
        return [
            {"request_id": name, "role": "candidate" if self.is_candidates(name) else "champion", **changes}
            for name in names
        ]

    def start_and_answer(self, requests: int = 1000) -> tuple[TrialTicket, list[str]]:
        """Start a trial and have so many requests answered; the first of all is the candidate's, and not counted."""
        ticket = self.start()
        names = [f"r{number}" for number in range(requests)]
        first = next(f"first{number}" for number in count() if self.is_candidates(f"first{number}"))
        later = self.trial.started_at + timedelta(microseconds=2)
        self.log(self.requests([first]) + self.requests(names, time=later))
        return ticket, names

    def outcomes(self, key: str, revenue: dict[str, float | None], **delivery) -> Snapshot:
        """Deliver a partition with the outcomes of requests."""
        rows = demand_rows(key, rows=len(revenue))
        rows = rows.set_column(1, "hour", pa.array(range(len(revenue)), pa.int64()))
        rows = rows.append_column("revenue", pa.array(list(revenue.values()), pa.float64()))
        rows = rows.append_column("asked_as", pa.array(list(revenue), pa.string()))
        return self.deliver(key, rows, **delivery)

    def revenues(self, names: Sequence[str], *, better: float = 0.0, seed: int = 0) -> dict[str, float]:
        """Return outcomes that are so much better on average where the candidate answered."""
        drawn = np.random.default_rng(seed).normal(size=len(names))
        return {
            name: float(value + better * self.is_candidates(name)) for name, value in zip(names, drawn, strict=True)
        }


def night_before(days: int = 1) -> str:
    """Return the key of a day that is over."""
    return (datetime.now(tz=UTC).date() - timedelta(days=days)).isoformat()
