"""Entry point of the command `titlebout`: parses arguments and turns errors into one line and an exit code."""

import argparse
import sys
from collections.abc import Sequence

import titlebout
from titlebout.cli import (
    alerting,
    answers,
    cards,
    drafts,
    drift_reports,
    inspections,
    ledger_commands,
    lineage,
    logged_answers,
    nights,
    performance_table,
    quarantine,
    replays,
    retrains,
    rollbacks,
    scorings,
    skew_commands,
    trial_commands,
)
from titlebout.core.errors import TitleboutError

EXIT_OK, EXIT_NO, EXIT_MISTAKE = 0, 1, 2
_MODULES = (
    drafts,
    inspections,
    answers,
    ledger_commands,
    lineage,
    cards,
    quarantine,
    nights,
    logged_answers,
    performance_table,
    skew_commands,
    drift_reports,
    replays,
    trial_commands,
    rollbacks,
    retrains,
    scorings,
    alerting,
)
_EPILOG = """\
Connections come from the same variables that Airflow reads (AIRFLOW_CONN_TITLEBOUT_LEDGER and so on, JSON form);
the project folder from TITLEBOUT_HOME, then AIRFLOW_HOME, then the working directory.
Exit codes: 0 fine, 1 the check failed or nothing was found, 2 a mistake in the command or the project.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all subcommands."""
    parser = argparse.ArgumentParser(
        prog="titlebout",
        description="Answers about models, partitions and decisions, without opening Airflow.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"titlebout {titlebout.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")

    for module in _MODULES:
        module.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return EXIT_OK if options.run(options) else EXIT_NO
    except BrokenPipeError:  # `titlebout ledger show | head`
        sys.stderr.close()
        return EXIT_OK
    except (TitleboutError, OSError) as error:  # OSError: a file that was asked for cannot be written
        print(f"titlebout: {error}", file=sys.stderr)
        return EXIT_MISTAKE


if __name__ == "__main__":
    sys.exit(main())
