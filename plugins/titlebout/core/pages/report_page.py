"""The data report of one partition as one self-contained HTML document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from titlebout.core.deliveries import Delivery
from titlebout.core.pages.day_chart import DayChart, DayRows, day_chart, last_of
from titlebout.core.pages.page_frame import Place, neighbours, render
from titlebout.core.pages.report_reading import ReadReport, read_report
from titlebout.core.pages.standing import commands, standing
from titlebout.core.results import PartitionKey

History = Mapping[PartitionKey, Sequence[Delivery]]
"""Every delivery of every partition of one model."""


@dataclass(frozen=True)
class ReportSource:
    """What a report page is made from.

    Attributes:
        delivery: The revision that is shown.
        document: Its validation report; None where there is none, or none that can be read.
        problem: Why the report cannot be read.
        has_drift_report: Whether a look for drift was reported whose newest partition it is.
    """

    history: History
    delivery: Delivery
    document: Mapping[str, Any] | None = None
    problem: str = ""
    has_drift_report: bool = False


def partition_page(source: ReportSource, place: Place) -> str:
    """Render the report of one partition. It needs no script and loads nothing."""
    delivery = source.delivery
    snapshot = delivery.snapshot
    report = read_report(source.document, snapshot.columns) if source.document else ReadReport()
    revisions = source.history[snapshot.partition]
    newest = revisions[-1].snapshot.revision
    is_newest = newest == snapshot.revision
    previous, following = neighbours(source.history, snapshot.partition)
    return render(
        "partition.html",
        place,
        {snapshot.model: snapshot.model, snapshot.partition: ""},
        delivery=delivery,
        snapshot=snapshot,
        report=report,
        problem=source.problem,
        has_drift_report=source.has_drift_report,
        standing=standing(delivery, report, superseded_by=None if is_newest else newest),
        commands=commands(delivery) if is_newest else [],
        chart=_chart(source, report),
        revisions=revisions[::-1],
        newest=newest,
        previous=previous,
        next=following,
    )


def day_rows(history: History) -> dict[PartitionKey, DayRows]:
    """Return the rows of each day, as its newest revision has them."""
    return {key: DayRows(found[-1].snapshot.rows, found[-1].status) for key, found in history.items()}


def _chart(source: ReportSource, report: ReadReport) -> DayChart | None:
    snapshot = source.delivery.snapshot
    days = day_rows(source.history) | {snapshot.partition: DayRows(snapshot.rows, source.delivery.status)}
    last = last_of(days, snapshot.partition)
    return day_chart(days, last=last, shown=snapshot.partition, usual=report.usual_rows)
