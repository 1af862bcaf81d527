"""The command `score`: what a version says of a whole partition."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from titlebout.cli.at_hand import open_lake, open_ledger, trained_version
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.whole_files import appearing
from titlebout.core.errors import SpecError
from titlebout.core.ports import Lake
from titlebout.core.results import RunContext, RunKind
from titlebout.project import load_model_spec

if TYPE_CHECKING:
    from titlebout.core.prediction_file import PartitionScores

ENDINGS = (".csv", ".parquet")


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = add_command(commands, "score", score, "score a whole partition with the version that served then")
    parser.add_argument("model")
    parser.add_argument("partition", help="key such as 2012-06-01; its rows must have been accepted")
    parser.add_argument(
        "--version", metavar="VERSION", help="a trained version, or `champion`; default: what served when it ended"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="copy the predictions into a .csv or .parquet file")


def score(options: argparse.Namespace) -> bool:
    """Score, and say with what and where the predictions lie."""
    if options.out and options.out.suffix not in ENDINGS:
        message = f"--out {options.out}: end the name in {' or '.join(ENDINGS)}"
        raise SpecError(message)
    spec = load_model_spec(options.model)
    run = RunContext(
        partition=spec.calendar.check(options.partition),
        run_id="score",
        kind=RunKind.BACKFILL,
        reason="titlebout score",
    )
    lake = open_lake()
    if options.version not in {None, "champion"}:
        trained_version(lake, spec.name, options.version)
    from titlebout.steps.score_partition import score_partition

    scores = score_partition(spec, run, lake=lake, ledger=open_ledger(), version=options.version)
    print(f"{scores.model} {scores.partition}: {scores.rows} rows by {scores.version}, which {scores.reason}")
    print(f"  predictions  {lake.uri(scores.scores_path)}")
    if scores.has_learned:
        print("  note         the version was trained on this partition: its scores say nothing about its quality")
    if options.out:
        _copy(lake, scores, options.out)
        print(f"  copied to    {options.out}")
    return True


def _copy(lake: Lake, scores: "PartitionScores", out: Path) -> None:
    data = lake.read(scores.scores_path, sha256=scores.scores_sha256)
    with appearing(out) as file:
        if out.suffix == ".parquet":
            file.write_bytes(data)
            return
        from pyarrow import csv

        from titlebout.core.reading.parquet_rows import parquet_table

        csv.write_csv(parquet_table(data), file)
