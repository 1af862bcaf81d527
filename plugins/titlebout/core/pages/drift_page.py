"""A drift report as one self-contained HTML document: judgement, heat map, distributions, errors, staleness."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from titlebout.core.drift_accounts.drift_account import ColumnAccount, DriftAccount, EventAccount, PerformanceAccount
from titlebout.core.drift_accounts.staleness import CAVEAT, Growth, Staleness, ages_words
from titlebout.core.pages.curve_chart import CurveChart, Point, labelled_curves
from titlebout.core.pages.drift_reading import drift_standing, measure_words, next_commands, next_lines
from titlebout.core.pages.heat_map import heat_map
from titlebout.core.pages.page_frame import Place, render
from titlebout.core.pages.share_chart import ShareChart, share_chart
from titlebout.core.results import PartitionKey

MOST_DRAWN_COLUMNS = 30
_PERCENT = 100.0
_APART = 0.006
"""Of the picture's width."""
_HIGHEST_BAND = 2.0
"""Times the largest error: a band that reaches further is cut off there, or the errors would be a flat line."""
_NO_NUMBER = math.nan


@dataclass(frozen=True)
class DriftSource:
    """What a drift page is made from.

    Attributes:
        sequence: Ledger entry of the report; None where it stands by itself.
        same_day: Ledger entries of all reports of the partition and what each said, newest first.
        following: Partition of the next one.
    """

    account: DriftAccount
    sequence: int | None = None
    same_day: Sequence[tuple[int, str]] = ()
    previous: PartitionKey | None = None
    following: PartitionKey | None = None


def read_drift_account(content: bytes) -> DriftAccount | None:
    """Read what `DriftAccount.document` wrote; None where this release cannot."""
    try:
        return DriftAccount.model_validate_json(content)
    except ValidationError:
        return None


def drift_file(account: DriftAccount) -> str:
    """Render a report as a file that leads nowhere."""
    return _rendered(DriftSource(account), Place(home="", is_framed=True), is_linked=False)


def drift_page(source: DriftSource, place: Place) -> str:
    """Render a report among the other pages. It needs no script and loads nothing."""
    return _rendered(source, place, is_linked=True)


def _rendered(source: DriftSource, place: Place, *, is_linked: bool) -> str:
    account = source.account
    model = account.report.model
    judged = [column for column in account.columns if column.changes]
    shown, folded = judged[:MOST_DRAWN_COLUMNS], judged[MOST_DRAWN_COLUMNS:]
    on_axis = {day.partition for day in account.days}
    return render(
        "drift.html",
        place,
        {model: model if is_linked else "", f"drift at {account.partition}": ""},
        is_linked=is_linked,
        account=account,
        report=account.report,
        model=model,
        standing=drift_standing(account),
        next_lines=next_lines(account),
        commands=next_commands(account),
        chart=heat_map(account.days, shown, account.events),
        columns=judged,
        folded=folded,
        drawn=[(column, _change_words(column, account), chart) for column, chart in _drawn(shown)],
        errors=_error_chart(account),
        events=[event for event in account.events if event.partition in on_axis][::-1] or account.events[-10:][::-1],
        performance=_performance_chart(account),
        scores=_score_chart(account),
        staleness=account.staleness,
        ages=ages_words,
        aging=aging_chart(account.staleness),
        caveat=CAVEAT,
        sequence=source.sequence,
        same_day=source.same_day,
        previous=source.previous,
        following=source.following,
    )


def aging_chart(staleness: Staleness) -> CurveChart | None:
    """Lay the staleness curve out, in percent."""
    labels = [ages_words(each) for each in staleness.bins]
    apart = _APART * (len(labels) - 1)
    lines = {
        # A little apart, so that no interval hides the other.
        "constant": [_aged(n - apart, labels[n], each.against_own) for n, each in enumerate(staleness.bins)],
        "champion": [_aged(n + apart, labels[n], each.against_fresh) for n, each in enumerate(staleness.bins)],
    }
    return labelled_curves(labels, lines, x_name="age of the champion in days; larger losses in %")


def _aged(x: float, ages: str, growth: Growth | None) -> Point:
    if growth is None:
        return Point(x, _NO_NUMBER, "")
    low, high = (None if bound is None else _PERCENT * bound for bound in (growth.low, growth.high))
    reach = "" if low is None or high is None else f" ({low:+.1f} to {high:+.1f})"
    return Point(x, _PERCENT * growth.middle, f"{ages} days: {_PERCENT * growth.middle:+.1f} %{reach}", low, high)


def _drawn(columns: Sequence[ColumnAccount]) -> list[tuple[ColumnAccount, ShareChart]]:
    charts = [(column, share_chart(column.distribution)) for column in columns if column.distribution]
    return [(column, chart) for column, chart in charts if chart]


def _change_words(column: ColumnAccount, account: DriftAccount) -> str:
    looked_at = [day.partition for day in account.days if day.is_looked_at and day.partition in column.changes]
    if not looked_at:
        return ""
    worst = column.changes[max(looked_at, key=lambda key: column.changes[key].excess)]
    found = f"{worst.measure} {worst.change:+.2f}, {worst.excess:.2g} of its limit"
    is_over = worst.excess > 1
    return f"Beyond its limit: {measure_words(worst.measure)} ({found})" if is_over else f"As usual (at most {found})"


def _marks(keys: Sequence[PartitionKey], events: Sequence[EventAccount]) -> Mapping[int, str]:
    """Put what happened at the partition that it is about; between two of them, at the later one."""
    found: dict[int, str] = {}
    for event in events:
        at = next((n for n, key in enumerate(keys) if key >= event.partition), None)
        if at is not None and event.partition >= keys[0]:
            words = f"{event.partition}: {event.words}"
            found[at] = f"{found[at]}; {words}" if at in found else words
    return found


def _error_chart(account: DriftAccount) -> CurveChart | None:
    keys = [each.partition for each in account.errors]
    lines = {
        name: [_point(n, name, key, value) for n, (key, value) in enumerate(zip(keys, values, strict=True))]
        for name, values in (
            ("constant", [each.constant for each in account.errors]),
            ("challenger", [each.challenger for each in account.errors]),
            ("champion", [each.champion for each in account.errors]),
        )
        if any(value is not None for value in values)
    }
    return labelled_curves(keys, lines, marks=_marks(keys, account.events))


def _performance_chart(account: DriftAccount) -> CurveChart | None:
    keys = [each.partition for each in account.performance]
    errors = [error for each in account.performance for error in (each.realised, each.estimated) if error is not None]
    highest = _HIGHEST_BAND * max(errors, default=0.0)
    guessed = [_guessed(n, each, highest) for n, each in enumerate(account.performance) if each.estimated is not None]
    found = [_point(n, "by labels", each.partition, each.realised) for n, each in enumerate(account.performance)]
    lines = {"estimated": guessed, "champion": found}
    lines = {name: points for name, points in lines.items() if any(math.isfinite(point.y) for point in points)}
    return labelled_curves(keys, lines, marks=_marks(keys, account.events))


def _guessed(n: int, each: PerformanceAccount, highest: float) -> Point:
    words = f"estimated, {each.partition}: {each.estimated:.6g}"
    low, high = each.estimated_low, each.estimated_high
    if low is None or high is None:
        return Point(n, each.estimated or 0.0, words)
    return Point(n, each.estimated or 0.0, f"{words} ({low:.4g} to {high:.4g})", min(low, highest), min(high, highest))


def _score_chart(account: DriftAccount) -> CurveChart | None:
    keys = [each.partition for each in account.scores]
    lines = {
        "scores": [
            Point(n, each.middle, f"{each.partition}: half of the scores below {each.middle:.4g}", each.low, each.high)
            for n, each in enumerate(account.scores)
        ]
    }
    return labelled_curves(keys, lines, marks=_marks(keys, account.events), has_zero=False)


def _point(n: int, name: str, key: PartitionKey, value: float | None) -> Point:
    return Point(n, _NO_NUMBER if value is None else value, "" if value is None else f"{name}, {key}: {value:.6g}")
