"""The command `quarantine`: what waits for a person, why, and the person's decision."""

import argparse
import sys
from collections.abc import Sequence

from titlebout.cli.at_hand import known_model, known_models, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command, add_models
from titlebout.cli.lineage import version_line
from titlebout.cli.persons import confirmed, current_user
from titlebout.cli.times import when
from titlebout.core.decisions import Choice, Decision, named, standing_since
from titlebout.core.deliveries import DELIVERY_KINDS, deliveries
from titlebout.core.errors import DecisionRefusedError, PartitionKeyError, SpecError
from titlebout.core.ledgers.ledger import LedgerState, PartitionRecord, PartitionStatus
from titlebout.core.pages.report_words import counted, visible
from titlebout.core.partitions import checked_key, keys_between
from titlebout.core.ports import Ledger
from titlebout.core.results import PartitionKey
from titlebout.steps.decide_on_partition import Decided, decide_on_partition, find_partition

_STANDING = {
    PartitionStatus.INGESTED: "never judged",
    PartitionStatus.ACCEPTED: "accepted",
    PartitionStatus.QUARANTINED: "in quarantine",
    PartitionStatus.DISCARDED: "discarded",
}

_DONE = {Choice.RELEASE: "released", Choice.REJECT: "rejected"}


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = add_command(commands, "quarantine", show_list, "list, show, release or reject partitions that wait")
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    add_models(add_command(actions, "list", show_list, "list what waits for a person, and why"), "the ledger")
    shown = add_command(actions, "show", show_one, "show everything that is known about one partition")
    shown.add_argument("model")
    shown.add_argument("partition", help="key such as 2012-06-01")
    for choice, run, summary in (
        (Choice.RELEASE, release, "let later windows read partitions, whatever the suite says"),
        (Choice.REJECT, reject, "keep partitions out of later windows until they are delivered anew"),
    ):
        _add_decision(add_command(actions, choice, run, summary))


def _add_decision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model")
    parser.add_argument("partitions", nargs="*", metavar="PARTITION", help="keys such as 2012-06-01")
    parser.add_argument("--from", dest="first", metavar="KEY", help="all that are in quarantine from this day …")
    parser.add_argument("--to", dest="last", metavar="KEY", help="… to this one")
    parser.add_argument("--by", metavar="NAME", help="who decides; default: the name of the user who runs this")
    parser.add_argument("--reason", required=True, help="why; it goes into the ledger")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def show_list(options: argparse.Namespace) -> bool:
    """Print one line for each partition in quarantine."""
    # The words for failures need NumPy, as reports and manifests do; the other commands do without.
    from titlebout.core.pages.standing import failure_line

    ledger = open_ledger()
    names = known_models(ledger, options.models)
    count = 0
    for name in names:
        entries = ledger.entries(name, kinds=DELIVERY_KINDS)
        history, since = deliveries(entries), standing_since(entries)
        for key in sorted(history):
            newest = history[key][-1]
            if newest.status is PartitionStatus.QUARANTINED:
                count += 1
                what = f"{name}  {key}  revision {newest.snapshot.revision}  since {when(since[key])}"
                print(visible(f"{what}  {failure_line(newest)}".rstrip()))
    print(f"{count} in quarantine" if count else "nothing is in quarantine", file=sys.stderr)
    return True


def show_one(options: argparse.Namespace) -> bool:
    """Print where a partition stands and why, and what it means for training and serving."""
    checked_key(options.partition)
    ledger = open_ledger()
    model = known_model(ledger, options.model)
    from titlebout.cli.quarantined_day import day_lines

    for line in day_lines(model, options.partition, ledger=ledger, lake=open_lake()):
        print(visible(line))
    return True


def release(options: argparse.Namespace) -> bool:
    """Let partitions pass."""
    return _decide(Choice.RELEASE, options)


def reject(options: argparse.Namespace) -> bool:
    """Keep partitions out."""
    return _decide(Choice.REJECT, options)


def _decide(choice: Choice, options: argparse.Namespace) -> bool:
    """Check everything, ask, then record one decision after the other; False where the answer was no."""
    decision = Decision.of(choice=choice, by=options.by or current_user(), reason=options.reason)
    span = _span(options)
    keys = sorted({checked_key(key) for key in options.partitions})
    ledger = open_ledger()
    state = ledger.state(known_model(ledger, options.model))
    records = _records(state, options.model, keys, span)
    for record in records:
        decision.check(record)
    for record in records:
        _announce(decision, record, ledger)
    if not all(decision.is_made(record) for record in records) and not (options.yes or confirmed()):
        print("nothing was decided")
        return False
    for record in records:
        _tell(decision, record, decide_on_partition(decision, record, ledger=ledger))
    return True


def _span(options: argparse.Namespace) -> tuple[PartitionKey, ...]:
    if (options.first is None) != (options.last is None):
        message = "--from and --to go together; give the same day twice for one day"
        raise SpecError(message)
    if options.first is None:
        if not options.partitions:
            message = f"name the partitions to {options.action}, or give --from and --to"
            raise PartitionKeyError(message)
        return ()
    span = tuple(keys_between(options.first, options.last))
    if not span:
        message = f"--from {options.first} lies after --to {options.last}; swap them"
        raise SpecError(message)
    return span


def _records(
    state: LedgerState, model: str, keys: Sequence[PartitionKey], span: Sequence[PartitionKey]
) -> list[PartitionRecord]:
    """Return the partitions that were named, and those in quarantine that lie in the span."""
    waiting = set(span) & set(state.keys(PartitionStatus.QUARANTINED))
    found = [find_partition(state, model, key) for key in sorted(waiting.union(keys))]
    if not found:
        message = f"{model}: nothing from {span[0]} to {span[-1]} is in quarantine; `titlebout quarantine list {model}`"
        raise DecisionRefusedError(message)
    return found


def _announce(decision: Decision, record: PartitionRecord, ledger: Ledger) -> None:
    """Say what is about to change; of an accepted day also which versions keep what they learned from it."""
    if decision.is_made(record):
        return
    stands = f"{_STANDING[record.status]}{f', decided by {record.decided_by}' if record.decided_by else ''}"
    print(f"{decision.choice} {named(record)}, {record.snapshot.rows} rows, now {stands}")
    if record.status is not PartitionStatus.ACCEPTED:
        return
    from titlebout.steps.trace_lineage import trace_partition

    found = trace_partition(record.snapshot.model, record.snapshot.partition, lake=open_lake(), ledger=ledger)
    if found.trained:
        versions = counted(len(found.trained), "version")
        print(f"  {versions} learned from it; what was learned stays, the next challengers do without:")
    for version in found.trained:
        print(version_line(version))
    for name in found.unreadable:
        print(f"  {name}: the lake lost its manifest; it may have learned from it, too")


def _tell(decision: Decision, record: PartitionRecord, decided: Decided) -> None:
    entry = decided.entry
    if not decided.is_new:
        said = entry.payload.get("reason")
        print(visible(f"{named(record)} was so already: {entry.actor} on {when(entry.recorded_at)}: {said}"))
        return
    print(visible(f"{named(record)}: {_DONE[decision.choice]} by {entry.actor}, ledger entry {entry.sequence}"))
    if decision.choice is Choice.RELEASE:
        print("  later windows read it by themselves; for a night of its own, clear validate_partition of its run")
