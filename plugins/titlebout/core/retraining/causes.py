"""Causes for a retrain: what was found, said in one line, with a fingerprint by which it is asked for once."""

import hashlib
from collections.abc import Iterable

from pydantic import Field

from titlebout.core.errors import bounded
from titlebout.core.ledgers.ledger import LedgerState, PartitionStatus
from titlebout.core.partitions import days_apart
from titlebout.core.performance.performance_results import PerformanceFinding
from titlebout.core.results import DriftFinding, PartitionKey, Result, SnapshotRef
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

        Args:
            reason: What kind of cause.
            why: What a person reads.
            about: What tells it from any other cause of its kind.
        """
        covered = "\n".join([reason, *about])
        return cls(
            reason=reason,
            fingerprint=hashlib.sha256(covered.encode()).hexdigest()[:12],
            why=bounded(why, WHY_CHARACTERS),
        )


def run_id_of(cause: RetrainCause, partition: PartitionKey) -> str:
    """Name the run that a cause starts: however often it is asked for, it is one run."""
    return f"{cause.reason}__{partition}__{cause.fingerprint}"


def drift_cause(finding: DriftFinding) -> RetrainCause:
    """Return the cause that a drift finding is."""
    columns = ", ".join(f"{name} {size:.2g} x its limit" for name, size in finding.columns.items())
    why = bounded(f"{', '.join(finding.drifted_partitions)} drifted: {columns}", WHY_CHARACTERS)
    return RetrainCause(reason=RetrainReason.DRIFT, fingerprint=finding.fingerprint, why=why)


def loss_cause(finding: PerformanceFinding) -> RetrainCause:
    """Return the cause that a loss of performance is."""
    lost, estimated = ", ".join(finding.lost_partitions), ", an estimate" if finding.is_estimate else ""
    why = f"{finding.metric} {finding.loss:.1%} worse than when {finding.champion} won, on {lost}{estimated}"
    return RetrainCause(
        reason=RetrainReason.PERFORMANCE_LOSS,
        fingerprint=finding.fingerprint,
        why=bounded(why, WHY_CHARACTERS),
    )


def revised_partitions(state: LedgerState, trained_on: Iterable[SnapshotRef]) -> dict[PartitionKey, SnapshotRef]:
    """Return the partitions of which a later revision was accepted since a version learned from them.

    Args:
        state: What the ledger adds up to.
        trained_on: What the version learned from.
    """
    revised = {}
    for ref in trained_on:
        record = state.partitions.get(ref.partition)
        if record is None or record.status is not PartitionStatus.ACCEPTED:
            continue
        if record.snapshot.revision > ref.revision and record.snapshot.data_sha256 != ref.data_sha256:
            revised[ref.partition] = record.ref()
    return revised


def revision_cause(champion: str, revised: dict[PartitionKey, SnapshotRef]) -> RetrainCause | None:
    """Return the cause that corrected rows are, if there are any.

    Args:
        champion: Version that learned from the rows before they were corrected.
        revised: The newest revisions, by partition.
    """
    if not revised:
        return None
    named = ", ".join([*revised][:_NAMED]) + (f" and {len(revised) - _NAMED} more" if len(revised) > _NAMED else "")
    why = f"{champion} learned from {named} before a later revision was accepted"
    about = [champion, *(f"{key} {ref.data_sha256}" for key, ref in sorted(revised.items()))]
    return RetrainCause.of(RetrainReason.NEW_REVISION, why, about)


def recipe_cause(champion: str, differences: Iterable[str]) -> RetrainCause | None:
    """Return the cause that another recipe is, if it differs.

    Args:
        champion: Version that serves.
        differences: One line for each setting, as `learning.recipes` tells them.
    """
    lines = tuple(differences)
    if not lines:
        return None
    return RetrainCause.of(
        RetrainReason.CHANGED_RECIPE, f"{champion} was made otherwise: {'; '.join(lines)}", [champion, *lines]
    )


def staleness_cause(
    champion: str, trained_on: PartitionKey, newest: PartitionKey, retrain_after_days: float | None
) -> RetrainCause | None:
    """Return the cause that age is, once for each time the champion has grown by so many days.

    Args:
        champion: Version that serves.
        trained_on: Partition of the night that trained it, as where alerts tell its age.
        newest: Newest accepted partition.
        retrain_after_days: `drift.retrain_after_days`; None: never.
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
    """Return the cause that a person's wish is; each wish is one of its own.

    Args:
        person: Who wishes.
        reason: Why, in the person's words.
        sequence: Last entry of the ledger when the person wished.
    """
    return RetrainCause.of(RetrainReason.PERSON, reason, [person, reason, str(sequence)])
