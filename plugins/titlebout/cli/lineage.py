"""The command `lineage`: what a version is made of, and which versions a day's rows went into."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from titlebout.cli.at_hand import known_model, open_lake, open_ledger
from titlebout.cli.commands import Commands, add_command
from titlebout.cli.times import when
from titlebout.core.errors import SpecError
from titlebout.core.pages.report_words import counted, visible
from titlebout.core.partitions import checked_key

if TYPE_CHECKING:
    from titlebout.core.provenance import BoutRecord, Change, UsedSnapshot, VersionRecord
    from titlebout.core.results import Result
    from titlebout.steps.trace_lineage import PartitionLineage, Restated, VersionLineage

_SHOWN_DAYS = 10


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    summary = "say what a version is made of, or which versions learned from a day's rows"
    parser = add_command(commands, "lineage", lineage, summary)
    parser.add_argument("model")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument(
        "version", nargs="?", help="as `titlebout status` prints it: its rows, its bouts, when it served"
    )
    asked.add_argument("--partition", metavar="KEY", help="versions that learned from this day or were judged on it")
    asked.add_argument(
        "--restated",
        action="store_true",
        help="versions that learned from rows which were delivered anew, discarded or put into quarantine since",
    )
    parser.add_argument("--revision", type=int, metavar="N", help="of the partition; default: the newest")
    parser.add_argument("--json", action="store_true", help="one document with everything, for other programs")


def lineage(options: argparse.Namespace) -> bool:
    """Print what was asked for; False where the lake lost a manifest, so that the answer may lack a version."""
    if options.partition is not None:
        checked_key(options.partition)
    elif options.revision is not None:
        message = "--revision is that of a partition; give --partition too"
        raise SpecError(message)
    ledger = open_ledger()
    model, lake = known_model(ledger, options.model), open_lake()
    # Reading manifests needs NumPy; the other commands do without.
    from titlebout.steps.trace_lineage import trace_partition, trace_restated, trace_version

    if options.restated:
        restated = trace_restated(model, lake=lake, ledger=ledger)
        _print(options, restated, _restated_lines(restated))
        return _is_whole(restated.unreadable)
    if options.partition is not None:
        found = trace_partition(model, options.partition, revision=options.revision, lake=lake, ledger=ledger)
        _print(options, found, _partition_lines(found))
        return _is_whole(found.unreadable)
    made = trace_version(model, options.version, lake=lake, ledger=ledger)
    _print(options, made, _version_lines(made))
    return True


def version_line(record: "VersionRecord") -> str:
    """Name a version and the spans in which it served."""
    return f"  {record.version:<23}  {_spans(record)}"


def _spans(record: "VersionRecord") -> str:
    spans = [f"{when(each.since)} to {when(each.until) if each.until else 'now'}" for each in record.reigns]
    return f"served {', '.join(spans)}" if spans else "never served"


def _print(options: argparse.Namespace, result: "Result", lines: Iterable[str]) -> None:
    print(result.model_dump_json(indent=2) if options.json else "\n".join(visible(line) for line in lines))


def _is_whole(unreadable: Sequence[str]) -> bool:
    """Say which versions an answer knows nothing about: missing evidence is none."""
    for version in unreadable:
        print(
            f"{version}: the lake lost its manifest or changed it; what it learned from is not known", file=sys.stderr
        )
    return not unreadable


def _version_lines(made: "VersionLineage") -> Iterator[str]:
    record = made.record
    yield f"{made.model} {record.version}"
    yield f"  trained    {when(record.trained_at)} by {record.trained_by} on {made.training_rows} rows"
    yield f"  recipe     {made.recipe_sha256[:12]}  {made.recipe_path} (spec, libraries; titlebout {made.code_version})"
    yield f"  model      {made.model_sha256[:12]}"
    if record.run_url:
        yield f"  tracked    {record.run_url}"
    yield f"  {_spans(record)}"
    yield counted(len(made.bouts), "bout")
    for bout in made.bouts:
        yield _bout_line(bout)
    parts = {"training window": made.training, "holdout": made.holdout}
    if made.history:
        parts["history features besides"] = made.history
    for title, snapshots in parts.items():
        rows = sum(each.rows for each in snapshots)
        yield f"{title}: {counted(len(snapshots), 'partition')}, {counted(rows, 'row')}"
        for each in snapshots:
            yield _snapshot_line(each)


def _snapshot_line(used: "UsedSnapshot") -> str:
    rows = counted(used.rows, "row")
    source = f"{used.source_uri or ''} {used.source_etag or ''}".strip()
    since = f"  NOW {_change_words(used.change)}" if used.change else ""
    return f"  {used.partition}  revision {used.revision}  {used.data_sha256[:12]}  {rows:>10}  {source}{since}"


def _change_words(change: "Change") -> str:
    since = f" on {when(change.changed_at)}" if change.changed_at else ""
    return f"{change.fate}{f' by {change.by}' if change.by else ''}{since}"


def _bout_line(bout: "BoutRecord") -> str:
    return f"  {bout.partition}  {bout.challenger} against {bout.champion or 'the baseline'}: {bout.outcome}"


def _partition_lines(found: "PartitionLineage") -> Iterator[str]:
    snapshot = found.snapshot
    stands = f"{found.status}{f' by {found.decided_by}' if found.decided_by else ''}"
    if found.newest_revision != snapshot.revision:
        stands += f", superseded by revision {found.newest_revision}"
    yield f"{snapshot.model} {snapshot.partition}, revision {snapshot.revision}: {stands}"
    yield f"  rows       {snapshot.rows}"
    yield f"  bytes      {snapshot.data_sha256[:12]}  {snapshot.data_path}"
    yield f"  source     {snapshot.source_uri} {snapshot.source_etag or ''}".rstrip()
    yield f"{counted(len(found.trained), 'version')} learned from it"
    for record in found.trained:
        yield version_line(record)
    yield f"{counted(len(found.judged), 'bout')} judged on it"
    for bout in found.judged:
        yield _bout_line(bout)
    if found.versions:
        yield "of these versions"
    for record in found.versions:
        yield version_line(record)


def _restated_lines(restated: "Restated") -> Iterator[str]:
    if not restated.versions:
        yield f"{restated.model}: no version learned from rows that were restated or taken out since"
    for each in restated.versions:
        yield f"{version_line(each.record).strip()}: {counted(len(each.days), 'day')}"
        for used in each.days[:_SHOWN_DAYS]:
            changed = _change_words(used.change) if used.change else ""
            yield f"    {used.partition}  learned from revision {used.revision}, {changed}"
        if len(each.days) > _SHOWN_DAYS:
            yield f"    … and {len(each.days) - _SHOWN_DAYS} more days: `titlebout lineage` of the version lists all"
