"""How a module of the command line registers its commands."""

import argparse
from collections.abc import Callable

Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns
Run = Callable[[argparse.Namespace], bool]
"""Does the work and prints the answer; False where the check failed or nothing was found."""


def add_command(
    commands: "Commands[argparse.ArgumentParser]", name: str, run: Run, summary: str
) -> argparse.ArgumentParser:
    """Add one subcommand and return its parser for the arguments."""
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.set_defaults(run=run)
    return parser


def add_models(parser: argparse.ArgumentParser, of: str) -> None:
    """Add the argument for any number of models."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"names; default: all in {of}")
