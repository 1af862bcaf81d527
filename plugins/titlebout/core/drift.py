"""When the newest partitions are so far from the training rows that a retrain is worth it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titlebout.core.distance import relative_entropy, sampling_noise
from titlebout.core.drift_profile import ColumnProfile
from titlebout.core.partitions import days_apart
from titlebout.core.results import DriftFinding, DriftReport, PartitionKey
from titlebout.core.specs.spec import DriftSection, ModelSpec

MIN_REFERENCE_PARTITIONS = 5
"""Below so many training partitions the largest distance without drift is not known well enough to judge by."""


@dataclass(frozen=True)
class PartitionDistance:
    """How far one partition lies from the training rows.

    Attributes:
        partition: Its key.
        excess: Column to distance over limit; above 1 it drifts.
    """

    partition: PartitionKey
    excess: Mapping[str, float]

    @property
    def drifting(self) -> tuple[str, ...]:
        """Columns over their limit, sorted."""
        return tuple(sorted(name for name, ratio in self.excess.items() if ratio > 1))


def watched_columns(spec: ModelSpec, profiled: Iterable[str], *, has_labels: bool) -> tuple[str, ...]:
    """Return the columns of a profile to look at in one partition.

    Args:
        spec: `drift.columns` restricts them.
        profiled: The columns that the champion's profile holds.
        has_labels: Whether the partition's labels can be known yet; a target that is still missing is no drift.
    """
    watched = spec.drift.columns or tuple(profiled)
    return tuple(name for name in profiled if name in watched and (has_labels or name != spec.dataset.target))


def labels_are_due(spec: ModelSpec, partition: PartitionKey, newest: PartitionKey) -> bool:
    """Whether a partition's labels are known by the night of the newest one."""
    calendar = spec.calendar
    known = calendar.grid.newest_ended(calendar.number(newest), spec.dataset.label_delay_days)
    return calendar.number(partition) <= known


def excess_distance(profile: ColumnProfile, counts: NDArray[np.int64], margin: float) -> float:
    """Return a column's distance from the training rows over its limit.

    The limit is `margin` times the largest distance that any training partition has from the others, and at least
    what sampling alone explains: each column is judged by its own past, at the size of a partition.

    Args:
        profile: The column in the champion's profile.
        counts: int64, shape (n_bins,), of the partition.
        margin: At least 1.

    Returns:
        At least 0; above 1 the column drifts. 0 for a partition without rows.
    """
    rows = int(counts.sum())
    if not rows:
        return 0.0
    reference = np.array(profile.counts)
    limit = max(margin * max(profile.null_distances), sampling_noise(rows, reference))
    return float(relative_entropy(counts, reference)) / limit


def judge_drift(
    spec: ModelSpec,
    champion: str,
    distances: Sequence[PartitionDistance],
    *,
    last_drift_partition: PartitionKey | None,
    known_fingerprints: Iterable[str] = (),
) -> DriftReport:
    """Decide whether the newest partitions are worth a retrain: k of n drift, and the newest is one of them.

    Args:
        spec: The model spec.
        champion: Version that serves.
        distances: The newest partitions, oldest first; at least one.
        last_drift_partition: Newest partition of the last finding, from which the cooldown counts.
        known_fingerprints: Findings that were recorded before: a second look at the same rows finds the same.
    """
    looked_at = tuple(distance.partition for distance in distances)
    drifting = [distance for distance in distances if distance.drifting]

    def report(reason: str, finding: DriftFinding | None = None) -> DriftReport:
        return DriftReport(model=spec.name, champion=champion, looked_at=looked_at, reason=reason, finding=finding)

    found = f"{len(drifting)} of the newest {len(distances)} partitions drift"
    if len(drifting) < spec.drift.drifted_partitions:
        return report(f"{found}, drift.drifted_partitions asks for {spec.drift.drifted_partitions}")
    if drifting[-1] is not distances[-1]:
        return report(f"{found}, but the newest ({looked_at[-1]}) does not")
    finding = _finding(spec.name, champion, drifting)
    if finding.fingerprint not in known_fingerprints and _is_cooling_down(
        spec.drift, looked_at[-1], last_drift_partition
    ):
        return report(f"{found}; the last finding was on {last_drift_partition}, drift.cooldown_days is not over")
    worst = max(finding.columns, key=lambda name: finding.columns[name])
    return report(f"{found}, most of all {worst} ({finding.columns[worst]:.1f} times its limit)", finding)


def _is_cooling_down(drift: DriftSection, newest: PartitionKey, last: PartitionKey | None) -> bool:
    return last is not None and days_apart(last, newest) < drift.cooldown_days


def _finding(model: str, champion: str, drifting: Sequence[PartitionDistance]) -> DriftFinding:
    columns: dict[str, float] = {}
    for distance in drifting:
        for name in distance.drifting:
            columns[name] = max(columns.get(name, 0.0), round(distance.excess[name], 3))
    newest = drifting[-1].partition
    cause = "\n".join([champion, newest, *sorted(columns)])
    return DriftFinding(
        model=model,
        champion=champion,
        newest_partition=newest,
        drifted_partitions=tuple(distance.partition for distance in drifting),
        columns=columns,
        fingerprint=hashlib.sha256(cause.encode()).hexdigest()[:12],
    )
