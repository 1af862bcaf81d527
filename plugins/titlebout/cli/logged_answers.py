"""The commands of the inference log: read it, fetch it from the server, delete what is too old."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.cli.at_hand import open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.persons import current_user
from titlebout.cli.whole_files import appearing
from titlebout.connection_fields import environment_connection
from titlebout.core.errors import SpecError
from titlebout.core.pages.report_words import visible
from titlebout.project import load_model_spec
from titlebout.wiring import build_host, build_server_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    import pyarrow as pa

    from titlebout.core.inference_log.log_results import CollectedLog

FORMATS = ("table", "csv", "parquet")
_HIDDEN = ("scores", "server", "number", "seconds", "token", "route")
"""Columns that only whole files show; a screen is narrow."""


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = add_command(commands, "predictions", predictions, "say what a model answered, and to which request")
    parser.add_argument("model")
    parser.add_argument("--from", dest="first", metavar="KEY", help="first partition; default: the oldest in the log")
    parser.add_argument("--to", dest="last", metavar="KEY", help="last partition; default: the newest")
    parser.add_argument("--request", metavar="ID", help="only this request: the x-request-id of its answer")
    parser.add_argument("--version", dest="of_version", metavar="VERSION", help="only what this version scored")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="newest rows of a table; default: 50")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of the screen; needed for parquet")
    collect = add_command(commands, "collect-log", collect_now, "fetch what the model's server logged into the lake")
    collect.add_argument("model")
    prune = add_command(commands, "prune-log", prune_now, "delete what is older than serving.log.retention_days")
    prune.add_argument("model")


def predictions(options: argparse.Namespace) -> bool:
    """Print what was logged; False where nothing fits."""
    if options.format == "parquet" and options.output is None:
        message = "--format parquet needs --output FILE"
        raise SpecError(message)
    if options.limit < 1:
        message = f"--limit {options.limit}: give 1 or more"
        raise SpecError(message)
    table = _found(options)
    if not table.num_rows:
        print(f"nothing in the log of {options.model} fits; titlebout collect-log {options.model} fetches the newest")
        return False
    if options.format == "table":
        _print_table(table, options.limit)
        return True
    if options.output is None:
        _write(table, options.format, sys.stdout.buffer)
        return True
    with appearing(options.output) as file:
        _write(table, options.format, str(file))
    print(f"{table.num_rows} rows in {options.output}")
    return True


def collect_now(options: argparse.Namespace) -> bool:
    """Collect and say how much there was."""
    from titlebout.steps.collect_log import collect_log

    spec = load_model_spec(options.model)
    host = build_host(spec, environment_connection)
    collected = collect_log(spec, lake=open_lake(), host=host, server_log=build_server_log())
    print(_collected(collected))
    return True


def prune_now(options: argparse.Namespace) -> bool:
    """Delete and say what that was."""
    from titlebout.steps.prune_log import prune_log

    spec, actor = load_model_spec(options.model), f"person:{current_user()}"
    pruned = prune_log(spec, now=datetime.now(UTC), actor=actor, lake=open_lake(), ledger=open_ledger())
    print(f"{pruned.files} files deleted{_span(pruned.partitions)}")
    return True


def _found(options: argparse.Namespace) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    from titlebout.core.inference_log.log_reading import logged_partitions, read_inference_log
    from titlebout.core.inference_log.log_tables import SCHEMA

    spec = load_model_spec(options.model)
    calendar = spec.calendar
    first, last = (None if key is None else calendar.number(key) for key in (options.first, options.last))
    if first is not None and last is not None and first > last:
        message = f"--from {options.first} lies after --to {options.last}; swap them"
        raise SpecError(message)
    lake = open_lake()
    keys = [*logged_partitions(lake, spec.name)]
    tables = [SCHEMA.empty_table()]
    for key in keys:
        number = calendar.number(key)
        if (first is not None and number < first) or (last is not None and number > last):
            continue
        table = read_inference_log(lake, spec.name, key)
        for column, wanted in (("request_id", options.request), ("version", options.of_version)):
            if wanted:
                table = table.filter(pc.field(column) == wanted)
        tables.append(table)
    return pa.concat_tables(tables, promote_options="permissive")


def _print_table(table: "pa.Table", limit: int) -> None:
    names = [name for name in table.column_names if name not in _HIDDEN or (name == "scores" and _is_used(table, name))]
    shown = table.select(names).slice(max(0, table.num_rows - limit))
    lines = [names, *([_text(row[name]) for name in names] for row in shown.to_pylist())]
    widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
    for line in lines:
        print(visible("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()))
    if table.num_rows > limit:
        print(f"the newest {limit} of {table.num_rows} rows; --limit shows more, --format csv all of them")


def _is_used(table: "pa.Table", name: str) -> bool:
    return bool(table[name].null_count < table.num_rows)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _write(table: "pa.Table", kind: str, output: "str | BinaryIO") -> None:
    if kind == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, output)
    else:
        import pyarrow.csv

        # CSV has no lists: the scores of several classes become one text.
        texts = [None if row is None else " ".join(map(repr, row)) for row in table["scores"].to_pylist()]
        import pyarrow as pa

        flat = table.set_column(table.schema.get_field_index("scores"), "scores", pa.array(texts, pa.string()))
        pyarrow.csv.write_csv(flat, output)


def _collected(log: "CollectedLog") -> str:
    if not log.has_server:
        return f"no server of {log.model} runs; what it logged waits on its disk until it does"
    return f"{log.rows} rows collected, {log.segments} files of the server{_span(log.partitions)}"


def _span(partitions: "Sequence[str]") -> str:
    if len(partitions) < 2:
        return "".join(f", of {only}" for only in partitions)
    return f", {partitions[0]} to {partitions[-1]}"
