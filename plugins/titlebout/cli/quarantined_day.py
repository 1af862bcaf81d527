"""Everything that is known about one partition: why it stands where it stands, and what that means for the models."""

import json
from collections.abc import Iterator
from datetime import datetime

from titlebout.cli.lineage import version_line
from titlebout.cli.times import when
from titlebout.core.deliveries import DELIVERY_KINDS, Delivery, deliveries
from titlebout.core.errors import PartitionMissingError, SpecError, TitleboutError
from titlebout.core.ledgers.ledger import PartitionStatus, ServedVersion
from titlebout.core.pages.report_reading import ReadReport, read_report
from titlebout.core.pages.report_words import counted
from titlebout.core.pages.standing import commands, standing
from titlebout.core.ports import Lake, Ledger
from titlebout.core.provenance import VersionRecord
from titlebout.core.results import PartitionKey
from titlebout.core.windows import nights_that_read
from titlebout.project import load_model_spec
from titlebout.steps.trace_lineage import PartitionLineage, trace_partition

_SHOWN_VERSIONS = 5


def day_lines(model: str, partition: PartitionKey, *, ledger: Ledger, lake: Lake) -> Iterator[str]:
    """Yield what is known about the newest revision of a partition.

    Raises:
        PartitionMissingError: The ledger does not know it.
        UnavailableError: Ledger or lake does not answer.
    """
    history = deliveries(ledger.entries(model, kinds=DELIVERY_KINDS))
    if partition not in history:
        message = f"{model} {partition} was never ingested; see `titlebout status {model}`"
        raise PartitionMissingError(message)
    newest = history[partition][-1]
    report, problem = _report(newest, lake)
    stands = standing(newest, report)
    snapshot = newest.snapshot
    yield f"{model} {partition}, revision {snapshot.revision}: {stands.title}"
    yield from (f"  {line}" for line in stands.lines)
    yield f"  rows       {snapshot.rows}{f', {snapshot.left_out_rows} left out' if snapshot.left_out_rows else ''}"
    yield f"  data       {lake.uri(snapshot.data_path)}"
    yield f"  source     {snapshot.source_uri} {snapshot.source_etag or ''}".rstrip()
    yield f"  ingested   {when(newest.ingested.recorded_at)} by {newest.ingested.actor}"
    if newest.judgement:
        yield f"  judged     {when(newest.judgement.recorded_at)} by {newest.judgement.actor}"
        yield f"  report     {lake.uri(str(newest.judgement.payload.get('report_path')))}"
    yield from _failure_lines(newest, report, problem)
    traced = trace_partition(model, partition, lake=lake, ledger=ledger)
    yield from _window_lines(model, newest, traced, ledger)
    for command in commands(newest):
        yield command.purpose
        if command.line:
            yield f"  {command.line}"


def _report(delivery: Delivery, lake: Lake) -> tuple[ReadReport, str]:
    """Read the report of a delivery, and say what is wrong with it: the ledger alone still knows the first failures."""
    if delivery.judgement is None:
        return ReadReport(), ""
    judged = delivery.judgement.payload
    try:
        document = json.loads(lake.read(str(judged["report_path"]), sha256=str(judged["report_sha256"])))
        return read_report(document, delivery.snapshot.columns), ""
    except TitleboutError as error:
        return ReadReport(), f"the report cannot be read: {error}"
    except (KeyError, ValueError, AttributeError):
        return ReadReport(), "the report is none that this release can read"


def _failure_lines(delivery: Delivery, report: ReadReport, problem: str) -> Iterator[str]:
    if problem:
        yield f"  {problem}"
        listed = delivery.judgement.payload.get("failures") if delivery.judgement else None
        yield from (f"  {line}" for line in (listed if isinstance(listed, list) else []))
    for failure in report.failures:
        rows = f" in {failure.rows} rows" if failure.rows is not None else ""
        about = f" of {failure.about}" if failure.about else ""
        yield f"  {failure.severity}: {failure.kind}{about}: wanted {failure.expected}, found {failure.observed}{rows}"
        for example in failure.examples:
            yield "      " + ", ".join(f"{name} {cell}" for name, cell in zip(failure.header, example, strict=False))


def _window_lines(model: str, newest: Delivery, traced: PartitionLineage, ledger: Ledger) -> Iterator[str]:
    """Say whose windows hold the day, who learned from it all the same, and what served while it was out."""
    partition = newest.snapshot.partition
    is_out = newest.status is not PartitionStatus.ACCEPTED
    try:
        nights = nights_that_read(load_model_spec(model), partition)
    except SpecError:
        yield f"{model} has no spec any more, so no night asks for this day"
    else:
        verb = "skip" if is_out else "read"
        for windows, among in (("training windows", nights.training), ("holdouts", nights.holdout)):
            yield f"{windows} of the nights {among[0]} to {among[1]} {verb} it" if among else f"no {windows} reach it"
    yield f"{counted(len(traced.trained), 'version')} learned from it"
    yield from _versions(traced.trained)
    span = _time_out(newest)
    if span:
        yield f"served {'since then' if span[1] is None else 'until it was released'}"
        served = [*_served_during(ledger.state(model).releases, *span)]
        yield from (f"  {each.version:<23}  since {when(each.since)}" for each in served)
        if not served:
            yield "  nothing"


def _versions(versions: tuple[VersionRecord, ...]) -> Iterator[str]:
    yield from (version_line(record) for record in versions[-_SHOWN_VERSIONS:])
    if len(versions) > _SHOWN_VERSIONS:
        yield f"  … and {len(versions) - _SHOWN_VERSIONS} older ones"


def _time_out(delivery: Delivery) -> tuple[datetime, datetime | None] | None:
    """Return from when to when no window read the day; None where that never was."""
    decision, judgement = delivery.decision, delivery.judgement
    match delivery.status:
        case PartitionStatus.ACCEPTED:
            return (judgement.recorded_at, decision.recorded_at) if decision and judgement else None
        case PartitionStatus.INGESTED:
            return delivery.ingested.recorded_at, None
        case _:
            first = [entry.recorded_at for entry in (judgement, decision) if entry]
            return min(first), None


def _served_during(
    releases: tuple[ServedVersion, ...], start: datetime, end: datetime | None
) -> Iterator[ServedVersion]:
    """Yield what served at the start of a span and what came to serve in it."""
    for number, served in enumerate(releases):
        until = releases[number + 1].since if number + 1 < len(releases) else None
        if (until is None or until > start) and (end is None or served.since < end):
            yield served
