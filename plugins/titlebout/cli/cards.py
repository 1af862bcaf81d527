"""The command `card`: what a version is for, what it is made of, how good it is, what it has not seen."""

import argparse
import sys

from titlebout.cli.at_hand import known_model, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.project import find_model_spec


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "card", card, "print the model card of a version, as Markdown or HTML")
    parser.add_argument("model")
    parser.add_argument("version", help="as `titlebout status` prints it")
    parser.add_argument("--html", action="store_true", help="one self-contained HTML document instead of Markdown")


def card(options: argparse.Namespace) -> bool:
    """Print the card."""
    ledger = open_ledger()
    model, lake = known_model(ledger, options.model), open_lake()
    # Reading a version needs NumPy; the other commands do without.
    from titlebout.core.pages.card_markdown import card_markdown
    from titlebout.core.pages.card_page import card_page
    from titlebout.core.pages.page_frame import Place
    from titlebout.steps.describe_version import describe_version

    found = describe_version(model, options.version, lake=lake, ledger=ledger, spec=find_model_spec(model))
    # A file by itself: no Airflow around it to lead to.
    sys.stdout.write(card_page(found, Place(is_framed=True)) if options.html else card_markdown(found))
    return True
