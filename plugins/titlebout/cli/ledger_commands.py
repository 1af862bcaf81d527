"""The command `ledger`: show, prove, export and repair the record of decisions."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from titlebout.cli.at_hand import known_models, open_ledger
from titlebout.cli.commands import Commands, add_command, add_models
from titlebout.cli.persons import current_user
from titlebout.cli.times import parse_moment, when
from titlebout.core.errors import LedgerTamperedError, did_you_mean
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.ledgers.ledger_audit import Audit, audit_model, by_model
from titlebout.core.ledgers.ledger_chain import checked
from titlebout.core.ledgers.ledger_export import export_line, read_export, write_export
from titlebout.core.ledgers.ledger_port import LedgerUpkeep

_ALL = "the ledger"
Earlier = Mapping[str, Mapping[int, str]]
"""SHA-256 by model and sequence of the entries that an earlier export holds."""


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = add_command(commands, "ledger", show, "show, verify, export or rebuild the record of decisions")
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    _add_show(actions)
    _add_verify(actions)
    _add_export(actions)
    _add_rebuild(actions)


def _add_show(actions: "Commands[argparse.ArgumentParser]") -> None:
    shown = add_command(actions, "show", show, "print the entries, one line each")
    add_models(shown, _ALL)
    shown.add_argument(
        "--kind",
        action="append",
        type=_kind,
        metavar="KIND",
        help=f"{', '.join(EntryKind)}; may be repeated",
    )
    shown.add_argument("--since", metavar="TIME", help="ISO time; without an offset it is UTC")
    shown.add_argument("--last", type=_count, metavar="N", help="only the last N entries of each model")
    shown.add_argument("--json", action="store_true", help="whole entries, as an export has them")


def _add_verify(actions: "Commands[argparse.ArgumentParser]") -> None:
    verified = add_command(actions, "verify", verify, "prove that no entry was changed, removed or put in")
    add_models(verified, _ALL)
    verified.add_argument("--file", type=Path, metavar="EXPORT", help="prove this export instead of the ledger")
    verified.add_argument(
        "--against",
        type=Path,
        metavar="EXPORT",
        help="prove also that all entries of this earlier export are still there",
    )


def _add_export(actions: "Commands[argparse.ArgumentParser]") -> None:
    exported = add_command(actions, "export", export, "write the entries as lines of JSON that prove themselves")
    add_models(exported, _ALL)
    exported.add_argument("--output", type=Path, metavar="FILE", help="appears when it is whole; default: print")


def _add_rebuild(actions: "Commands[argparse.ArgumentParser]") -> None:
    rebuilt = add_command(actions, "rebuild", rebuild, "derive anew what the ledger keeps besides the entries")
    add_models(rebuilt, _ALL)
    rebuilt.add_argument(
        "--from", type=Path, dest="export", metavar="EXPORT", help="restore an export into an empty ledger"
    )
    rebuilt.add_argument(
        "--accept",
        action="store_true",
        help="go on from the last entry that is there, although it is not the one appended last, or is dated far ahead "
        "of the clock; it is recorded",
    )
    rebuilt.add_argument("--by", metavar="NAME", help="who accepts it; default: the name of the user who runs this")


def show(options: argparse.Namespace) -> bool:
    """Print the entries that are asked for; False where there is none."""
    ledger, shown = open_ledger(), 0
    since = parse_moment(options.since) if options.since else None
    write: Callable[[LedgerEntry], str] = export_line if options.json else _line
    for name in known_models(ledger, options.models):
        for entry in ledger.entries(name, kinds=options.kind, since=since, newest=options.last):
            print(write(entry))
            shown += 1
    if not shown:
        print("no such entry", file=sys.stderr)
    return shown > 0


def verify(options: argparse.Namespace) -> bool:
    """Print one line per model, and one more per problem; False where there is one, or nothing to prove."""
    earlier = _read_earlier(options.against) if options.against else {}
    audits = _ledger_audits(options.models, earlier)
    if options.file:
        audits = _file_audits(options.file, options.models, earlier)
    count = 0
    is_intact = True
    for audit in audits:
        count += 1
        is_intact &= not audit.problems
        _print_audit(audit)
    if not count:
        print("there is no entry to prove")
    return is_intact and count > 0


def export(options: argparse.Namespace) -> bool:
    """Write the proven entries; nothing at all where a chain does not hold."""
    ledger = open_ledger()
    names = known_models(ledger, options.models)
    entries = (entry for name in _counted(names, "exported") for entry in ledger.proven(name))
    if options.output is None:
        for entry in entries:
            print(export_line(entry))
        return bool(names)
    count = write_export(options.output, entries)
    print(f"{options.output}: {count} entries of {len(names)} models", file=sys.stderr)
    return bool(names)


def rebuild(options: argparse.Namespace) -> bool:
    """Derive anew, or restore; say what was different. False where a ledger was left as it is."""
    ledger = open_ledger()
    if options.export:
        count = ledger.restore(read_export(options.export))
        print(f"restored {count} entries of {len(ledger.models())} models from {options.export}")
        return count > 0
    names = known_models(ledger, options.models)
    by = f"person:{options.by or current_user()}" if options.accept else ""
    return all([_rebuild_model(ledger, name, accepted_by=by) for name in _counted(names, "rebuilt")])


def _rebuild_model(ledger: LedgerUpkeep, name: str, *, accepted_by: str) -> bool:
    audit = ledger.audit(name)
    try:
        ledger.rebuild(name, accept=bool(accepted_by), actor=accepted_by)
    except LedgerTamperedError as error:
        print(f"{name}: NOT REBUILT: {error}")
        return False
    print(f"{name}: derived anew from {audit.head.sequence} entries; {len(audit.problems)} differences")
    for problem in audit.problems:
        print(f"  before: {problem}")
    return True


def _ledger_audits(models: Sequence[str], earlier: Earlier) -> Iterator[Audit]:
    ledger = open_ledger()
    known = ledger.models()
    names = models and known_models(ledger, models)
    for name in _counted(names or sorted({*known, *earlier}), "verified"):
        yield ledger.audit(name, earlier=earlier.get(name))


def _file_audits(path: Path, models: Sequence[str], earlier: Earlier) -> Iterator[Audit]:
    missing = {*earlier}
    for name, entries in by_model(read_export(path)):
        missing.discard(name)
        if not models or name in models:
            yield audit_model(name, entries, earlier=earlier.get(name))
    for name in sorted(missing & {*models} if models else missing):
        yield audit_model(name, (), earlier=earlier[name])


def _read_earlier(path: Path) -> Earlier:
    """Read an earlier export, which has to hold itself."""
    try:
        return {
            name: {entry.sequence: entry.sha256 for entry in checked(entries)}
            for name, entries in by_model(read_export(path))
        }
    except LedgerTamperedError as error:
        message = f"the export {path} does not hold, compare with another one: {error}"
        raise LedgerTamperedError(message) from error


def _print_audit(audit: Audit) -> None:
    head = audit.head
    for problem in audit.problems:
        print(f"{audit.model}: TAMPERED: {problem}")
    if not audit.problems:
        print(f"{audit.model}: {head.sequence} entries, chain intact, ends with {head.sha256[:16]}")


def _counted(names: Sequence[str], done: str) -> Iterator[str]:
    """Yield the names; tell a person who waits how far it is."""
    is_watched = sys.stderr.isatty() and len(names) > 1
    for number, name in enumerate(names):
        if is_watched:
            print(f"\r{done} {number} of {len(names)} models", end="", file=sys.stderr, flush=True)
        yield name
    if is_watched:
        print(f"\r{done} {len(names)} models{' ' * 20}", file=sys.stderr)


def _kind(text: str) -> EntryKind:
    if text not in map(str, EntryKind):
        message = f"{text[:40]!r} is no kind of entry; {did_you_mean(text, map(str, EntryKind))}"
        raise argparse.ArgumentTypeError(message)
    return EntryKind(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = f"{text[:20]!r} is no number of entries; give 1 or more"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _line(entry: LedgerEntry) -> str:
    """Print an entry as one line: where in the chain, when, what, about what, by whom."""
    payload = entry.payload
    verdict = payload.get("verdict")
    snapshot = payload.get("snapshot")
    inner = verdict if isinstance(verdict, dict) else snapshot if isinstance(snapshot, dict) else payload
    words = ("outcome", "challenger", "version", "partition", "newest_partition", "revision", "reason", "error")
    reasons = inner.get("reasons")
    told = {**inner, "reason": "; ".join(map(str, reasons))} if isinstance(reasons, list) else inner
    about = " ".join(f"{word}={told[word]}" for word in words if told.get(word) is not None)
    return f"{entry.model} {entry.sequence:>5} {when(entry.recorded_at)} {entry.kind:<20} {about}  [{entry.actor}]"
