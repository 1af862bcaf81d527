"""Reads out of the ledger what happened to a model, and the errors of recorded bouts, for the time axis of a report."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from titlebout.core.drift_accounts.drift_account import ErrorAccount, EventAccount
from titlebout.core.errors import bounded
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.results import PartitionKey, Verdict

MOST_EVENTS, MOST_ERRORS = 60, 120
_MAX_WORDS = 240

Payload = Mapping[str, Any]


def _drift(payload: Payload) -> str:
    columns = payload.get("columns", {})
    worst = sorted(columns, key=lambda name: -columns[name])[:3]
    return f"drift found in {', '.join(worst)}" + (f" and {len(columns) - 3} more" if len(columns) > 3 else "")


def _settled(payload: Payload) -> str:
    if payload.get("withdraws"):
        return f"rolled back from {payload['withdraws']} to {payload['version']}"
    return f"{payload['version']} was released"


def _failed(payload: Payload) -> str:
    return f"the release of {payload['version']} failed: {payload.get('error', '')}"


def _asked(payload: Payload) -> str:
    return f"a retrain was asked for ({payload.get('reason', 'no reason recorded')}): {payload.get('why', '')}"


def _judged(payload: Payload) -> str:
    return f"the retrain {payload.get('run_id', '')} ended: {payload.get('outcome', 'not known')}"


def _stopped(payload: Payload) -> str:
    return f"no retrain, {payload.get('cause', 'stopped')}: {payload.get('why', '')}"


def _resumed(payload: Payload) -> str:
    return f"retrains were allowed again: {payload.get('reason', '')}"


def _lost(payload: Payload) -> str:
    days = payload.get("lost_partitions", ())
    return f"{payload.get('champion', 'the champion')} predicts worse than when it won, on {len(days)} partitions"


def _warned(payload: Payload) -> str:
    return f"{payload.get('cause', 'warning')}: {payload.get('text', '')}"


def _skewed(payload: Payload) -> str:
    return f"skew: {payload.get('message', 'the live server and the lake do not agree')}"


def _not_passed(payload: Payload) -> str:
    return f"{payload['version']} did not pass its trial"


_WORDS: Mapping[EntryKind, Callable[[Payload], str]] = {
    EntryKind.DRIFT_FOUND: _drift,
    EntryKind.PERFORMANCE_LOST: _lost,
    EntryKind.PERFORMANCE_WARNED: _warned,
    EntryKind.RETRAIN_ASKED: _asked,
    EntryKind.RETRAIN_JUDGED: _judged,
    EntryKind.RETRAIN_STOPPED: _stopped,
    EntryKind.RETRAIN_RESUMED: _resumed,
    EntryKind.RELEASE_SETTLED: _settled,
    EntryKind.RELEASE_FAILED: _failed,
    EntryKind.TRIAL_FAILED: _not_passed,
    EntryKind.SKEW_FOUND: _skewed,
}
EVENT_KINDS = frozenset(_WORDS)
BOUT_KINDS = frozenset({EntryKind.VERDICT_REACHED})


def events_of(entries: Iterable[LedgerEntry], *, last: PartitionKey) -> tuple[EventAccount, ...]:
    """Return what happened until a partition, oldest first.

    An event belongs to the partition that it is about, not to the day on which it was recorded: a backfill records
    years in a night.
    """
    found, before = [], ""
    for entry in entries:
        partition = _partition_of(entry)
        before = partition or before
        words = _WORDS.get(entry.kind)
        # What is about no partition, such as a budget that is used up, stands where the one before it does.
        if words and before and before <= last:
            kind = "rolled_back" if entry.payload.get("withdraws") else str(entry.kind)
            found.append(EventAccount(partition=before, kind=kind, words=bounded(words(entry.payload), _MAX_WORDS)))
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
