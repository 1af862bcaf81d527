"""A bout: who meets whom on what, when it must not take place, and its verdict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from titlebout.core.bouts.bout_account import BoutAccount
from titlebout.core.bouts.bout_checks import ScoredPartition, run_checks
from titlebout.core.bouts.delong import compare_areas
from titlebout.core.bouts.fairness import fairness_checks
from titlebout.core.bouts.holdout_overlap import holdout_overlap
from titlebout.core.bouts.metrics import unit_of
from titlebout.core.bouts.resampling import interval_fields
from titlebout.core.bouts.verdict_rules import BoutNumbers, decide, measure
from titlebout.core.bouts.whole_days import by_blocks
from titlebout.core.errors import FieldError
from titlebout.core.partitions import days_apart
from titlebout.core.results import Outcome, PartitionKey, SnapshotRef, TrainedChallenger, Verdict
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.spec import ModelSpec


@dataclass(frozen=True)
class Bout:
    """One comparison of a challenger with what serves.

    Attributes:
        spec: The model spec.
        partition: The night of the bout.
        challenger: The model just trained.
        champion: The model that serves; None before the first release.
        holdout: The snapshots that both are judged on.
        withdrawal: Why the challenger may not come back, where a person has rolled it back.
    """

    spec: ModelSpec
    partition: PartitionKey
    challenger: TrainedChallenger
    champion: TrainedChallenger | None
    holdout: Sequence[SnapshotRef]
    withdrawal: str | None = None

    def refusal(self) -> Verdict | None:
        """Return the verdict of a bout that must not take place, before a row is scored; else None."""
        champion = self.champion
        if champion and champion.version == self.challenger.version:
            return self.ended(Outcome.KEEP, f"{champion.version} already serves")
        if self.withdrawal:
            return self.ended(Outcome.KEEP, f"{self.withdrawal}; only another version may win")
        if champion and champion.partition > self.partition:
            reason = f"champion {champion.version} is newer than partition {self.partition}"
            return self.ended(Outcome.KEEP, f"{reason}; an older night never replaces it")
        if not self.holdout:
            reason = "no accepted partition in the holdout window; ingest it or release it from quarantine"
            return self.ended(Outcome.INCONCLUSIVE, reason)
        for model in (self.challenger, champion):
            known = holdout_overlap(self.spec, model, self.holdout) if model else None
            if known:
                return self.ended(Outcome.INCONCLUSIVE, known)
        return None

    def unscored(self, partition: PartitionKey, error: FieldError, remedy: str = "") -> Verdict:
        """Return the verdict where a holdout partition holds what one of the two cannot score, or a wrong label."""
        return self.ended(Outcome.INCONCLUSIVE, f"holdout {partition} cannot be scored by both: {error}{remedy}")

    def judge(self, scored: Mapping[PartitionKey, ScoredPartition]) -> Verdict:
        """Reach the verdict from both models' scores on the holdout."""
        return self._judged(by_blocks(scored))[0]

    def account(self, scored: Mapping[PartitionKey, ScoredPartition]) -> BoutAccount:
        """Reach the verdict, and write down what explains it."""
        blocks = by_blocks(scored)
        verdict, numbers = self._judged(blocks)
        return BoutAccount.of(self.spec, self.holdout, blocks, numbers=numbers, verdict=verdict)

    def _judged(self, scored: Mapping[PartitionKey, ScoredPartition]) -> tuple[Verdict, BoutNumbers]:
        comparison, seed = self.spec.comparison, self.spec.training.seed
        numbers = measure(comparison, self.challenger.baseline, scored, seed=seed)
        checks = run_checks(comparison, scored, model_bytes=self.challenger.model_bytes, seed=seed)
        if comparison.fairness:
            blocks = [block for block in scored.values() if len(block.labels)]
            checks = (*checks, *fairness_checks(comparison, comparison.fairness, blocks))
        outcome, reason = decide(numbers, comparison, checks, champion_age_days=self._champion_age_days())
        verdict = self.ended(outcome, reason).model_copy(
            update={
                "rows": numbers.rows,
                "blocks": numbers.blocks,
                "challenger_error": numbers.challenger_error,
                "champion_error": numbers.champion_error,
                "baseline_error": numbers.baseline_error,
                **interval_fields(numbers.interval),
                "checks": checks,
                "area_p": self._area_p(scored),
            }
        )
        return verdict, numbers

    def _champion_age_days(self) -> int | None:
        if self.champion is None:
            return None
        return math.floor(days_apart(self.champion.partition, self.partition))

    def _area_p(self, scored: Mapping[PartitionKey, ScoredPartition]) -> float | None:
        """Return what DeLong's test says: it takes rows as independent, so it is shown and decides nothing."""
        blocks = [(b.labels, b.challenger, b.champion) for b in scored.values() if b.champion is not None]
        if self.spec.comparison.metric is not Metric.AUC or not blocks:
            return None
        return compare_areas(*(np.concatenate(side) for side in zip(*blocks, strict=True))).p

    def ended(self, outcome: Outcome, reason: str) -> Verdict:
        """Return a verdict that holds no numbers."""
        metric = self.spec.comparison.metric
        return Verdict(
            model=self.spec.name,
            partition=self.partition,
            outcome=outcome,
            reasons=(reason,),
            challenger=self.challenger.version,
            champion=self.champion.version if self.champion else None,
            metric=metric.value,
            unit=unit_of(metric, self.spec.dataset.target),
            min_gain=self.spec.comparison.min_gain,
            holdout=tuple(ref.partition for ref in self.holdout),
        )
