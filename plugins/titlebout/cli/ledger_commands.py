"""The command `ledger`: the record of decisions itself."""

import argparse
from collections.abc import Sequence

from titlebout.cli.answers import open_ledger, when
from titlebout.cli.commands import Commands, add_command, add_models
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledger import LedgerEntry, verify_chain


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "ledger", ledger, "show or verify the record of decisions")
    parser.add_argument("action", choices=["show", "verify"])
    add_models(parser, "the ledger")


def ledger(options: argparse.Namespace) -> bool:
    """Print the entries, or prove that the chains hold."""
    store = open_ledger()
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
    return f"{entry.model} {entry.sequence:>5} {when(entry.recorded_at)} {entry.kind:<20} {about}  [{entry.actor}]"
