"""The command `skew`: does the live server answer as its version did offline, and is it asked what is delivered?"""

import argparse
import json

from titlebout.cli.at_hand import open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.connection_fields import environment_connection
from titlebout.core.pages.report_words import visible
from titlebout.project import load_model_spec
from titlebout.wiring import build_client, build_host, known_log_key


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(
        commands, "skew", skew, "compare the live server with its version, and its log with what was delivered"
    )
    parser.add_argument("model")
    parser.add_argument("--partition", metavar="KEY", help="only the log about this one; default: the newest accepted")
    parser.add_argument("--log-only", action="store_true", help="do not ask the live server")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def skew(options: argparse.Namespace) -> bool:
    """Look for skew, record findings, and print what was seen; False where something is wrong."""
    from titlebout.core.skew.skew_words import report_lines
    from titlebout.steps.check_skew import check_skew
    from titlebout.steps.golden_desk import GoldenDesk

    spec, lake, ledger = load_model_spec(options.model), open_lake(), open_ledger()
    desk = None
    if not options.log_only:
        desk = GoldenDesk(spec, lake, ledger, build_host(spec, environment_connection), build_client())
    report = check_skew(
        spec,
        lake=lake,
        ledger=ledger,
        desk=desk,
        log_key=known_log_key(spec.serving.log, environment_connection),
        partition=spec.calendar.check(options.partition) if options.partition else None,
    )
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        for line in report_lines(report):
            print(visible(line))
    return report.is_clean
