"""The command `retrain`: what was retrained between the nights and why, and a person's word in it."""

import argparse
from datetime import UTC, datetime

from titlebout.cli.at_hand import known_model, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.persons import confirmed, current_user
from titlebout.core.decisions import PersonsWord
from titlebout.core.errors import DecisionRefusedError
from titlebout.core.pages.report_words import visible
from titlebout.core.ports import Ledger
from titlebout.core.retraining.retrain_words import gate_lines, record_lines
from titlebout.project import load_model_spec
from titlebout.steps.ask_for_retrain import gate_of, resume_retrains, wish_for_retrain


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "retrain", retrain, "show retrains between the nights, ask for one, or resume them")
    parser.add_argument("model")
    parser.add_argument("--look", action="store_true", help="look as the drift DAG does, and ask for nothing")
    parser.add_argument("--reason", help="ask for a retrain because of this; it goes into the ledger")
    parser.add_argument("--resume", action="store_true", help="let causes start runs again; needs --reason too")
    parser.add_argument("--by", metavar="NAME", help="who decides; default: the name of the user who runs this")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def retrain(options: argparse.Namespace) -> bool:
    """Print how retrains stand, or write a person's word into the ledger; False where there was none, or a no."""
    ledger = open_ledger()
    model = known_model(ledger, options.model)
    if options.reason is None:
        if options.resume:
            message = f"{model}: --resume needs a --reason; it goes into the ledger"
            raise DecisionRefusedError(message)
        return _look(model, ledger) if options.look else _show(model, ledger)
    return _decide(options, model, ledger)


def _show(model: str, ledger: Ledger) -> bool:
    gate = gate_of(load_model_spec(model), ledger, datetime.now(UTC))
    print(model)
    for line in gate_lines(gate):
        print(visible(f"  {line}"))
    for line in record_lines(gate.record):
        print(visible(f"  {line}"))
    return bool(gate.record.retrains)


def _look(model: str, ledger: Ledger) -> bool:
    """Print what a look says now; False where nothing speaks for a retrain."""
    # It reads rows, and with them NumPy; the other commands do without.
    from titlebout.steps.watch_model import watch_model

    report = watch_model(load_model_spec(model), lake=open_lake(), ledger=ledger, asks=False)
    for line in report.lines:
        print(visible(line))
    return bool(report.causes)


def _decide(options: argparse.Namespace, model: str, ledger: Ledger) -> bool:
    spec = load_model_spec(model)
    word = PersonsWord.of(by=options.by or current_user(), reason=options.reason)
    what = "let causes start runs again" if options.resume else "retrain on the newest partition"
    print(visible(f"{model}: {what}"))
    print(visible(f"  as {word.actor}: {word.reason}"))
    if not options.yes and not confirmed():
        print("nothing was changed")
        return False
    if options.resume:
        resume_retrains(spec, person=word.by, reason=word.reason, ledger=ledger)
        print("resumed: retrains without gain are counted anew")
        return True
    asked = wish_for_retrain(spec, person=word.by, reason=word.reason, ledger=ledger, now=datetime.now(UTC))
    print(f"asked for {asked.run_id}; the next look of {spec.drift_dag_id} or {spec.news_dag_id} starts it")
    return True
