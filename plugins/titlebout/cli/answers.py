"""The commands `status` and `served-at`: who serves, who served then, and why."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from titlebout.cli.at_hand import known_model, open_ledger
from titlebout.cli.commands import Commands, add_command, add_models
from titlebout.cli.times import parse_moment, when
from titlebout.connection_fields import environment_connection
from titlebout.core.candidates.approvals import APPROVAL_KINDS, approval_before
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.ledgers.withdrawals import why_withdrawn, withdrawn
from titlebout.core.live_trials.trial import TRIAL_AND_RELEASE_KINDS, trial_at
from titlebout.core.ports import Ledger
from titlebout.core.retraining.retrain_record import RETRAIN_KINDS, RetrainRecord
from titlebout.core.retraining.retrain_words import status_line
from titlebout.project import model_names


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    add_models(
        add_command(commands, "status", status, "show who serves, since when, and the state of the partitions"),
        "the ledger",
    )
    served = add_command(commands, "served-at", served_at, "say what served at a moment, made from what, and why")
    served.add_argument("model")
    served.add_argument("moment", help="ISO time such as 2026-03-14T02:00; without an offset it is UTC")


def status(options: argparse.Namespace) -> bool:
    """Print one block per model."""
    ledger = open_ledger()
    names: Sequence[str] = options.models or ledger.models()
    new = {*model_names()}  # one that has a spec and no night yet
    is_whole = True
    for name in names:
        known = name if name in new else known_model(ledger, name)
        try:
            _print_status(ledger, known)
        except LedgerTamperedError as error:  # the others want to be known all the same
            print(f"{name}: {error}")
            is_whole = False
    if not names:
        where = environment_connection("titlebout_ledger").host
        print(f"the ledger {where} is empty: no night has run, or the connection titlebout_ledger means another one")
    return bool(names) and is_whole


def _print_status(ledger: Ledger, name: str) -> None:
    state = ledger.state(name)
    champion = state.champion
    serving = f"{champion.version} since {when(champion.since)}" if champion else "nothing has served yet"
    serving += f" at {champion.url}" if champion and champion.url else ""
    print(f"{name}: {serving}")
    for partition_status in PartitionStatus:
        keys = state.keys(partition_status)
        if keys:
            print(f"  {partition_status:<12}{len(keys):>5} partitions  {_span(keys, partition_status)}")
    for version in withdrawn(state.releases):
        print(f"  {why_withdrawn(version, state.releases)}")
    if line := status_line(RetrainRecord.of(ledger.entries(name, kinds=RETRAIN_KINDS)), datetime.now(UTC)):
        print(f"  {line}")


def _span(keys: Sequence[str], partition_status: PartitionStatus) -> str:
    """Name quarantined partitions one by one, since each waits for a person; others by their span."""
    if partition_status is PartitionStatus.QUARANTINED:
        return ", ".join(keys[:10]) + (", …" if len(keys) > 10 else "")
    return f"{keys[0]} to {keys[-1]}"


def served_at(options: argparse.Namespace) -> bool:
    """Print what served at a moment and where it came from."""
    moment = parse_moment(options.moment)
    ledger = open_ledger()
    served = ledger.state(known_model(ledger, options.model)).served_at(moment)
    if served is None:
        print(f"{options.model}: nothing served at {when(moment)}")
        return False
    approval = approval_before(ledger.entries(options.model, kinds=APPROVAL_KINDS), served.version, served.since)
    tried = trial_at(ledger.entries(options.model, kinds=TRIAL_AND_RELEASE_KINDS), moment)
    if moment > datetime.now(UTC):
        print(f"{when(moment)} lies ahead: this is what serves now", file=sys.stderr)
    print(f"{options.model}: {served.version}")
    for label, value in (
        ("at", when(moment)),  # whoever left the offset out sees which moment was meant
        ("partition", served.partition),
        ("since", when(served.since)),
        ("made by", served.actor),
        ("reason", served.reason),
        ("bytes", _bytes_of(ledger, options.model, served.version)),
        ("approval", str(approval) if approval else None),
        ("release", str(served.token)),
        ("address", served.url),
        ("replaced", served.withdraws),
        ("on trial", str(tried) if tried else None),
    ):
        if value is not None:
            print(f"  {label:<10}{value}")
    print(f"  {'rows':<10}titlebout lineage {options.model} {served.version}")
    return True


def _bytes_of(ledger: Ledger, model: str, version: str) -> str | None:
    for entry in ledger.entries(model, kinds={EntryKind.CHALLENGER_TRAINED}):
        if entry.payload.get("version") == version:
            return f"model.ubj, SHA-256 {entry.payload.get('model_sha256')}"
    return None
