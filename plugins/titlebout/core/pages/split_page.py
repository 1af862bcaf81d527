"""The report on a trial of strategy ab as one self-contained HTML document."""

from collections.abc import Sequence

from titlebout.core.pages.curve_chart import CurveChart, Point, band_curve
from titlebout.core.pages.page_frame import Place, render
from titlebout.core.split_tests.split_report import PathPoint, SplitDecision, SplitReport

_TITLES = {
    SplitDecision.CONTINUE: "Not decided yet",
    SplitDecision.PROMOTE: "The candidate is better",
    SplitDecision.KEEP: "The champion stays",
    SplitDecision.INCONCLUSIVE: "Inconclusive: the split is broken",
}
_STYLES = {
    SplitDecision.CONTINUE: "ingested",
    SplitDecision.PROMOTE: "accepted",
    SplitDecision.KEEP: "discarded",
    SplitDecision.INCONCLUSIVE: "quarantined",
}
_LEFT_OUT = {
    "waiting_rows": "answered rows whose outcome is not known yet",
    "asked_again": "rows that were asked for more than once: the first answer counts",
    "repeated_outcomes": "outcomes of an answer that had one: the first counts",
    "early_outcomes": "outcomes that were known before the answer was given",
    "mixed_requests": "requests of several keys of sticky_by: they are in neither group",
    "unjoinable_rows": "answered rows without a full key",
    "not_numbers": "outcomes that are no finite number: while there is one, nobody wins",
}


def split_page(report: SplitReport, place: Place) -> str:
    """Render a look. The page needs no script and loads nothing."""
    better = "larger" if report.rules.larger_is_better else "smaller"
    return render(
        "split.html",
        place,
        {report.model: report.model, f"trial {report.trial}": ""},
        report=report,
        rules=report.rules,
        title=_TITLES[report.decision],
        style=_STYLES[report.decision],
        chart=_gain_chart(report.path),
        groups=[
            (f"candidate {report.version}", report.candidate_group),
            (f"champion {report.champion}", report.champion_group),
        ],
        better=better,
        joined="the request's id" if report.rules.request_id_column else ", ".join(report.rules.join_by),
        left_out=[(getattr(report.tally, name), words) for name, words in _LEFT_OUT.items()],
    )


def _gain_chart(path: Sequence[PathPoint]) -> CurveChart | None:
    line = [
        Point(
            each.outcomes,
            each.gain,
            f"{each.outcomes:,} outcomes, {each.partition}: {each.gain:+.4g} ({each.low:+.4g} to {each.high:+.4g})",
        )
        for each in path
    ]
    bounds = [each.low for each in path], [each.high for each in path]
    return band_curve(line, *bounds, x_name="counted outcomes of both")
