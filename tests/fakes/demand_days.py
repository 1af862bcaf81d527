"""Days of a small, learnable demand in a lake and a ledger, as ingest and validation would leave them."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from fakes.registry import MemoryRegistry
from fakes.specs import demand_spec
from fakes.whole_tables import canonical_table, content_sha256
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.results import RunContext, RunKind, Snapshot, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.train_challenger import train_challenger

ROWS_PER_DAY = 24


def demand_rows(key: str, *, level: float = 1.0, warmer: float = 0.0, rows: int = ROWS_PER_DAY) -> pa.Table:
    """Return one day: rentals follow hour, temperature and weather, times `level`."""
    rng = np.random.default_rng(int(key.replace("-", "")))
    hour = np.arange(rows) % 24
    temperature = 15 + 5 * np.sin((hour - 9) * np.pi / 12) + rng.normal(size=rows) + warmer
    weather = rng.choice(["clear", "cloudy", "rain"], size=rows)
    rentals = 50 + 4 * hour + 3 * (temperature - warmer) - 30 * (weather == "rain") + rng.normal(size=rows) * 3
    return pa.table(
        {
            "day": pa.array([date.fromisoformat(key)] * rows, pa.date32()),
            "hour": pa.array(hour, pa.int64()),
            "temperature": temperature,
            "weather": pa.array(weather.tolist(), pa.string()),
            "rentals": rentals * level,
        }
    )


def run_of(partition: str, kind: RunKind = RunKind.SCHEDULED) -> RunContext:
    """Return the context of a run for one partition."""
    return RunContext(partition=partition, run_id=f"{kind.value}__{partition}", kind=kind)


@dataclass
class DemandWorld:
    """A spec, and the three stores that a step writes to."""

    spec: ModelSpec = field(default_factory=demand_spec)
    lake: MemoryLake = field(default_factory=MemoryLake)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)

    def deliver(self, key: str, rows: pa.Table | None = None, *, accepted: bool = True, revision: int = 1) -> Snapshot:
        """Store one day and judge it."""
        table = canonical_table(demand_rows(key) if rows is None else rows, self.spec.dataset)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        data = buffer.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"{self.spec.name}/partitions/{key}/{revision}-{sha256[:12]}/data.parquet"
        self.lake.publish(path, data)
        snapshot = Snapshot(
            model=self.spec.name,
            partition=key,
            revision=revision,
            data_path=path,
            data_sha256=sha256,
            content_sha256=content_sha256(table),
            size_bytes=len(data),
            rows=table.num_rows,
            columns={name: str(declared) for name, declared in self.spec.dataset.columns.items()},
            min_time=None,
            max_time=None,
            source_uri=f"memory:///raw/{key}.csv",
            code_version="0",
        )
        self._append(EntryKind.PARTITION_INGESTED, {"snapshot": snapshot.model_dump(mode="json")})
        judged = {"partition": key, "revision": revision, "data_sha256": sha256, "report_path": "report.json"}
        self._append(EntryKind.PARTITION_ACCEPTED if accepted else EntryKind.PARTITION_REJECTED, judged)
        return snapshot

    def deliver_days(self, first: str, last: str) -> None:
        """Store all days of a span."""
        for key in keys_between(first, last):
            self.deliver(key)

    @property
    def stores(self) -> dict[str, object]:
        """Return the ports of a step that writes to all three."""
        return {"lake": self.lake, "ledger": self.ledger, "registry": self.registry}

    def train(self, partition: str, spec: ModelSpec | None = None) -> TrainedChallenger:
        """Train the challenger of a night."""
        return train_challenger(spec or self.spec, run_of(partition), **self.stores)

    def release(self, version: TrainedChallenger) -> None:
        """Let a version serve from now on."""
        named = {"version": version.version, "partition": version.partition}
        started = self._append(EntryKind.RELEASE_STARTED, {**named, "champion": None})
        self._append(EntryKind.RELEASE_SETTLED, {**named, "token": started.sequence, "reason": "test", "url": None})

    def kinds(self) -> list[EntryKind]:
        """Return what the ledger holds besides partitions, oldest first."""
        entries = self.ledger.entries(self.spec.name)
        return [entry.kind for entry in entries if not entry.kind.startswith("partition_")]

    def _append(self, kind, payload):
        return self.ledger.append(self.spec.name, kind, payload, actor="test")


def shuffled(keys: Iterable[str], seed: int) -> list[str]:
    """Return keys in another order, the same for the same seed."""
    listed = list(keys)
    np.random.default_rng(seed).shuffle(listed)
    return listed
