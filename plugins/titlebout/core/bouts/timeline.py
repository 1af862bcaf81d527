"""What would have served when: recorded nights folded in date order, under several policies of retraining."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.bout_checks import Grouping, ScoredPartition
from titlebout.core.bouts.comparison import Bout
from titlebout.core.bouts.metrics import error_of, row_losses, row_metric
from titlebout.core.errors import FieldError
from titlebout.core.results import Outcome, PartitionKey, SnapshotRef, TrainedChallenger, Verdict
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.spec import ModelSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """One partition as one model sees it.

    Attributes:
        labels: float64, shape (n_rows,).
        scores: float64, shape (n_rows,).
        groups: Column of `comparison.slices` to the groups of the rows.
    """

    labels: Floats
    scores: Floats
    groups: Mapping[str, Grouping] = field(default_factory=dict)


Scorer = Callable[[TrainedChallenger, SnapshotRef], Scored]
"""Scores one partition with one version."""

HINDSIGHT_CHALLENGERS = 14
"""So many of the newest challengers stand for choice, beside the models of the other policies, in hindsight."""


class Policy(StrEnum):
    """Who serves the day after a night."""

    REPLAYED = "replayed"
    NEVER = "never retrain"
    ALWAYS = "always retrain"
    HINDSIGHT = "best in hindsight"


@dataclass(frozen=True)
class Night:
    """What one night had at hand: the model it trained and the partitions it judged on."""

    partition: PartitionKey
    challenger: TrainedChallenger
    holdout: tuple[SnapshotRef, ...]


@dataclass(frozen=True)
class ServedDay:
    """One accepted partition, as the models of each policy would have scored it on its own day.

    Attributes:
        partition: The day.
        rows: Its rows with a label.
        versions: Who serves on it under each policy.
        losses: Sum of row losses under each policy; smaller is better.
    """

    partition: PartitionKey
    rows: int
    versions: Mapping[Policy, str]
    losses: Mapping[Policy, float]


@dataclass(frozen=True)
class Timeline:
    """The outcome of a replay: one verdict a night, one record a day from the first champion on.

    Attributes:
        metric: By which the policies are measured: that of the bouts, or log loss where that one ranks rows.
        verdicts: One per night.
        days: Accepted partitions on which a champion serves, and of which some label is known.
        unlabelled: Those of which none is known yet: they cannot be measured.
        unscored: Those with rows that a model cannot score, or with a label that is none, and why: neither can they.
        foreign: Nights that are left out: their challengers predict something else, or from other columns.
    """

    metric: Metric
    verdicts: tuple[Verdict, ...]
    days: tuple[ServedDay, ...]
    unlabelled: tuple[PartitionKey, ...] = ()
    unscored: Mapping[PartitionKey, str] = field(default_factory=dict)
    foreign: tuple[PartitionKey, ...] = ()

    def error(self, policy: Policy, days: Sequence[ServedDay] | None = None) -> float:
        """Return a policy's error over all days, or over some of them; NaN without a day."""
        chosen = self.days if days is None else days
        return error_of(self.metric, sum(day.losses[policy] for day in chosen), sum(day.rows for day in chosen))

    def reigns(self) -> Iterator[tuple[str, list[ServedDay]]]:
        """Yield each champion of the replayed policy with the days on which it serves."""
        reign: list[ServedDay] = []
        for day in self.days:
            if reign and day.versions[Policy.REPLAYED] != reign[-1].versions[Policy.REPLAYED]:
                yield reign[-1].versions[Policy.REPLAYED], reign
                reign = []
            reign.append(day)
        if reign:
            yield reign[-1].versions[Policy.REPLAYED], reign


def fold_nights(spec: ModelSpec, nights: Sequence[Night], days: Iterable[SnapshotRef], scorer: Scorer) -> Timeline:
    """Let the nights decide one after the other, each against the champion that the ones before it left.

    The night of a partition ends before the next day begins, so what it promotes serves from the next day on.
    A model is only ever scored on days that are newer than every partition of its night: nobody profits from
    having seen the answers.

    Args:
        spec: The model spec; its rules of comparison may differ from those under which the nights ran.
        nights: In date order, one per partition.
        days: Accepted partitions in date order, on which the policies are measured.
        scorer: Scores a partition with a version.
    """
    fold = _Fold(spec, scorer)
    waiting = deque(nights)
    served, unscored = list[ServedDay](), dict[PartitionKey, str]()
    for day in days:
        while waiting and waiting[0].partition < day.partition:
            fold.decide(waiting.popleft())
        try:
            served += [fold.serve(day)] if fold.champions else []
        except FieldError as error:
            unscored[day.partition] = str(error)
    for night in waiting:
        fold.decide(night)
    return Timeline(
        metric=row_metric(spec.comparison.metric),
        verdicts=tuple(fold.verdicts),
        days=tuple(day for day in served if day.rows),
        unlabelled=tuple(day.partition for day in served if not day.rows),
        unscored=unscored,
    )


class _Fold:
    """What the nights so far add up to."""

    def __init__(self, spec: ModelSpec, scorer: Scorer) -> None:
        self.verdicts: list[Verdict] = []
        self.champions: list[TrainedChallenger] = []
        self._challengers: list[TrainedChallenger] = []
        self._spec = spec
        self._scorer = scorer

    def decide(self, night: Night) -> None:
        """Hold one night's bout against whoever serves then."""
        verdict = judge_night(self._spec, night, self.champions[-1] if self.champions else None, self._scorer)
        self.verdicts.append(verdict)
        self._challengers.append(night.challenger)
        if verdict.outcome is Outcome.PROMOTE:
            self.champions.append(night.challenger)

    def serve(self, day: SnapshotRef) -> ServedDay:
        """Score one day with the models that the policies have arrived at."""
        chosen = {
            Policy.REPLAYED: self.champions[-1],
            Policy.NEVER: self.champions[0],
            Policy.ALWAYS: self._challengers[-1],
        }
        choice = {model.version: model for model in (*self._challengers[-HINDSIGHT_CHALLENGERS:], *chosen.values())}
        measured = {version: self._loss(model, day) for version, model in choice.items()}
        losses = {version: loss for version, (loss, _) in measured.items()}
        # Not-a-number is never the best.
        best = min(losses, key=lambda version: (math.isnan(losses[version]), losses[version]))
        versions = {policy: model.version for policy, model in chosen.items()} | {Policy.HINDSIGHT: best}
        return ServedDay(
            partition=day.partition,
            rows=measured[best][1],
            versions=versions,
            losses={policy: losses[version] for policy, version in versions.items()},
        )

    def _loss(self, model: TrainedChallenger, day: SnapshotRef) -> tuple[float, int]:
        """Return the sum of the losses of rows with a label, and how many these are: the rest says nothing yet."""
        comparison, scored = self._spec.comparison, self._scorer(model, day)
        known = ~np.isnan(scored.labels)
        if comparison.metric is Metric.MAPE:
            known &= scored.labels != 0  # no model has an error there
        losses = row_losses(
            row_metric(comparison.metric), scored.labels[known], scored.scores[known], quantile=comparison.quantile
        )
        return float(losses.sum()), int(known.sum())


def judge_night(spec: ModelSpec, night: Night, champion: TrainedChallenger | None, scorer: Scorer) -> Verdict:
    """Hold one night's bout, against whoever serves then."""
    bout = Bout(spec, night.partition, night.challenger, champion, night.holdout)
    refusal = bout.refusal()
    if refusal:
        return refusal
    scored = {}
    for ref in night.holdout:
        try:
            rows = scorer(night.challenger, ref)
            champion_scores = scorer(champion, ref).scores if champion else None
        except FieldError as error:
            return bout.unscored(ref.partition, error)
        scored[ref.partition] = ScoredPartition(rows.labels, rows.scores, champion_scores, rows.groups)
    return bout.judge(scored)
