"""The commands `drift` and `staleness`: what the last look for drift saw, and how fast models of a kind age."""

import argparse
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.cli.at_hand import known_model, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.core.drift_accounts.staleness import CAVEAT, Growth, ages_words, staleness_of
from titlebout.core.errors import CorruptObjectError, bounded
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.report_words import visible
from titlebout.core.partitions import checked_key
from titlebout.core.ports import Lake, Ledger
from titlebout.project import load_model_spec

if TYPE_CHECKING:
    from titlebout.core.drift_accounts.drift_account import DriftAccount
    from titlebout.core.drift_accounts.drift_reported import DriftReported

_SHOWN_COLUMNS = 15


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = add_command(commands, "drift", drift, "show what a look for drift saw, and what comes of it")
    parser.add_argument("model")
    parser.add_argument("--partition", metavar="KEY", help="newest partition of the look; default: the last look")
    parser.add_argument("--look", action="store_true", help="look now, as the drift DAG does; asks for no retrain")
    parser.add_argument("--rows", action="store_true", help="say what tells the newest rows from the training rows")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--open", action="store_true", help="open the page with all plots in a browser")
    form.add_argument("--html", action="store_true", help="print that page")
    form.add_argument("--json", action="store_true", help="print the document that the page is made from")
    aging = add_command(commands, "staleness", staleness, "show how a champion's loss grew with its age")
    aging.add_argument("model")
    aging.add_argument("--json", action="store_true", help="one document, for other programs")


def drift(options: argparse.Namespace) -> bool:
    """Print a report; False where there is none."""
    key = checked_key(options.partition) if options.partition is not None else None
    ledger = open_ledger()
    model, lake = known_model(ledger, options.model), open_lake()
    if options.rows:
        return _tell_rows_apart(model, lake, ledger)
    if options.look:
        _look(model, lake, ledger)
    reported = _reported(model, ledger, key)
    if reported is None:
        where = f" at {key}" if key else ""
        print(f"{model}: no drift report{where}; {model}_drift writes one when it has looked, and so does --look")
        return False
    content = lake.read(reported.path, sha256=reported.sha256)
    if options.json:
        print(content.decode())
    elif options.open or options.html:
        _show_page(_read(content, reported), is_opened=options.open)
    else:
        print("\n".join(visible(line) for line in _lines(_read(content, reported))))
    return True


def staleness(options: argparse.Namespace) -> bool:
    """Print the staleness curve; False where no champion has defended its place yet."""
    ledger = open_ledger()
    found = staleness_of(ledger.entries(known_model(ledger, options.model), kinds={EntryKind.VERDICT_REACHED}))
    if options.json:
        print(found.model_dump_json(indent=2))
        return bool(found.bins)
    if not found.bins:
        print(f"{options.model}: no champion has defended its place in a bout yet")
        return False
    print(f"{options.model}: loss by {found.metric} of a champion, by its age")
    print(f"{'age in days':<14}{'bouts':>6}{'champions':>11}  {'against fresh':<32}against its own bout")
    for each in found.bins:
        counts = f"{ages_words(each):<14}{each.bouts:>6}{each.champions:>11}"
        print(f"{counts}  {_growth(each.against_fresh):<32}{_growth(each.against_own)}")
    print("fresh: the model trained in the same night, on the same rows; own bout: other rows, season included")
    print(CAVEAT)
    return True


def _look(model: str, lake: Lake, ledger: Ledger) -> None:
    # Profiles need NumPy; the other forms of these commands do without.
    from titlebout.steps.measure_drift import measure_drift
    from titlebout.steps.report_drift import report_drift

    spec = load_model_spec(model)
    report_drift(spec, measure_drift(spec, lake=lake, ledger=ledger), lake=lake, ledger=ledger)


def _tell_rows_apart(model: str, lake: Lake, ledger: Ledger) -> bool:
    from titlebout.steps.tell_rows_apart import tell_rows_apart

    evidence = tell_rows_apart(load_model_spec(model), lake=lake, ledger=ledger)
    print(f"{model}: {visible(evidence.words) if evidence else 'too few newer rows, or no champion, to tell'}")
    return evidence is not None


def _reported(model: str, ledger: Ledger, key: str | None) -> "DriftReported | None":
    from titlebout.core.drift_accounts.drift_reported import DriftReported

    entries = ledger.entries(model, kinds={EntryKind.DRIFT_REPORTED}, newest=None if key else 1)
    found = [entry.read(DriftReported) for entry in entries]
    return next((each for each in reversed(found) if key in (None, each.partition)), None)


def _read(content: bytes, reported: "DriftReported") -> "DriftAccount":
    from titlebout.core.pages.drift_page import read_drift_account

    account = read_drift_account(content)
    if account is None:
        message = f"{reported.path}: not readable as a drift report by this release of Titlebout; --json prints it"
        raise CorruptObjectError(message)
    return account


def _show_page(account: "DriftAccount", *, is_opened: bool) -> None:
    from titlebout.core.pages.drift_page import drift_file

    page = drift_file(account)
    if not is_opened:
        sys.stdout.write(page)
        return
    name = f"titlebout-drift-{account.report.model}-{account.partition}-"
    with tempfile.NamedTemporaryFile("w", suffix=".html", prefix=name, delete=False, encoding="utf-8") as file:
        file.write(page)
    print(file.name)
    webbrowser.open(Path(file.name).as_uri())


def _lines(account: "DriftAccount") -> list[str]:
    from titlebout.core.pages.drift_reading import drift_standing, next_lines

    standing = drift_standing(account)
    lines = [f"{account.report.model} {account.partition}: {standing.title}"]
    lines += [f"  {line}" for line in (*standing.lines, *next_lines(account))]
    looked_at = {day.partition for day in account.days if day.is_looked_at}
    rows = []
    for column in account.columns:
        changes = {key: each for key, each in column.changes.items() if key in looked_at}
        if changes:
            worst = changes[max(changes, key=lambda key: changes[key].excess)]
            rows.append(f"{bounded(column.name, 26):<28}{worst.excess:>10.2f}{worst.change:>+9.2f}  {worst.measure}")
    if rows:
        lines += ["", f"{'column':<28}{'of limit':>10}{'change':>9}  what", *rows[:_SHOWN_COLUMNS]]
    if len(rows) > _SHOWN_COLUMNS:
        lines.append(f"… and {len(rows) - _SHOWN_COLUMNS} more columns: --open or --json")
    return lines


def _growth(growth: Growth | None) -> str:
    if growth is None:
        return "not known"
    bounds = "" if growth.low is None or growth.high is None else f" ({growth.low:+.1%} to {growth.high:+.1%})"
    return f"{growth.middle:+.1%}{bounds}"
