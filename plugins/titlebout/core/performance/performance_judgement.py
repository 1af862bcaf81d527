"""Judges the champion: losses by labels, estimated losses, and drift of its scores."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from titlebout.core.drifting.partition_profile import PartitionProfile
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.performance.change_causes import CauseOfChange, tell_apart
from titlebout.core.performance.loss_judgement import (
    LossView,
    cooling_down_since,
    finding_of,
    is_evidence,
    most_past,
    why_no_finding,
    why_not_judged,
    worse_days,
    worse_estimates,
)
from titlebout.core.performance.measuring import MeasuredWorld
from titlebout.core.performance.performance_results import (
    PartitionPerformance,
    PerformanceFinding,
    PerformanceReport,
    PerformanceWarning,
    Standing,
)
from titlebout.core.performance.prediction_drift import drift_warning, moved_scores, warning_of
from titlebout.core.performance.score_profile import read_profile
from titlebout.core.results import PartitionKey


class _Found(NamedTuple):
    finding: PerformanceFinding | None
    warning: PerformanceWarning | None
    reason: str
    is_lost: bool = False
    """Also where it was told a short while ago."""


class PerformanceJudgement:
    """Judges what was measured and estimated of the champion; it measures nothing itself."""

    def __init__(self, world: MeasuredWorld, version: str, drifted: Mapping[PartitionKey, Sequence[str]]) -> None:
        """Take what was measured.

        Args:
            world: What was measured, and the partitions as they stand.
            version: The champion.
            drifted: Newest partition of findings about the champion's data to the columns that drifted.
        """
        self._world, self._spec, self._version, self._drifted = world, world.spec, version, drifted
        self._rules = world.spec.performance
        self.notes = list[str]()
        realised = self._standing(Standing.REALISED)
        self._view = LossView.of(self._spec, realised, world.recorded.first_loss(version))
        estimated = self._standing(Standing.ESTIMATED)
        self._all = dict(sorted((estimated | realised).items()))
        known = {key for key, day in realised.items() if is_evidence(self._rules, day)}
        self._estimated = [day for key, day in estimated.items() if key not in known][-self._rules.newest_partitions :]

    def report(self) -> PerformanceReport:
        """Return finding, warnings and causes; what was measured and noted is left to the caller."""
        by_labels, by_estimate, moved = self._by_labels(), self._by_estimate(), self._moved()
        finding = by_labels.finding or by_estimate.finding
        looked_at = [day.partition for day in [*self._all.values()][-self._rules.newest_partitions :]]
        causes = tell_apart(
            has_broken_data=self._has_broken_data(looked_at),
            has_lost=by_labels.is_lost,
            is_judged=why_not_judged(self._spec, self._view) is None,
            has_moved_scores=moved is not None,
            has_moved_features=any(key >= looked_at[0] for key in self._drifted) if looked_at else False,
        )
        return PerformanceReport(
            model=self._spec.name,
            champion=self._version,
            looked_at=tuple(looked_at),
            finding=finding,
            warnings=tuple(each for each in (by_estimate.warning, moved) if each and not self._was_told(each)),
            causes=causes,
            reason=by_labels.reason if by_labels.finding or not by_estimate.reason else by_estimate.reason,
        )

    def _by_labels(self) -> _Found:
        view = self._view
        if problem := why_not_judged(self._spec, view):
            return _Found(None, None, problem)
        worse = worse_days(self._spec, view)
        return self._weighed(worse, view.newest)

    def _by_estimate(self) -> _Found:
        if len(self._estimated) < self._rules.newest_partitions:
            return _Found(None, None, "")
        worse = worse_estimates(self._spec, self._view.reference, self._estimated)
        found = self._weighed(worse, self._estimated)
        if found.finding is None:
            return _Found(None, None, "")
        text = f"without labels an error of {found.finding.error:.4g} is expected, {found.reason}"
        keys = found.finding.lost_partitions
        warning = warning_of(self._spec, worse[-1], keys, CauseOfChange.PERFORMANCE_LOSS, text)
        return _Found(found.finding if self._rules.act_on_estimates else None, warning, text)

    def _weighed(self, worse: Sequence[PartitionPerformance], newest: Sequence[PartitionPerformance]) -> _Found:
        if problem := why_no_finding(self._rules, worse, newest):
            return _Found(None, None, problem)
        drifted = {name for key, names in self._drifted.items() if key >= newest[0].partition for name in names}
        finding = finding_of(self._spec, worse, self._view.reference, sorted(drifted))
        said = f"{finding.loss:.1%} more than {finding.reference_error:.4g} in its bout"
        if last := cooling_down_since(self._rules, finding, self._world.recorded.findings):
            return _Found(
                None, None, f"{said}; the last finding was on {last}, performance.cooldown_days is not over", True
            )
        return _Found(finding, None, said, is_lost=True)

    def _moved(self) -> PerformanceWarning | None:
        n = self._spec.drift.newest_partitions
        days = [day for day in self._all.values() if day.profile_path]
        newest, first = days[-n:], self._world.recorded.first_move(self._version)
        older = [day for day in days[:-n] if first is None or day.partition < first][: most_past(self._spec.calendar)]
        if len(newest) < n:
            return None
        of_bout = [day.partition for day in older if day.is_holdout] or [day.partition for day in older]
        moved = moved_scores(self._spec, self._profiles(older), self._profiles(newest), of_bout)
        return drift_warning(self._spec, newest, moved)

    def _was_told(self, warning: PerformanceWarning) -> bool:
        """Whether a person was warned of the same a short while ago."""
        earlier = [each for each in self._world.recorded.warnings if each.cause is warning.cause]
        return cooling_down_since(self._rules, warning, earlier) is not None

    def _profiles(self, days: Sequence[PartitionPerformance]) -> dict[PartitionKey, PartitionProfile]:
        profiles = {}
        for day in days:
            try:
                profiles[day.partition] = read_profile(
                    self._world.lake, day.profile_path or "", day.profile_sha256 or ""
                )
            except (ObjectMissingError, CorruptObjectError) as error:
                self.notes.append(f"the scores of {day.partition} are not looked at: {error}")
        return profiles

    def _standing(self, standing: Standing) -> dict[PartitionKey, PartitionPerformance]:
        """Return what stands for partitions that are not broken."""
        broken = self._broken
        least = self._rules.min_rows
        found = self._world.recorded.of_version(self._version, standing, min_rows=least)
        return {key: day for key, day in found.items() if key not in broken}

    @property
    def _broken(self) -> frozenset[PartitionKey]:
        state = self._world.state
        statuses = (PartitionStatus.QUARANTINED, PartitionStatus.DISCARDED)
        return frozenset(key for status in statuses for key in state.keys(status))

    def _has_broken_data(self, looked_at: Sequence[PartitionKey]) -> bool:
        quarantined = self._world.state.keys(PartitionStatus.QUARANTINED)
        return bool(quarantined) and (not looked_at or quarantined[-1] > looked_at[0])
