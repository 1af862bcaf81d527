"""Causes for a retrain, each with a fingerprint so that it is asked for once."""

from collections.abc import Iterable

from pydantic import Field

from titlebout.core.drifting.drift_results import DriftFinding
from titlebout.core.errors import bounded, first_few
from titlebout.core.fingerprints import fingerprint_of
from titlebout.core.ledgers.ledger import LedgerState, PartitionStatus
from titlebout.core.partitions import days_apart
from titlebout.core.performance.performance_results import PerformanceFinding
from titlebout.core.results import PartitionKey, Result, SnapshotRef
from titlebout.core.specs.retrain_spec import RetrainReason

WHY_CHARACTERS = 300
_NAMED = 5


class RetrainCause(Result):
    """One thing that speaks for a retrain."""

    reason: RetrainReason
    fingerprint: str = Field(min_length=1, max_length=64, description="The same cause, the same fingerprint.")
    why: str

    @classmethod
    def of(cls, reason: RetrainReason, why: str, about: Iterable[str]) -> "RetrainCause":
        """Return a cause whose fingerprint covers everything that it is about.

        `about` tells it from any other cause of its kind.
        """
        return cls(
            reason=reason,
            fingerprint=fingerprint_of(reason, *about),
            why=bounded(why, WHY_CHARACTERS),
        )


def run_id_of(cause: RetrainCause, partition: PartitionKey) -> str:
    """Name the run that a cause starts: however often it is asked for, it is one run."""
    return f"{cause.reason}__{partition}__{cause.fingerprint}"


def drift_cause(finding: DriftFinding) -> RetrainCause:
    """Return the cause for a retrain after a drift finding."""
    columns = ", ".join(f"{name} {size:.2g} x its limit" for name, size in finding.columns.items())
    why = bounded(f"{', '.join(finding.drifted_partitions)} drifted: {columns}", WHY_CHARACTERS)
    return RetrainCause(reason=RetrainReason.DRIFT, fingerprint=finding.fingerprint, why=why)


def loss_cause(finding: PerformanceFinding) -> RetrainCause:
    """Return the cause for a retrain after a loss of performance."""
    lost, estimated = ", ".join(finding.lost_partitions), ", an estimate" if finding.is_estimate else ""
    why = f"{finding.metric} {finding.loss:.1%} worse than when {finding.champion} won, on {lost}{estimated}"
    return RetrainCause(
        reason=RetrainReason.PERFORMANCE_LOSS,
        fingerprint=finding.fingerprint,
        why=bounded(why, WHY_CHARACTERS),
    )


def revised_partitions(state: LedgerState, trained_on: Iterable[SnapshotRef]) -> dict[PartitionKey, SnapshotRef]:
    """Return the partitions of which a later revision was accepted since a version learned from them."""
    revised = {}
    for ref in trained_on:
        record = state.partitions.get(ref.partition)
        if record is None or record.status is not PartitionStatus.ACCEPTED:
            continue
        if record.snapshot.revision > ref.revision and record.snapshot.data_sha256 != ref.data_sha256:
            revised[ref.partition] = record.ref()
    return revised


def revision_cause(champion: str, revised: dict[PartitionKey, SnapshotRef]) -> RetrainCause | None:
    """Return the cause for a retrain on corrected rows, if there are any."""
    if not revised:
        return None
    why = f"{champion} learned from {first_few([*revised], _NAMED)} before a later revision was accepted"
    about = [champion, *(f"{key} {ref.data_sha256}" for key, ref in sorted(revised.items()))]
    return RetrainCause.of(RetrainReason.NEW_REVISION, why, about)


def recipe_cause(champion: str, differences: Iterable[str]) -> RetrainCause | None:
    """Return the cause for a retrain by another recipe, if it differs."""
    lines = tuple(differences)
    if not lines:
        return None
    return RetrainCause.of(
        RetrainReason.CHANGED_RECIPE, f"{champion} was made otherwise: {'; '.join(lines)}", [champion, *lines]
    )


def staleness_cause(
    champion: str, trained_on: PartitionKey, newest: PartitionKey, retrain_after_days: float | None
) -> RetrainCause | None:
    """Return the cause for a retrain because of age, once each time the champion grew older by so many days.

    Age counts from the partition of the night that trained it, as in alerts. There is none without
    `drift.retrain_after_days`.
    """
    if retrain_after_days is None:
        return None
    days = days_apart(trained_on, newest)
    times = int(days / retrain_after_days)
    if times < 1:
        return None
    why = f"{champion} was trained on {trained_on}, {days:g} days before the newest data ({newest})"
    return RetrainCause.of(RetrainReason.STALENESS, why, [champion, f"{times} x {retrain_after_days:g} days"])


def wish_of(person: str, reason: str, sequence: int) -> RetrainCause:
    """Return the cause for a retrain that a person asked for; no two requests are the same cause.

    `sequence` is that of the last ledger entry at that time.
    """
    return RetrainCause.of(RetrainReason.PERSON, reason, [person, reason, str(sequence)])
