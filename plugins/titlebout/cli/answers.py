"""The commands `status` and `served-at`: who serves, who served then, and why."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

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
    shown = add_command(commands, "status", status, "show who serves, since when, and the state of the partitions")
    add_models(shown, "the ledger")
    served = add_command(commands, "served-at", served_at, "say what served at a moment, made from what, and why")
    served.add_argument("model")
    served.add_argument("moment", help="ISO time such as 2026-03-14T02:00; without an offset it is UTC")
    for parser in (shown, served):
        parser.add_argument("--json", action="store_true", help="one document, for other programs")


def status(options: argparse.Namespace) -> bool:
    """Print one block per model, or all of them as one document."""
    ledger = open_ledger()
    names: Sequence[str] = options.models or ledger.models()
    new = {*model_names()}  # one that has a spec and no night yet
    standings = [_standing(ledger, name if name in new else known_model(ledger, name)) for name in names]
    if options.json:
        print(json.dumps({"models": standings}, indent=2))
    elif standings:
        print("\n".join(line for standing in standings for line in _lines(standing)))
    else:
        where = environment_connection("titlebout_ledger").host
        print(f"the ledger {where} is empty: no night has run, or the connection titlebout_ledger means another one")
    return bool(names) and not any("error" in standing for standing in standings)


def _standing(ledger: Ledger, name: str) -> dict[str, Any]:
    """Return what is known of a model now; times are ISO, partitions the keys by their status."""
    try:
        state = ledger.state(name)
        retrains = RetrainRecord.of(ledger.entries(name, kinds=RETRAIN_KINDS))
    except LedgerTamperedError as error:  # the others want to be known all the same
        return {"model": name, "error": str(error)}
    champion = state.champion
    keys = {partition_status.value: state.keys(partition_status) for partition_status in PartitionStatus}
    return {
        "model": name,
        "champion": champion
        and {"version": champion.version, "since": champion.since.isoformat(), "address": champion.url},
        "partitions": {partition_status: [*found] for partition_status, found in keys.items() if found},
        "withdrawn": {version: why_withdrawn(version, state.releases) for version in withdrawn(state.releases)},
        "retrains": status_line(retrains, datetime.now(UTC)),
    }


def _lines(standing: Mapping[str, Any]) -> Iterator[str]:
    if "error" in standing:
        yield f"{standing['model']}: {standing['error']}"
        return
    champion, serving = standing["champion"], "nothing has served yet"
    if champion:
        serving = f"{champion['version']} since {when(datetime.fromisoformat(champion['since']))}"
        serving += f" at {champion['address']}" if champion["address"] else ""
    yield f"{standing['model']}: {serving}"
    for partition_status, keys in standing["partitions"].items():
        yield f"  {partition_status:<12}{len(keys):>5} partitions  {_span(keys, partition_status)}"
    yield from (f"  {why}" for why in standing["withdrawn"].values())
    if standing["retrains"]:
        yield f"  {standing['retrains']}"


def _span(keys: Sequence[str], partition_status: str) -> str:
    """Name quarantined partitions one by one, since each waits for a person; others by their span."""
    if partition_status == PartitionStatus.QUARANTINED:
        return ", ".join(keys[:10]) + (", …" if len(keys) > 10 else "")
    return f"{keys[0]} to {keys[-1]}"


def served_at(options: argparse.Namespace) -> bool:
    """Print what served at a moment and where it came from."""
    moment = parse_moment(options.moment)
    ledger = open_ledger()
    model = known_model(ledger, options.model)
    answer = _answer(ledger, model, moment)
    if answer["version"] is not None and moment > datetime.now(UTC):
        print(f"{when(moment)} lies ahead: this is what serves now", file=sys.stderr)
    if options.json:
        print(json.dumps({"model": model, **answer}, indent=2))
    elif answer["version"] is None:
        print(f"{model}: nothing served at {when(moment)}")
    else:
        print(f"{model}: {answer['version']}")
        for name, label in _LABELS.items():
            if answer[name] is not None:
                print(f"  {label:<10}{_readable(name, answer[name])}")
        print(f"  {'rows':<10}titlebout lineage {model} {answer['version']}")
    return answer["version"] is not None


_LABELS = {
    "at": "at",  # whoever left the offset out sees which moment was meant
    "partition": "partition",
    "since": "since",
    "made_by": "made by",
    "reason": "reason",
    "model_sha256": "bytes",
    "approval": "approval",
    "release": "release",
    "address": "address",
    "replaced": "replaced",
    "trial": "on trial",
}


def _answer(ledger: Ledger, model: str, moment: datetime) -> dict[str, Any]:
    served = ledger.state(model).served_at(moment)
    if served is None:
        return {"at": moment.isoformat(), "version": None}
    approval = approval_before(ledger.entries(model, kinds=APPROVAL_KINDS), served.version, served.since)
    tried = trial_at(ledger.entries(model, kinds=TRIAL_AND_RELEASE_KINDS), moment)
    return {
        "at": moment.isoformat(),
        "version": served.version,
        "partition": served.partition,
        "since": served.since.isoformat(),
        "made_by": served.actor,
        "reason": served.reason,
        "model_sha256": _sha256_of(ledger, model, served.version),
        "approval": str(approval) if approval else None,
        "release": served.token,
        "address": served.url,
        "replaced": served.withdraws,
        "trial": str(tried) if tried else None,
    }


def _readable(name: str, value: object) -> str:
    match name:
        case "at" | "since":
            return when(datetime.fromisoformat(str(value)))
        case "model_sha256":
            return f"model.ubj, SHA-256 {value}"
    return str(value)


def _sha256_of(ledger: Ledger, model: str, version: str) -> str | None:
    for entry in ledger.entries(model, kinds={EntryKind.CHALLENGER_TRAINED}):
        if entry.payload.get("version") == version:
            return str(entry.payload.get("model_sha256"))
    return None
