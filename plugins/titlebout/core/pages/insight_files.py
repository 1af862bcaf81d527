"""Files and metrics about a version for the tracking server."""

import csv
import io

from titlebout.core.insights.explanation import Explanation
from titlebout.core.insights.insight import Explained
from titlebout.core.insights.model_card import ModelCard
from titlebout.core.learning.search_report import SearchReport
from titlebout.core.pages.card_markdown import card_markdown
from titlebout.core.pages.shap_chart import importance_svg, swarm_svg
from titlebout.core.tracking import ModelExample, TrackedDetails, TrackedTrial

FOLDER = "insight"


def insight_files(explained: Explained) -> dict[str, bytes]:
    """Return the files by path."""
    insight = explained.insight
    explanation = insight.explanation
    found = {
        "insight.json": insight.document(),
        "shap_values.parquet": explained.shap_parquet,
        "importance.csv": _importance_csv(explanation),
        "importance.svg": importance_svg(explanation.features, unit=insight.unit).encode(),
    }
    if explanation.swarm:
        found["shap_values.svg"] = swarm_svg(explanation.swarm, unit=insight.unit).encode()
    return {f"{FOLDER}/{name}": content for name, content in found.items()}


def tracked_details(explained: Explained | None, card: ModelCard, search: SearchReport | None = None) -> TrackedDetails:
    """Return what a tracking server is told of a version besides its numbers."""
    markdown = card_markdown(card)
    written = {"card.md": markdown.encode()}
    if explained is None:
        return TrackedDetails(files=written, trials=_trials(search), description=markdown)
    curve = explained.insight.curve
    return TrackedDetails(
        curves={
            f"curve.{name}_{curve.metric}": list(zip(curve.rounds, errors, strict=True))
            for name, errors in curve.errors.items()
        },
        example=ModelExample(explained.feature_names, explained.example, explained.outputs),
        files=insight_files(explained) | written,
        trials=_trials(search),
        description=markdown,
    )


def _trials(search: SearchReport | None) -> tuple[TrackedTrial, ...]:
    if search is None:
        return ()
    return tuple(
        TrackedTrial(
            number=trial.number,
            params={**trial.params, "rounds": trial.rounds},
            metrics={"seconds": trial.seconds} | ({search.metric: trial.value} if trial.value is not None else {}),
            tags={
                "titlebout.trial_state": trial.state.value,
                "titlebout.trial_origin": trial.origin.value,
                "titlebout.trial_is_chosen": str(trial.number == search.chosen).lower(),
                **({"titlebout.trial_reason": trial.reason} if trial.reason else {}),
            },
        )
        for trial in search.trials
    )


def _importance_csv(explanation: Explanation) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["feature", "gain_share", "splits", "mean_abs_shap"])
    writer.writerows([each.name, each.gain, each.splits, each.mean_abs_shap] for each in explanation.features)
    return buffer.getvalue().encode()
