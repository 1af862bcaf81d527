"""Estimates the error on partitions whose labels have not come: once for each, and marked as an estimate."""

from collections.abc import Mapping
from functools import cached_property

from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.performance.booking import Booking, evidence_of, performance
from titlebout.core.performance.estimates import Estimates, labelled_day
from titlebout.core.performance.expected_loss import expected_area_error
from titlebout.core.performance.loss_judgement import is_evidence
from titlebout.core.performance.measuring import UNREADABLE, MeasuredWorld, Measuring
from titlebout.core.performance.performance_results import JoinCounts, PartitionPerformance, ScoreSource, Standing
from titlebout.core.performance.version_scores import ScoredRows
from titlebout.core.results import PartitionKey
from titlebout.core.specs.comparison_spec import Metric

MOST_DAYS = 28
"""An estimator learns from so many of the newest days with labels."""
FEWEST_DAYS, FEWEST_ROWS = 2, 50


class Estimating:
    """Estimates the champion's error on partitions, once all is measured that has labels."""

    def __init__(self, world: MeasuredWorld, measuring: Measuring) -> None:
        """Take what partitions are measured by."""
        self._world, self._measuring = world, measuring

    def estimated(self, key: PartitionKey) -> PartitionPerformance | None:
        """Return the estimate for a partition without labels enough, if none was made before.

        Raises:
            UnavailableError: The lake does not answer.
        """
        champion, world = self._measuring.champion, self._world
        record = world.state.partitions.get(key)
        if record is None or record.status is not PartitionStatus.ACCEPTED:
            return None
        ref = record.ref()
        evidence = evidence_of(world.spec, "estimated", champion.version, ref.data_sha256)
        if world.recorded.knows(evidence) or self._has_labels(key) or self._estimates is None:
            return None
        try:
            return self._of(self._estimates, key, champion.of_snapshot(ref), evidence)
        except UNREADABLE as error:
            self._measuring.notes.append(f"{key} is not estimated: {error}")
            return None

    def _has_labels(self, key: PartitionKey) -> bool:
        if not self._measuring.are_labels_due(key):
            return False
        day = self._realised.get(key)
        return day is not None and is_evidence(self._world.spec.performance, day)

    @cached_property
    def _realised(self) -> Mapping[PartitionKey, PartitionPerformance]:
        least = self._world.spec.performance.min_rows
        return self._world.recorded.of_version(self._measuring.champion.version, Standing.REALISED, min_rows=least)

    @cached_property
    def _estimates(self) -> Estimates | None:
        """The estimator; None where too little is known to make one, which is noted once."""
        spec, champion = self._world.spec, self._measuring.champion
        accepted = set(self._world.state.keys(PartitionStatus.ACCEPTED))
        able = [key for key, day in self._realised.items() if is_evidence(spec.performance, day)]
        keys = [key for key in able if key in accepted and self._measuring.are_labels_due(key)]
        try:
            days = [
                labelled_day(spec, champion.of_snapshot(self._measuring.ref(key)), key) for key in keys[-MOST_DAYS:]
            ]
        except UNREADABLE as error:
            self._measuring.notes.append(f"nothing is estimated: {error}")
            return None
        days = [day for day in days if len(day.losses)]
        rows = sum(len(day.losses) for day in days)
        if len(days) < FEWEST_DAYS or rows < FEWEST_ROWS:
            needed = f"{FEWEST_DAYS} and {FEWEST_ROWS} are needed"
            self._measuring.notes.append(f"nothing is estimated: {len(days)} days, {rows} rows have labels, {needed}")
            return None
        return Estimates(spec, champion.plan, days)

    def _of(
        self, estimates: Estimates, key: PartitionKey, scored: ScoredRows, evidence: str
    ) -> PartitionPerformance | None:
        if not len(scored.scores):
            return None
        spec, champion = self._world.spec, self._measuring.champion
        given = self._measuring.given_file(key)
        is_given = given is not None and given.version == champion.version
        source = ScoreSource.BATCH if is_given else ScoreSource.REPLAYED
        sums = estimates.sums(scored)
        band = estimates.band(sums)
        booking = Booking(key, champion.version, source, (), evidence, key in champion.holdout, Standing.ESTIMATED)
        counts = JoinCounts(scored=len(scored.scores), judged=0, waiting=len(scored.scores))
        estimate = performance(spec, self._world.lake, booking, scored.scores, sums, counts)
        chances = estimates.chances(scored.scores) if spec.comparison.metric is Metric.AUC else None
        return estimate.model_copy(
            update={
                "error": band.error,
                "error_low": band.low,
                "error_high": band.high,
                "method": estimates.method,
                "spec_error": None if chances is None else expected_area_error(chances, scored.scores),
            }
        )
