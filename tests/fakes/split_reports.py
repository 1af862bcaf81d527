"""A look at a split as a step would have written it down."""

import hashlib
from datetime import UTC, datetime, timedelta

from titlebout.core.layout import split_report_path
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import Lake, Ledger
from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.split_report import (
    Group,
    LabelledPartition,
    PathPoint,
    Share,
    SplitDecision,
    SplitReport,
    SplitTally,
)

START = datetime(2024, 5, 1, tzinfo=UTC)


def a_split(**changes) -> SplitReport:
    """Return a look by which the candidate wins."""
    rules = SplitRules(
        alpha=0.05,
        min_outcomes=100,
        max_outcomes=None,
        narrowest_at=2000,
        sticky_by="customer",
        request_id_column=None,
        join_by=("day", "hour"),
        outcome="revenue <eur>",
        metric=None,
        larger_is_better=True,
    )
    usual = {
        "model": "demand",
        "trial": 9,
        "version": "2024-04-30-bbbbbbbbbbbb",
        "champion": "2024-04-01-aaaaaaaaaaaa",
        "percent": 50,
        "rules": rules,
        "started_at": START,
        "ends_at": START + timedelta(days=14),
        "looked_at": START + timedelta(days=3),
        "decision": SplitDecision.PROMOTE,
        "reasons": ("better in revenue",),
        "groups": {"champion": Group(outcomes=510, mean=4.0), "candidate": Group(outcomes=490, mean=5.0)},
        "gain": 1.0,
        "low": 0.25,
        "high": 1.75,
        "share": Share(asked=0.5, found=0.49, low=0.47, high=0.51),
        "tally": SplitTally(waiting_rows=1234),
        "partitions": (LabelledPartition(partition="2024-05-02", data_sha256="0" * 64),),
        "path": tuple(
            PathPoint(outcomes=n, partition="2024-05-02", gain=1.0, low=1 - 80 / n, high=1 + 80 / n)
            for n in range(100, 1001, 100)
        ),
    }
    return SplitReport(**{**usual, **changes})


def publish_split(ledger: Ledger, lake: Lake, report: SplitReport) -> None:
    """Leave a look in the lake and the ledger."""
    document = report.model_dump_json().encode()
    sha256 = hashlib.sha256(document).hexdigest()
    path = split_report_path(report.model, report.trial, sha256, "json")
    lake.publish(path, document)
    evidence = {"report": path, "sha256": sha256, "page": ""}
    payload = {"trial": report.trial, "version": report.version, "seen": sha256, "evidence": evidence}
    said = {"decision": report.decision.value, "reasons": [*report.reasons]}
    ledger.append(report.model, EntryKind.TRIAL_LOOKED, payload | said, actor="run:watch")
