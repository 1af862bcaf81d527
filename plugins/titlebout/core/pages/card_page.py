"""The card of a version as one self-contained HTML document."""

from markupsafe import Markup

from titlebout.core.insights.model_card import ModelCard, span
from titlebout.core.pages.bout_reading import STYLES, TITLES, gain_intervals
from titlebout.core.pages.card_markdown import class_words
from titlebout.core.pages.curve_chart import CurveChart, step_curves
from titlebout.core.pages.interval_chart import interval_chart
from titlebout.core.pages.page_frame import Place, render
from titlebout.core.pages.shap_chart import importance_svg, swarm_svg


def card_page(card: ModelCard, place: Place) -> str:
    """Render a card. It needs no script and loads nothing."""
    manifest, insight, newest = card.manifest, card.insight, card.newest
    explanation = insight.explanation if insight else None
    unit = insight.unit if insight else ""
    windows = [("training", manifest.proof.training), ("holdout", manifest.proof.holdout)]
    windows += [("history", manifest.proof.history)]
    return render(
        "card.html",
        place,
        {manifest.model: manifest.model, manifest.version: ""},
        card=card,
        manifest=manifest,
        windows=[(name, *span(refs), refs) for name, refs in windows if refs],
        classes=class_words(card.class_rows),
        newest=newest,
        gains=interval_chart(gain_intervals(newest, {})) if newest else None,
        bouts=[(each, TITLES[each.verdict.outcome], STYLES[each.verdict.outcome]) for each in card.bouts[::-1]],
        style="accepted" if card.reigns and card.reigns[-1].until is None else "ingested",
        curve=_curve(card),
        shares={each.name: each for each in explanation.features} if explanation else {},
        importance=Markup(importance_svg(explanation.features, unit=unit)) if explanation else "",  # noqa: S704  # the picture escapes what it shows
        swarm=Markup(swarm_svg(explanation.swarm, unit=unit)) if explanation and explanation.swarm else "",  # noqa: S704  # this one too
    )


def _curve(card: ModelCard) -> CurveChart | None:
    if card.insight is None:
        return None
    curve = card.insight.curve
    return step_curves(curve.rounds, curve.errors, unit=curve.metric)
