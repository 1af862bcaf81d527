"""The command `nights`: one line per partition, how far its night came and why no further."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from titlebout.cli.at_hand import known_model, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.times import when
from titlebout.core.alerts.happenings import happenings, is_by_hindsight
from titlebout.core.errors import SpecError
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.partitions import Calendar, calendar_of
from titlebout.core.results import PartitionKey
from titlebout.project import find_model_spec

_SHOWN = 14
_WORDS = {
    EntryKind.PARTITION_LATE: "late",
    EntryKind.PARTITION_REJECTED: "quarantine",
    EntryKind.CHALLENGER_TRAINED: "trained",
    EntryKind.VERDICT_REACHED: "",  # the verdict's own outcome
    EntryKind.RELEASE_ASKED: "asked",
    EntryKind.RELEASE_DECLINED: "declined",
    EntryKind.TRIAL_STARTED: "on trial",
    EntryKind.TRIAL_KEPT: "trial kept",
    EntryKind.TRIAL_FAILED: "trial failed",
    EntryKind.RELEASE_FAILED: "not released",
    EntryKind.RELEASE_SETTLED: "released",
}
"""What a night is called after the last of these entries."""
_OF_PARTITIONS = (EntryKind.PARTITION_LATE, EntryKind.PARTITION_REJECTED)
_HISTORY = "no bout: history of another night, or its own did not come so far (see its run in Airflow)"


@dataclass(frozen=True)
class Night:
    """How a night stands."""

    partition: PartitionKey
    outcome: str
    version: str | None
    why: str


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "nights", nights, "say night by night how it ended, and why nothing was released")
    parser.add_argument("model")
    parser.add_argument("--from", dest="first", metavar="PARTITION", help=f"first night; default: {_SHOWN} nights")
    parser.add_argument("--to", dest="last", metavar="PARTITION", help="last night; default: the newest in the ledger")
    parser.add_argument("--json", action="store_true", help="one document, for other programs")


def nights(options: argparse.Namespace) -> bool:
    """Print one line per night, the oldest first; False where the ledger knows none of them."""
    ledger = open_ledger()
    model = known_model(ledger, options.model)
    state = ledger.state(model)
    by_partition = _by_partition(ledger.entries(model, kinds=_WORDS.keys()))
    known = sorted({*state.partitions, *by_partition})
    spec = find_model_spec(model)
    calendar = spec.calendar if spec else calendar_of(known[-1]) if known else Calendar()
    found = [_night(key, state, by_partition.get(key, [])) for key in _asked(options, known, calendar)]
    if options.json:
        print(json.dumps({"model": model, "nights": [asdict(night) for night in found]}, indent=2))
    else:
        for night in found:
            print(f"{night.partition}  {night.outcome:<13} {night.why}")
        if options.last is None and known:
            _tell_gap(model, known[-1], calendar)
    return any(night.partition in state.partitions or night.partition in by_partition for night in found)


def _asked(options: argparse.Namespace, known: Sequence[PartitionKey], calendar: Calendar) -> Iterator[PartitionKey]:
    if not known:
        return iter(())
    last = known[-1] if options.last is None else calendar.check(options.last)
    default = calendar.key(max(calendar.number(known[0]), calendar.number(last) - _SHOWN + 1))
    first = min(default, last) if options.first is None else calendar.check(options.first)
    if first > last:
        message = f"--from {first} lies after --to {last}; swap them"
        raise SpecError(message)
    return calendar.between(first, last)


def _by_partition(entries: Sequence[LedgerEntry]) -> Mapping[PartitionKey, list[LedgerEntry]]:
    found: dict[PartitionKey, list[LedgerEntry]] = {}
    for entry in entries:
        payload: Any = entry.payload
        key = payload.get("partition") or payload.get("verdict", {}).get("partition")
        if key:
            found.setdefault(str(key), []).append(entry)
    return found


def _night(key: PartitionKey, state: LedgerState, entries: Sequence[LedgerEntry]) -> Night:
    record = state.partitions.get(key)
    in_bouts = [entry for entry in entries if entry.kind not in _OF_PARTITIONS]
    version = next((_version(entry) for entry in reversed(in_bouts) if _version(entry)), None)
    if record is None:
        if entries:
            return Night(key, _WORDS[entries[-1].kind], version, _why(entries[-1]))
        return Night(key, "unknown", None, "nothing in the ledger: no run, or it failed before ingest; look at Airflow")
    if record.status is PartitionStatus.DISCARDED:
        return Night(key, "discarded", version, f"by {record.decided_by}")
    if record.status is PartitionStatus.QUARANTINED:
        rejected = [entry for entry in entries if entry.kind is EntryKind.PARTITION_REJECTED]
        return Night(key, "quarantine", version, _why(rejected[-1]) if rejected else "")
    if not in_bouts:
        return Night(key, record.status.value, None, _HISTORY)
    last = in_bouts[-1]
    return Night(key, _WORDS[last.kind] or _verdict(last)["outcome"], version, _why(last))


def _why(entry: LedgerEntry) -> str:
    payload: Any = entry.payload
    match entry.kind:
        case EntryKind.CHALLENGER_TRAINED:
            return f"{payload['version']}; there was no verdict; Airflow's log of compare_with_champion says why"
        case EntryKind.VERDICT_REACHED:
            note = "; of the past, which by itself releases nothing" if is_by_hindsight(entry) else ""
            return "; ".join(_verdict(entry)["reasons"]) + note
        case EntryKind.PARTITION_REJECTED:
            return "; ".join(str(each) for each in payload.get("failures", ())[:3]) or "see titlebout quarantine show"
        case EntryKind.RELEASE_SETTLED:
            return f"{payload['version']} serves since {when(entry.recorded_at)}: {payload['reason']}"
    told = next((each.line for each in happenings([entry])), "")
    return told or str(payload.get("reason") or payload.get("version") or "")


def _version(entry: LedgerEntry) -> str | None:
    payload: Any = entry.payload
    found = payload.get("version") or payload.get("verdict", {}).get("challenger")
    return str(found) if found else None


def _verdict(entry: LedgerEntry) -> Mapping[str, Any]:
    payload: Any = entry.payload
    verdict: Mapping[str, Any] = payload["verdict"]
    return verdict


def _tell_gap(model: str, newest: PartitionKey, calendar: Calendar) -> None:
    """Say which nights should have left something by now: Airflow itself may be down."""
    ended = calendar.number(calendar.holding(datetime.now(UTC) - timedelta(minutes=30))) - 1
    count = ended - calendar.number(newest)
    if count > 0:
        noun = calendar.grid.noun if count == 1 else f"{calendar.grid.noun}s"
        span = f"{count} {noun} that ended since, to {calendar.key(ended)}"
        print(f"nothing is known of {span}: look at the runs of {model}_nightly in Airflow")
