"""Partitions that came in and were judged: a ledger and a lake as the steps leave them, in a few words."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fakes.lake import MemoryLake
from fakes.ledger import MemoryLedger
from titlebout.core.layout import partition_folder
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import Snapshot

MODEL = "demand"
ROW_COUNT = {
    "expectation": "expect_table_row_count_to_be_between",
    "column": None,
    "severity": "critical",
    "observed": 1,
    "expected": {"min_value": 20, "max_value": 24},
    "unexpected_rows": None,
    "examples": [],
}


def failure(**changes: Any) -> dict[str, Any]:
    """Return the failure of an expectation."""
    return {**ROW_COUNT, **changes}


class Delivered:
    """Writes what ingesting, judging and deciding leave behind."""

    def __init__(self, ledger: Ledger | None = None, lake: Lake | None = None) -> None:
        self.ledger = ledger or MemoryLedger(clock=lambda: datetime(2024, 6, 1, 3, 30, tzinfo=UTC))
        self.lake = lake or MemoryLake()
        self.snapshots: dict[str, list[Snapshot]] = {}

    def ingest(self, key: str, rows: int = 24, model: str = MODEL, **changes: Any) -> Snapshot:
        """Bring a partition in, as its next revision."""
        revisions = self.snapshots.setdefault(key, [])
        sha256 = hashlib.sha256(f"{key}/{len(revisions)}/{rows}".encode()).hexdigest()
        fields: dict[str, Any] = {
            "model": model,
            "partition": key,
            "revision": len(revisions) + 1,
            "data_path": f"{partition_folder(model, key, len(revisions) + 1, sha256)}/data.parquet",
            "data_sha256": sha256,
            "content_sha256": sha256,
            "size_bytes": 1000,
            "rows": rows,
            "columns": {"day": "date", "temperature": "number"},
            "min_time": None,
            "max_time": None,
            "source_uri": f"file:///srv/{key}.csv",
            "code_version": "0.1.0",
        }
        snapshot = Snapshot(**{**fields, **changes})
        revisions.append(snapshot)
        self.ledger.append(model, EntryKind.PARTITION_INGESTED, {"snapshot": snapshot.as_json()}, actor="run:night")
        return snapshot

    def judge(self, key: str, failures: Sequence[Mapping[str, Any]] = (), **others: Any) -> str:
        """Publish a report on the newest revision, record the verdict, and return the report's path."""
        snapshot = self.snapshots[key][-1]
        path = snapshot.data_path.replace("data.parquet", "report-0.json")
        report = {
            "model": snapshot.model,
            "partition": key,
            "revision": snapshot.revision,
            "data_sha256": snapshot.data_sha256,
            "suite": "demand",
            "evaluated": 5,
            "failures": list(failures),
            "report_path": path,
        }
        content = json.dumps({"report": report, "suite_sha256": "a" * 64, "details": {}, **others}).encode()
        self.lake.publish(path, content)
        is_bad = any(each["severity"] == "critical" for each in failures)
        payload: dict[str, Any] = {
            "partition": key,
            "revision": snapshot.revision,
            "data_sha256": snapshot.data_sha256,
            "suite": "demand",
            "report_path": path,
            "report_sha256": hashlib.sha256(content).hexdigest(),
            "evaluated": 5,
            "failures": [f"{each['severity']}: {each['expectation']}" for each in failures],
        }
        kind = EntryKind.PARTITION_REJECTED if is_bad else EntryKind.PARTITION_ACCEPTED
        self.ledger.append(snapshot.model, kind, payload, actor="run:night")
        return path

    def decide(self, key: str, kind: EntryKind, by: str = "anna", reason: str = "checked by hand") -> None:
        """Let a person decide on the newest revision."""
        snapshot = self.snapshots[key][-1]
        payload: dict[str, Any] = {
            "partition": key,
            "revision": snapshot.revision,
            "data_sha256": snapshot.data_sha256,
            "reason": reason,
        }
        self.ledger.append(snapshot.model, kind, payload, actor=f"person:{by}")
