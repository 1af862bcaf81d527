"""Events of a model and errors of its bouts, read from the ledger for the time axis of a drift report."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from titlebout.core.drift_accounts.drift_account import ErrorAccount, EventAccount
from titlebout.core.errors import bounded, first_few
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.results import PartitionKey, Verdict

MOST_EVENTS, MOST_ERRORS = 60, 120
_MAX_WORDS = 240

# Filled in from the payload of an entry.
_TEMPLATES: Mapping[EntryKind, str] = {
    EntryKind.PERFORMANCE_WARNED: "{cause}: {text}",
    EntryKind.RETRAIN_ASKED: "a retrain was asked for ({reason}): {why}",
    EntryKind.RETRAIN_JUDGED: "the retrain {run_id} ended: {outcome}",
    EntryKind.RETRAIN_STOPPED: "no retrain, {cause}: {why}",
    EntryKind.RETRAIN_RESUMED: "retrains were allowed again: {reason}",
    EntryKind.RELEASE_SETTLED: "{version} was released",
    EntryKind.RELEASE_FAILED: "the release of {version} failed: {error}",
    EntryKind.TRIAL_FAILED: "{version} did not pass its trial",
    EntryKind.SKEW_FOUND: "skew: {message}",
}
EVENT_KINDS = frozenset({*_TEMPLATES, EntryKind.DRIFT_FOUND, EntryKind.PERFORMANCE_LOST})


def _words(kind: EntryKind, payload: Mapping[str, Any]) -> str:
    if kind is EntryKind.DRIFT_FOUND:
        columns = payload["columns"]
        return f"drift found in {first_few(sorted(columns, key=lambda name: -columns[name]), 3)}"
    if kind is EntryKind.PERFORMANCE_LOST:
        days = len(payload.get("lost_partitions", ()))
        return f"{payload['champion']} predicts worse than when it won, on {days} partitions"
    if kind is EntryKind.RELEASE_SETTLED and payload.get("withdraws"):
        return f"rolled back from {payload['withdraws']} to {payload['version']}"
    return _TEMPLATES[kind].format_map(defaultdict(str, payload))


def events_of(entries: Iterable[LedgerEntry], *, last: PartitionKey) -> tuple[EventAccount, ...]:
    """Return what happened until a partition, oldest first.

    An event belongs to the partition that it is about, not to the day on which it was recorded: a backfill records
    years in a night.
    """
    found, before = [], ""
    for entry in entries:
        partition = _partition_of(entry)
        before = partition or before
        # What is about no partition, such as a budget that is used up, stands where the one before it does.
        if entry.kind in EVENT_KINDS and before and before <= last:
            kind = "rolled_back" if entry.payload.get("withdraws") else str(entry.kind)
            words = bounded(_words(entry.kind, entry.payload), _MAX_WORDS)
            found.append(EventAccount(partition=before, kind=kind, words=words))
    return tuple(sorted(found, key=lambda each: each.partition)[-MOST_EVENTS:])


def _partition_of(entry: LedgerEntry) -> PartitionKey:
    verdict = entry.payload.get("verdict")
    payload = verdict if isinstance(verdict, Mapping) else entry.payload
    partition = payload.get("partition") or payload.get("newest_partition")
    return partition if isinstance(partition, str) else ""


def bout_errors(entries: Iterable[LedgerEntry], *, last: PartitionKey) -> tuple[str, tuple[ErrorAccount, ...]]:
    """Return the metric of the newest bout, and the errors of each night's last bout by that metric, oldest first."""
    nights: dict[PartitionKey, Verdict] = {}
    for entry in entries:
        if entry.kind is EntryKind.VERDICT_REACHED:
            verdict = entry.read(Verdict, "verdict")
            if verdict.partition <= last and verdict.challenger_error is not None:
                nights[verdict.partition] = verdict
    ordered = [nights[key] for key in sorted(nights)][-MOST_ERRORS:]
    metric = ordered[-1].metric if ordered else ""
    return metric, tuple(_errors(each for each in ordered if each.metric == metric))


def _errors(verdicts: Iterable[Verdict]) -> Iterator[ErrorAccount]:
    for verdict in verdicts:
        yield ErrorAccount(
            partition=verdict.partition,
            champion=_finite(verdict.champion_error),
            challenger=_finite(verdict.challenger_error),
            constant=_finite(verdict.baseline_error),
        )


def _finite(error: float | None) -> float | None:
    return error if error is not None and math.isfinite(error) else None
