"""Commands that answer from the ledger, whose connection is read from the environment."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from titlebout.core.errors import LedgerTamperedError, PartitionKeyError
from titlebout.core.ledger import LedgerEntry, LedgerState, PartitionStatus, verify_chain
from titlebout.core.ports import Ledger
from titlebout.wiring import build_ledger, environment_connection


def _open_ledger() -> Ledger:
    return build_ledger(environment_connection("titlebout_ledger"))


def status(options: argparse.Namespace) -> bool:
    """Print one block per model."""
    ledger = _open_ledger()
    names: Sequence[str] = options.models or ledger.models()
    for name in names:
        state = LedgerState.of(ledger.entries(name))
        champion = state.champion
        serving = f"{champion.version} since {_when(champion.since)}" if champion else "nothing has served yet"
        print(f"{name}: {serving}")
        for partition_status in PartitionStatus:
            keys = state.keys(partition_status)
            if keys:
                print(f"  {partition_status:<12}{len(keys):>5} partitions  {_span(keys, partition_status)}")
    if not names:
        print("the ledger is empty")
    return bool(names)


def _span(keys: Sequence[str], partition_status: PartitionStatus) -> str:
    """Name quarantined partitions one by one, since each waits for a person; others by their span."""
    if partition_status is PartitionStatus.QUARANTINED:
        return ", ".join(keys[:10]) + (", …" if len(keys) > 10 else "")
    return f"{keys[0]} to {keys[-1]}"


def served_at(options: argparse.Namespace) -> bool:
    """Print what served at a moment and where it came from."""
    moment = _moment(options.moment)
    served = LedgerState.of(_open_ledger().entries(options.model)).served_at(moment)
    if served is None:
        print(f"{options.model}: nothing served at {_when(moment)}")
        return False
    print(f"{options.model}: {served.version}")
    for label, value in (
        ("partition", served.partition),
        ("since", _when(served.since)),
        ("made by", served.actor),
        ("reason", served.reason),
        ("release", str(served.token)),
    ):
        print(f"  {label:<10}{value}")
    return True


def ledger(options: argparse.Namespace) -> bool:
    """Print the entries, or prove that the chains hold."""
    store = _open_ledger()
    names: Sequence[str] = options.models or store.models()
    intact = True
    for name in names:
        entries = store.entries(name)
        if options.action == "show":
            for entry in entries:
                print(_line(entry))
            continue
        try:
            print(f"{name}: {verify_chain(entries)} entries, chain intact")
        except LedgerTamperedError as error:
            intact = False
            print(f"{name}: TAMPERED: {error}")
    if not names:
        print("the ledger is empty")
    return intact and bool(names)


def _line(entry: LedgerEntry) -> str:
    """Print an entry as one line: where in the chain, when, what, about what, by whom."""
    payload = entry.payload
    verdict = payload.get("verdict")
    snapshot = payload.get("snapshot")
    inner = verdict if isinstance(verdict, dict) else snapshot if isinstance(snapshot, dict) else payload
    words = ("outcome", "challenger", "version", "partition", "newest_partition", "revision", "reason", "error")
    about = " ".join(f"{word}={inner[word]}" for word in words if inner.get(word) is not None)
    return f"{entry.model} {entry.sequence:>5} {_when(entry.recorded_at)} {entry.kind:<20} {about}  [{entry.actor}]"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text[:40]!r} is no ISO time; write it as 2026-03-14T02:00 or 2026-03-14T02:00+01:00"
        raise PartitionKeyError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
