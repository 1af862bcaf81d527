"""Decides whether drift of the newest partitions is worth a retrain."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from titlebout.core.drifting.drift_results import DriftFinding, DriftReport
from titlebout.core.drifting.judged_columns import ColumnChange, PastAndNewest
from titlebout.core.fingerprints import fingerprint_of
from titlebout.core.partitions import days_apart
from titlebout.core.results import PartitionKey
from titlebout.core.specs.drift_spec import DriftSection
from titlebout.core.specs.spec import ModelSpec


@dataclass(frozen=True)
class JudgedPartition:
    """How far one partition lies from the training rows."""

    partition: PartitionKey
    columns: Mapping[str, ColumnChange]

    @property
    def drifting(self) -> tuple[str, ...]:
        """Columns over their limit, sorted."""
        return tuple(sorted(name for name, change in self.columns.items() if change.excess > 1))


def watched_columns(spec: ModelSpec, profiled: Iterable[str], *, has_labels: bool) -> tuple[str, ...]:
    """Return the columns of a profile to look at in one partition.

    A target whose labels cannot be known yet is left out: that it is missing is no drift.
    """
    watched = spec.drift.columns or tuple(profiled)
    return tuple(name for name in profiled if name in watched and (has_labels or name != spec.dataset.target))


def columns_to_judge(
    spec: ModelSpec, given: PastAndNewest, *, newest: PartitionKey
) -> dict[PartitionKey, tuple[str, ...]]:
    """Return the columns to look at in each partition that is judged.

    Which labels are due depends on `newest`, the newest partition in the ledger.
    """
    return {
        key: watched_columns(spec, given.reference.columns, has_labels=labels_are_due(spec, key, newest))
        for key in given.newest
    }


def labels_are_due(spec: ModelSpec, partition: PartitionKey, newest: PartitionKey) -> bool:
    """Whether a partition's labels are known by the night of the newest one."""
    calendar = spec.calendar
    known = calendar.grid.newest_ended(calendar.number(newest), spec.dataset.label_delay_days)
    return calendar.number(partition) <= known


def judge_drift(
    spec: ModelSpec,
    champion: str,
    judged: Sequence[JudgedPartition],
    *,
    last_drift_partition: PartitionKey | None,
    known_fingerprints: Iterable[str] = (),
) -> DriftReport:
    """Decide whether the newest partitions are worth a retrain: k of n drift, and the newest is one of them.

    The cooldown counts from the partition of the last finding. It does not hold back a finding with a known
    fingerprint: a second look at the same rows finds the same.
    """
    looked_at = tuple(each.partition for each in judged)
    drifting = [each for each in judged if each.drifting]

    def report(reason: str, finding: DriftFinding | None = None) -> DriftReport:
        return DriftReport(model=spec.name, champion=champion, looked_at=looked_at, reason=reason, finding=finding)

    found = f"{len(drifting)} of the newest {len(judged)} partitions drift"
    if len(drifting) < spec.drift.drifted_partitions:
        return report(f"{found}, drift.drifted_partitions asks for {spec.drift.drifted_partitions}")
    if drifting[-1] is not judged[-1]:
        return report(f"{found}, but the newest ({looked_at[-1]}) does not")
    finding = _finding(spec.name, champion, drifting)
    if finding.fingerprint not in known_fingerprints and _is_cooling_down(
        spec.drift, looked_at[-1], last_drift_partition
    ):
        return report(f"{found}; the last finding was on {last_drift_partition}, drift.cooldown_days is not over")
    worst = max(finding.columns, key=lambda name: finding.columns[name])
    in_words = f"{worst} ({finding.columns[worst]:.1f} times its limit: {finding.measures[worst]})"
    return report(f"{found}, most of all {in_words}", finding)


def _is_cooling_down(drift: DriftSection, newest: PartitionKey, last: PartitionKey | None) -> bool:
    # In either direction: what was found on a partition that is in quarantine since, or came from a clock that ran
    # ahead, would else be newer than all that follows, and silence it.
    return last is not None and abs(days_apart(last, newest)) < drift.cooldown_days


def _finding(model: str, champion: str, drifting: Sequence[JudgedPartition]) -> DriftFinding:
    columns: dict[str, float] = {}
    measures: dict[str, str] = {}
    for partition in drifting:
        for name in partition.drifting:
            change = partition.columns[name]
            excess = round(change.excess, 3)
            if excess > columns.get(name, 0.0):
                columns[name], measures[name] = excess, f"{change.measure} {change.change:+.2f}"
    newest = drifting[-1].partition
    return DriftFinding(
        model=model,
        champion=champion,
        newest_partition=newest,
        drifted_partitions=tuple(each.partition for each in drifting),
        columns=columns,
        measures=measures,
        fingerprint=fingerprint_of(champion, newest, *sorted(columns)),
    )
