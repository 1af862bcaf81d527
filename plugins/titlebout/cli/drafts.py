"""The command `new`: looks at real data and drafts a model spec and an expectation suite."""

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from titlebout.cli.commands import Commands, add_command
from titlebout.cli.life_signs import LifeSigns, Tell
from titlebout.cli.whole_files import appearing
from titlebout.core.errors import SpecError
from titlebout.core.specs.dataset_spec import Bounds
from titlebout.project import project_home

if TYPE_CHECKING:
    from titlebout.cli.draft_origins import Look
    from titlebout.cli.drafting import Finished
    from titlebout.core.drafts.draft_model import DraftChoices

_SUMMARY = "look at real data and write a commented model spec and an expectation suite that most of its days pass"


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "new", new, _SUMMARY)
    parser.add_argument("name", help="of the model: lower case letters, digits and underscores")
    parser.add_argument(
        "--from",
        dest="origin",
        required=True,
        metavar="WHERE",
        help="file, glob in quotes, s3://bucket/prefix, or sql:<connection>:<table or query>",
    )
    known = parser.add_argument_group("what you know", "whatever is not said is found out, and marked as a guess")
    known.add_argument("--target", help="column to predict, or minutes:START:END of two columns of times")
    known.add_argument("--task", choices=["regression", "binary", "multiclass"], help="default: by the target's values")
    known.add_argument("--time-column", metavar="COLUMN", help="when a row happened")
    known.add_argument("--key", metavar="COLUMNS", help="names a row; several with commas between")
    known.add_argument(
        "--keep", metavar="MIN:MAX", help="leave rows out whose target lies outside; a side may be empty"
    )
    known.add_argument("--first-year", type=int, metavar="YEAR", help="of the first row, if rows only name months")
    known.add_argument(
        "--timezone", metavar="ZONE", help="in which a day begins (default: UTC, or that of the times if paths agree)"
    )
    order = known.add_mutually_exclusive_group()
    order.add_argument("--day-first", dest="day_first", action="store_true", default=None, help="03/04 is 3 April")
    order.add_argument("--month-first", dest="day_first", action="store_false", help="03/04 is 4 March")
    known.add_argument("--delimiter", metavar="SIGN", help="between the fields of a CSV")
    known.add_argument("--decimal", choices=[".", ","], metavar="SIGN", help="before decimals: . or ,")
    thousands = "between groups of three digits: . , ' a blank, or '' for none"
    known.add_argument("--thousands", choices=["", ".", ",", " ", "'"], metavar="SIGN", help=thousands)
    written = parser.add_argument_group("what is written")
    written.add_argument("--dry-run", action="store_true", help="print, write nothing")
    written.add_argument("--force", action="store_true", help="overwrite what is there")
    written.add_argument("--home", type=Path, metavar="DIR", help="project folder; default: as all commands find it")


def new(options: argparse.Namespace) -> bool:
    """Draft, try on real days, write, and say what to do next."""
    from titlebout.cli.drafting import finish_draft

    home = options.home.resolve() if options.home else project_home()
    tell = LifeSigns()
    choices = _choices(options)
    _refuse_to_overwrite(options, home)
    try:
        look = _look(options, tell)
        finished = finish_draft(options.name, look, choices, today=datetime.now(UTC).date(), tell=tell)
    finally:
        tell("")  # an error begins a line of its own
    if options.dry_run:
        for path, text in finished.files.items():
            print(f"# ---- {path}\n{text}")
    else:
        # The spec last: Airflow makes DAGs of it as soon as it is there.
        for path, text in reversed(finished.files.items()):
            _write(home / path, text)
            print(f"wrote {home / path}")
    _report(options, look, finished)
    return finished.accepted > 0


def _look(options: argparse.Namespace, tell: Tell) -> "Look":
    from titlebout.cli.draft_files import look_at_files
    from titlebout.cli.draft_objects import look_at_objects
    from titlebout.cli.draft_queries import look_at_query

    if options.origin.startswith("s3://"):
        return look_at_objects(options.origin, options.delimiter, tell)
    if options.origin.startswith("sql:"):
        return look_at_query(options.name, options.origin, tell)
    return look_at_files(options.origin, options.delimiter, tell)


def _refuse_to_overwrite(options: argparse.Namespace, home: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", options.name):
        message = f"{options.name[:70]!r} is no name of a model; use lower case letters, digits and underscores"
        raise SpecError(message)
    paths = (
        f"include/models/{options.name}.yaml",
        f"expectations/{options.name}.json",
        f"include/sql/{options.name}.sql",
    )
    there = [path for path in paths if (home / path).exists()]
    if there and not (options.force or options.dry_run):
        message = f"{home / there[0]} is there already; choose another name, or overwrite it with --force"
        raise SpecError(message)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as file:
        file.write_text(text, encoding="utf-8")


def _choices(options: argparse.Namespace) -> "DraftChoices":
    from titlebout.core.drafts.draft_model import DraftChoices
    from titlebout.core.drafts.draft_types import TextRules

    try:
        ZoneInfo(options.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        message = f"--timezone {options.timezone!r} is no IANA time zone, such as Europe/Berlin"
        raise SpecError(message) from None
    if options.delimiter is not None and len(options.delimiter) != 1:
        message = f"--delimiter {options.delimiter!r}: give one character"
        raise SpecError(message)
    return DraftChoices(
        target=options.target,
        time_column=options.time_column,
        key=tuple(name.strip() for name in options.key.split(",")) if options.key else (),
        task=options.task,
        first_year=options.first_year,
        keep=_bounds(options.keep) if options.keep else None,
        timezone=options.timezone,
        texts=TextRules(options.decimal, options.thousands, options.day_first),
    )


def _bounds(text: str) -> Bounds:
    low, colon, high = text.partition(":")
    try:
        bounds = Bounds(min=float(low) if low else None, max=float(high) if high else None)
    except ValueError:
        bounds = Bounds()
    if not colon or bounds == Bounds():
        message = f"--keep {text!r}: write MIN:MAX such as 1:60; a side may be empty"
        raise SpecError(message)
    return bounds


def _report(options: argparse.Namespace, look: "Look", finished: "Finished") -> None:
    """Say how the days fared, what to look at, and what to do next."""
    name = options.name
    print(f"\n{finished.accepted} of {finished.tried} days tried would be accepted")
    for line in finished.refused:
        print(f"  {line}")
    for title, lines in (("Loosened", finished.loosened), ("To confirm", finished.look)):
        if lines:
            print(f"\n{title}:")
            for line in lines:
                print(f"  - {line}")
    print("\nNext:")
    for remark in look.remarks:
        print(f"  {remark}")
    if not options.dry_run:
        print(f"  read include/models/{name}.yaml and correct its guesses")
        print(f"  titlebout check {name} --data")
        print(f"  titlebout plan {name} {finished.newest}")
