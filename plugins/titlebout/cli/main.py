"""Entry point of the command `titlebout`: parses arguments and turns errors into one line and an exit code."""

import argparse
import sys
from collections.abc import Callable, Sequence

import titlebout
from titlebout.cli import answers, inspections
from titlebout.core.errors import TitleboutError

EXIT_OK, EXIT_NO, EXIT_MISTAKE = 0, 1, 2
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

    check = _add(commands, "check", inspections.check, "check model specs and their suites before Airflow sees them")
    check.add_argument("models", nargs="*", metavar="MODEL", help="names; default: all in include/models")
    _add(commands, "schema", inspections.schema, "print the JSON schema of a model spec, for editors")
    plan = _add(commands, "plan", inspections.plan, "show which partitions a run would train on and be judged on")
    plan.add_argument("model")
    plan.add_argument("partition", help="key such as 2012-06-01")

    status = _add(commands, "status", answers.status, "show who serves, since when, and the state of the partitions")
    status.add_argument("models", nargs="*", metavar="MODEL", help="names; default: all in the ledger")
    served = _add(commands, "served-at", answers.served_at, "say what served at a moment, made from what, and why")
    served.add_argument("model")
    served.add_argument("moment", help="ISO time such as 2026-03-14T02:00; without an offset it is UTC")
    ledger = _add(commands, "ledger", answers.ledger, "show or verify the record of decisions")
    ledger.add_argument("action", choices=["show", "verify"])
    ledger.add_argument("models", nargs="*", metavar="MODEL", help="names; default: all in the ledger")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], bool],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return EXIT_OK if options.run(options) else EXIT_NO
    except TitleboutError as error:
        print(f"titlebout: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    except BrokenPipeError:  # `titlebout ledger show | head`
        sys.stderr.close()
        return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
