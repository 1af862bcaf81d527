"""Entry point of the command `titlebout`: parses arguments and turns errors into one line and an exit code."""

import argparse
import io
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module

import titlebout
from titlebout.core.errors import TitleboutError, did_you_mean

EXIT_OK, EXIT_NO, EXIT_MISTAKE, EXIT_INTERRUPTED = 0, 1, 2, 130
_MODULES: Mapping[str, Collection[str]] = {
    "drafts": ("new",),
    "inspections": ("check", "schema", "plan"),
    "answers": ("status", "served-at"),
    "night_table": ("nights",),
    "ledger_commands": ("ledger",),
    "lineage": ("lineage",),
    "cards": ("card",),
    "quarantine": ("quarantine",),
    "night_runs": ("run", "reproduce"),
    "logged_answers": ("predictions", "collect-log", "prune-log"),
    "performance_table": ("performance",),
    "skew_commands": ("skew",),
    "drift_reports": ("drift", "staleness"),
    "replays": ("replay",),
    "trial_commands": ("trial",),
    "rollbacks": ("rollback",),
    "retrains": ("retrain",),
    "scorings": ("score",),
    "alerting": ("alerts",),
}
"""Modules of this package to the commands that they register, in the order of the help."""
_EPILOG = """\
Connections come from the variables that Airflow reads (AIRFLOW_CONN_TITLEBOUT_LEDGER
and so on, JSON form), the project folder from TITLEBOUT_HOME, then
AIRFLOW_HOME, then the working directory or the nearest project above it.
Exit codes: 0 fine, 1 the check failed or nothing was found, 2 a mistake in the
command or the project or a service that is down, 130 interrupted.
"""


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """Return the parser of one subcommand, or of all where there is none of that name.

    The modules of the others are not loaded: that takes as long as most commands, and who rolls back is in a hurry.
    """
    parser = argparse.ArgumentParser(
        prog="titlebout",
        description="Answers about models, partitions and decisions, without opening Airflow.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"titlebout {titlebout.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")

    wanted = [module for module, names in _MODULES.items() if command in names]
    for module in wanted or _MODULES:
        import_module(f"titlebout.cli.{module}").register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale may have no sign for what a model or a file is called
            stream.reconfigure(errors="backslashreplace")
    names = [name for registered in _MODULES.values() for name in registered]
    if given and not given[0].startswith("-") and given[0] not in names:
        print(f"titlebout: {given[0][:40]!r} is no command; {did_you_mean(given[0], names)}", file=sys.stderr)
        return EXIT_MISTAKE
    try:
        options = build_parser(*given[:1]).parse_args(given)
        is_fine = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `titlebout ledger show | head`
        # What is still to be written goes nowhere, or Python would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        print("\ntitlebout: interrupted; what was finished stays", file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:  # a file that was asked for cannot be read or written
        said = f"{error.filename}: {error.strerror}" if error.filename else error
        print(f"titlebout: {said}", file=sys.stderr)
        return EXIT_MISTAKE
    except TitleboutError as error:
        print(f"titlebout: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    return EXIT_OK if is_fine else EXIT_NO


if __name__ == "__main__":
    sys.exit(main())
