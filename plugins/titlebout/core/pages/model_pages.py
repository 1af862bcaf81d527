"""The index of all models, and the page of one model with its partitions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from titlebout.core.drift_accounts.drift_reported import DriftReported
from titlebout.core.ledgers.ledger import PartitionStatus, ServedVersion
from titlebout.core.ledgers.model_summary import ModelSummary
from titlebout.core.pages.bout_page import RecordedBout
from titlebout.core.pages.day_chart import day_chart
from titlebout.core.pages.page_frame import Link, Place, render
from titlebout.core.pages.report_page import History, day_rows
from titlebout.core.pages.standing import status_style

PAGE_SIZE = 100
_COUNTED = (("quarantined", "in quarantine"), ("released", "released"), ("discarded", "discarded"))


@dataclass(frozen=True)
class Decisions:
    """What was decided about a model lately.

    Attributes:
        champion: What serves.
        bouts: The last ones, newest first.
        looks: The last drift reports, newest first.
    """

    champion: ServedVersion | None = None
    bouts: Sequence[RecordedBout] = ()
    looks: Sequence[DriftReported] = ()


_NOTHING_DECIDED = Decisions()


def model_page(
    model: str, history: History, decisions: Decisions = _NOTHING_DECIDED, *, page: int, place: Place
) -> str:
    """Render the partitions of one model, those in quarantine first, then newest first.

    Bouts and drift reports are on the first page only. Pages count from 1; one beyond the last shows the last.
    """
    newest = sorted((found[-1] for found in history.values()), key=lambda each: each.snapshot.partition, reverse=True)
    waiting = [each for each in newest if each.status is PartitionStatus.QUARANTINED]
    others = [each for each in newest if each.status is not PartitionStatus.QUARANTINED]
    pages = max(-(-len(newest) // PAGE_SIZE), 1)
    page = min(max(page, 1), pages)
    shown = (waiting + others)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    counts = Counter(status_style(each) for each in newest)
    days = day_rows(history)
    return render(
        "model.html",
        place,
        {model: ""},
        model=model,
        champion=decisions.champion,
        bouts=decisions.bouts if page == 1 else (),
        looks=decisions.looks if page == 1 else (),
        total=len(newest),
        counts=[(counts[style], words) for style, words in _COUNTED if counts[style]],
        chart=day_chart(days, last=max(days), length=90) if days else None,
        groups=[
            ("In quarantine", [each for each in shown if each.status is PartitionStatus.QUARANTINED]),
            ("Newest first", [each for each in shown if each.status is not PartitionStatus.QUARANTINED]),
        ],
        page=page,
        pages=pages,
    )


def models_page(models: Mapping[str, ModelSummary | None], place: Place) -> str:
    """Render the index of models: name to what the ledger says of it, if it knows it."""
    return render("models.html", place, {}, models=models)


def problem_page(title: str, message: str, place: Place, action: Link | None = None) -> str:
    """Render what went wrong and what to do about it."""
    return render("problem.html", place, {title: ""}, title=title, message=message, action=action)
