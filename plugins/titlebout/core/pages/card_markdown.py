"""The card of a version in Markdown: for files, tickets and registries."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from titlebout.core.bout_check import CheckState
from titlebout.core.errors import first_few
from titlebout.core.insights.model_card import ModelCard, span
from titlebout.core.pages.bout_words import number, percent
from titlebout.core.pages.report_words import visible
from titlebout.core.results import SnapshotRef, Verdict

_SPECIAL = "\\`*_{}[]<>#|~"
_MOST_CLASSES = 20
_MOST_FEATURES = 30


def card_markdown(card: ModelCard) -> str:
    """Write a card as CommonMark with tables. What comes from data or specs is escaped: it is text and nothing else."""
    manifest = card.manifest
    settings = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in card.params.items()]
    sections = [
        (f"{manifest.model} {manifest.version}", _head(card)),
        ("Data", _data(card)),
        ("How good it is", _quality(card)),
        ("Features", _features(card)),
        ("Settings", _table(("Setting", "Value"), settings)),
        ("Limits", [f"- {_text(line)}" for line in card.limits()]),
        ("Make it again", ["```sh", f"titlebout reproduce {manifest.model} {manifest.version}", "```"]),
        ("Fingerprints", _fingerprints(card)),
    ]
    written = [
        "\n".join([f"{'#' if n == 0 else '##'} {_text(title)}", "", *lines])
        for n, (title, lines) in enumerate(sections)
    ]
    return "\n\n".join(written) + "\n"


def _head(card: ModelCard) -> list[str]:
    plan, trained = card.plan, f"{card.trained_at:%Y-%m-%d %H:%M} UTC" if card.trained_at else ""
    facts = {
        "Purpose": card.purpose.description,
        "Owner": card.purpose.owner,
        "Predicts": f"{plan.target} ({plan.objective})",
        "Classes": class_words(card.class_rows),
        "Standing": card.standing,
        "Night": card.manifest.partition,
        "Trained": f"{trained} by {card.trained_by}" if trained else "",
        "Tracked": card.run_url,
        "Made with": f"titlebout {card.manifest.code_version}, XGBoost {card.recipe.xgboost}",
    }
    return [f"- **{name}**: {_text(value)}" for name, value in facts.items() if value]


def class_words(rows: Mapping[str, int]) -> str:
    """Say how many training rows there were of each class, the first ones of many.

    >>> class_words({"low": 1500, "high": 20})
    'low (1,500 rows), high (20 rows)'
    """
    return first_few([f"{name} ({count:,} rows)" for name, count in rows.items()], _MOST_CLASSES)


def _data(card: ModelCard) -> list[str]:
    proof = card.manifest.proof
    rows = [("training", proof.training), ("holdout", proof.holdout), ("history", proof.history)]
    return _table(
        ("Window", "First", "Last", "Partitions", "Rows"),
        [(name, *span(refs), f"{len(refs):,}", f"{sum(ref.rows for ref in refs):,}") for name, refs in rows if refs],
    )


def _quality(card: ModelCard) -> list[str]:
    lines = _table(
        ("On the training rows", "Value"),
        [(name, number(value)) for name, value in sorted(card.manifest.metrics.items())],
    )
    for bout in card.bouts:
        verdict = bout.verdict
        lines += ["", f"**Bout of {verdict.partition}**: {verdict.outcome}. {_text('; '.join(verdict.reasons))}", ""]
        if verdict.challenger_error is not None:
            lines += _verdict(verdict)
    return lines


def _verdict(verdict: Verdict) -> list[str]:
    unit = verdict.unit
    champion = [("champion", number(verdict.champion_error))] if verdict.champion else []
    rows = [("challenger", number(verdict.challenger_error)), *champion, ("constant", number(verdict.baseline_error))]
    found = _table((f"Error ({verdict.metric}, {unit})", "On the holdout"), rows)
    if verdict.gain is not None:
        bounds = f"{percent(verdict.gain_low)} to {percent(verdict.gain_high)}"
        opponent = verdict.champion or "the constant prediction"
        found += [
            "",
            f"Gain over {_text(opponent)}: {percent(verdict.gain)}, bounds {bounds}, on {verdict.rows:,} rows.",
        ]
    if verdict.checks:
        judged = [each for each in verdict.checks if each.state is not CheckState.SHOWN]
        checks = [(each.name, each.state.value, f"{each.rows:,}", each.reason) for each in judged]
        found += ["", *_table(("Check", "Result", "Rows", "Why"), checks)]
    return found


def _features(card: ModelCard) -> list[str]:
    kinds = card.features
    if card.insight is None:
        return _table(("Feature", "Kind"), kinds.items())
    insight = card.insight
    shown = insight.explanation.features[:_MOST_FEATURES]
    table = _table(
        ("Feature", "Kind", "Share of gain", "Splits", f"Mean SHAP ({insight.unit})"),
        [
            (each.name, kinds.get(each.name, ""), f"{each.gain:.1%}", f"{each.splits:,}", f"{each.mean_abs_shap:.4g}")
            for each in shown
        ],
    )
    hidden = len(insight.explanation.features) - len(shown)
    more = [f"And {hidden} less important ones."] if hidden else []
    rows = f"Mean absolute SHAP values of {insight.explanation.rows:,} rows of the {insight.explained_on} window."
    return [*table, "", *more, rows]


def _fingerprints(card: ModelCard) -> list[str]:
    manifest = card.manifest
    files = [("model", manifest.model_sha256), ("plan", manifest.plan_sha256), ("recipe", manifest.recipe_sha256)]
    days = [*_hashes("training", manifest.proof.training), *_hashes("holdout", manifest.proof.holdout)]
    return _table(("What", "SHA-256"), [*files, *days])


def _hashes(window: str, refs: Sequence[SnapshotRef]) -> Iterator[tuple[str, str]]:
    return ((f"{window} {ref.partition} revision {ref.revision}", ref.data_sha256) for ref in refs)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    if not lines:
        return ["None."]
    return [f"| {' | '.join(_text(cell) for cell in header)} |", f"|{' --- |' * len(header)}", *lines]


def _text(value: str) -> str:
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in visible(str(value)))
