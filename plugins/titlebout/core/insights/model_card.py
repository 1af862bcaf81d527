"""The model card of a version: purpose, data, quality and limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import JsonValue

from titlebout.core.bout_check import CheckState
from titlebout.core.errors import first_few
from titlebout.core.features import FeaturePlan
from titlebout.core.insights.insight import Insight
from titlebout.core.learning.recipes import Recipe
from titlebout.core.partitions import keys_between
from titlebout.core.provenance import Reign
from titlebout.core.results import Outcome, PartitionKey, SnapshotRef, TrainedChallenger, Verdict
from titlebout.core.specs.class_list import class_text
from titlebout.core.specs.spec import ModelSpec

_MOST_GAPS = 10
_MOST_DOUBTS = 12
_NOT_PARAMS = frozenset({"features", "params"})


@dataclass(frozen=True)
class CardBout:
    """One bout of the version as challenger."""

    sequence: int
    verdict: Verdict


@dataclass(frozen=True)
class Purpose:
    """What the spec says today about the model; a version that outlived its spec has none."""

    description: str = ""
    owner: str = ""

    @classmethod
    def of(cls, spec: ModelSpec | None) -> "Purpose":
        """Take it from the spec."""
        return cls(spec.description, spec.owner) if spec else cls()


@dataclass(frozen=True)
class ModelCard:
    """Everything that a card shows. Nothing on it is written by hand: it is read from what the version left behind.

    A card is not stored in the version's folder. That folder is whole and immutable once its manifest is published,
    and half of what a reader wants to know comes later: verdicts, and when the version served. So the card is put
    together when it is asked for, from manifest, recipe, plan, insight and ledger; the same entries give the same card.

    Attributes:
        insight: What explains it; None for versions of older releases.
        trained_at: When the ledger learned of it; None while it does not know it.
        trained_by: Who answers for it.
        run_url: Where it is tracked.
        bouts: As challenger, oldest first.
        reigns: When it served.
    """

    manifest: TrainedChallenger
    recipe: Recipe
    plan: FeaturePlan
    insight: Insight | None = None
    purpose: Purpose = Purpose()
    trained_at: datetime | None = None
    trained_by: str = ""
    run_url: str = ""
    bouts: Sequence[CardBout] = ()
    reigns: Sequence[Reign] = ()

    @classmethod
    def of_files(
        cls, manifest: TrainedChallenger, *, recipe: bytes, plan: bytes, insight: Insight | None, purpose: Purpose
    ) -> Self:
        """Return the card of a version that was just trained, from its files: there was no bout yet."""
        return cls(
            manifest=manifest,
            recipe=Recipe.model_validate_json(recipe),
            plan=FeaturePlan.model_validate_json(plan),
            insight=insight,
            purpose=purpose,
        )

    @property
    def newest(self) -> Verdict | None:
        """The last verdict that rests on scores."""
        scored = [bout.verdict for bout in self.bouts if bout.verdict.challenger_error is not None]
        return scored[-1] if scored else None

    @property
    def standing(self) -> str:
        """Say in one line where the version stands."""
        if self.reigns and self.reigns[-1].until is None:
            return f"serves since {_day(self.reigns[-1].since)}"
        if self.reigns:
            return f"served until {_day(self.reigns[-1].until)}"
        if self.bouts:
            return f"never served; its last bout ended: {self.bouts[-1].verdict.outcome}"
        return "never served; there was no bout yet"

    @property
    def features(self) -> dict[str, str]:
        """Name of each feature to what is known of its kind, in the order of the matrix."""
        kinds = {"q": "quantity", "c": "category"}
        types = zip(self.plan.feature_names, self.plan.feature_types, strict=True)
        found = {name: kinds.get(kind, kind) for name, kind in types}
        for name, vocabulary in self.plan.vocabularies.items():
            found[name] = f"category, {len(vocabulary)} known"
        return found

    @property
    def class_rows(self) -> dict[str, int]:
        """Training rows of each class; empty where the target has none."""
        shares, classes = self.manifest.baseline, self.plan.classes
        if isinstance(shares, float):
            return {}
        # The shares of the constant prediction count one more row of each class; see `labels.constant_prediction`.
        total = self.manifest.training_rows + len(classes)
        return {class_text(each): round(share * total) - 1 for each, share in zip(classes, shares, strict=True)}

    @property
    def params(self) -> dict[str, JsonValue]:
        """How it was trained: the settings that are not empty."""
        training, given = self.recipe.training, self.recipe.training.get("params")
        settings = {name: value for name, value in training.items() if name not in _NOT_PARAMS and _says(value)}
        return settings | {
            f"xgboost.{name}": value for name, value in (given if isinstance(given, dict) else {}).items()
        }

    @property
    def excluded(self) -> dict[str, str]:
        """Columns that it must not look at, each with the reason."""
        features = self.recipe.training.get("features")
        found = features.get("excluded") if isinstance(features, dict) else None
        return {name: str(why) for name, why in found.items()} if isinstance(found, dict) else {}

    def limits(self) -> Iterator[str]:
        """Yield what the version has not seen, and where it must not be trusted."""
        proof, model = self.manifest.proof, self.manifest.model
        first, last = span(proof.training)
        yield f"It knows nothing from before {first} or after {last}; a tree predicts nothing beyond what it saw there."
        gaps = _gaps(proof.training)
        if gaps:
            shown = first_few(gaps, _MOST_GAPS)
            yield f"Days in between that it did not see, as they were missing or in quarantine: {shown}."
        for name, vocabulary in self.plan.vocabularies.items():
            yield f"Any {name} other than the {len(vocabulary)} known ones is scored as one and the same: other."
        unseen = [name for name, rows in self.class_rows.items() if not rows]
        if unseen:
            yield f"No row that it learned from was of class {', '.join(unseen)}: their probabilities mean nothing."
        for name, why in self.excluded.items():
            yield f"It does not look at {name}: {why}."
        yield from self._doubts()
        if self.insight and self.insight.explained_on != "holdout":
            yield "Its SHAP values are of rows that it was trained on: there was no holdout."
        yield f"It predicts {self.plan.target} for {model} as delivered by its source; any other use is untested."

    def _doubts(self) -> Iterator[str]:
        verdict = self.newest
        if verdict is None:
            yield "It was not judged on rows that it had not seen."
            return
        doubtful = [check for check in verdict.checks if check.state in {CheckState.BROKEN, CheckState.UNDECIDED}]
        for check in doubtful[:_MOST_DOUBTS]:
            yield f"{check.name} is {check.state}: {check.reason}."
        small = [check.name for check in verdict.checks if check.state is CheckState.SHOWN]
        if small:
            shown = ", ".join(small[:_MOST_DOUBTS])
            yield f"Too few rows to judge {len(small)} slices: {shown}{', …' if len(small) > _MOST_DOUBTS else ''}."
        if verdict.outcome is Outcome.INCONCLUSIVE:
            yield f"Its last bout proved nothing: {verdict.reasons[0]}."


def span(refs: Sequence[SnapshotRef]) -> tuple[PartitionKey, PartitionKey]:
    """Return the first and the last partition of some snapshots, oldest first; empty texts where there are none."""
    return (refs[0].partition, refs[-1].partition) if refs else ("", "")


def _gaps(refs: Sequence[SnapshotRef]) -> list[PartitionKey]:
    seen = {ref.partition for ref in refs}
    return [key for key in keys_between(*span(refs)) if key not in seen] if refs else []


def _says(value: JsonValue) -> bool:
    return value is not None and value not in ({}, [], "")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""
