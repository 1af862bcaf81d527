"""Small, true-to-life ledgers for tests that only read."""

import json
from pathlib import Path

import pytest

from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Ledger
from titlebout.core.results import Snapshot

MODEL = "bike_sharing"
ACTOR = "run:manual__1"


def snapshot(partition: str, *, model: str = MODEL, revision: int = 1) -> Snapshot:
    """Return a manifest whose hashes are told apart by partition and revision."""
    sha256 = f"{partition.replace('-', '')}{revision}".ljust(64, "0")
    return Snapshot(
        model=model,
        partition=partition,
        revision=revision,
        data_path=f"{model}/partitions/{partition}/{revision}-{sha256[:12]}/data.parquet",
        data_sha256=sha256,
        content_sha256=sha256,
        size_bytes=1000,
        rows=24,
        columns={"dteday": "date"},
        min_time=None,
        max_time=None,
        source_uri=f"file:///raw/{partition}.csv",
        code_version="0.1.0",
    )


def fill(ledger: Ledger, model: str = MODEL) -> None:
    """Ingest three days, reject the second, and release a model made on the third."""
    for day in ("2012-10-28", "2012-10-29", "2012-10-30"):
        shot = snapshot(day, model=model)
        ledger.append(model, EntryKind.PARTITION_INGESTED, {"snapshot": shot.model_dump(mode="json")}, actor=ACTOR)
        kind = EntryKind.PARTITION_REJECTED if day == "2012-10-29" else EntryKind.PARTITION_ACCEPTED
        judged = {"partition": day, "revision": 1, "data_sha256": shot.data_sha256, "report_path": "r.json"}
        ledger.append(model, kind, judged, actor=ACTOR)
    version, day = "2012-10-30-0123456789ab", "2012-10-30"
    started = ledger.append(
        model, EntryKind.RELEASE_STARTED, {"version": version, "partition": day, "champion": None}, actor=ACTOR
    )
    settled = {
        "version": version,
        "partition": day,
        "token": started.sequence,
        "reason": "schedule",
        "url": "http://127.0.0.1:8090",
    }
    ledger.append(model, EntryKind.RELEASE_SETTLED, settled, actor=ACTOR)


def write_bike_sharing_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Fill a real SQLite ledger and point the environment's connection at it."""
    from titlebout.connection_fields import environment_connection
    from titlebout.wiring import build_ledger

    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    ledger = build_ledger(environment_connection("titlebout_ledger"))
    fill(ledger)
    return ledger
