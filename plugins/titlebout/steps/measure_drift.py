"""Step `measure_drift`: hold the newest accepted partitions against what the champion was trained on."""

import logging
from collections.abc import Sequence

from titlebout.core.drifting.judged_columns import PastAndNewest, judge_columns
from titlebout.core.drifting.judgement import JudgedPartition, judge_drift, labels_are_due, watched_columns
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.drifting.profiled_snapshots import profiles_of
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import DriftReport, PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import read_version

logger = logging.getLogger(__name__)

ACTOR = "step:measure_drift"
MOST_OLDER_PARTITIONS = 800
"""Good partitions before the training window that say what is usual: two years of days, so that a season is known."""


def measure_drift(spec: ModelSpec, *, lake: Lake, ledger: Ledger) -> DriftReport:
    """Look at the newest partitions once and record a finding once.

    Quarantined partitions are broken data and are never looked at. Where there is nothing to judge by, there is
    no finding, and the report says why. A second look at the same partitions returns the same finding, so that a
    look that was interrupted after it wrote the ledger still wakes the retrain.

    Args:
        spec: The model spec.
        lake: Holds snapshots and their profiles.
        ledger: Knows what serves and which partitions are accepted.

    Raises:
        ObjectMissingError: The lake lost a snapshot.
        CorruptObjectError: Its bytes are not those that were ingested.
        UnavailableError: Lake or ledger does not answer.
    """
    state = ledger.state(spec.name)
    if state.champion is None:
        return _nothing(spec, None, (), "no champion serves yet")
    champion = read_version(lake, spec.name, state.champion.version)
    newest = _newest_partitions(spec, state, champion)
    if len(newest) < spec.drift.newest_partitions:
        reason = f"{len(newest)} accepted partitions are newer than the champion's training rows"
        return _nothing(
            spec, champion, newest, f"{reason}, drift.newest_partitions asks for {spec.drift.newest_partitions}"
        )
    question = ProfileQuestion.of(spec)
    refs = [*_good_past(state, champion), *(state.partitions[key].ref() for key in newest)]
    profiles, unreadable = profiles_of(question, lake, refs, threads=granted_cores())
    for key, problem in unreadable.items():
        logger.warning("%s: %s is left out of what drift is measured by: %s", spec.name, key, problem)
    training = [ref.partition for ref in champion.proof.training]
    if lost := [key for key in (*training, *newest) if key in unreadable]:
        return _nothing(spec, champion, newest, f"not to be read by the spec as it is now: {unreadable[lost[-1]]}")
    trained = [key for key in training if key in profiles]
    if len(trained) < FEWEST_PARTITIONS:
        reason = f"the champion was trained on {len(trained)} partitions"
        return _nothing(spec, champion, newest, f"{reason}, {FEWEST_PARTITIONS} are needed to know its usual changes")
    report = judge_drift(
        spec,
        champion.version,
        _judged(spec, state, profiles, trained, newest),
        last_drift_partition=state.last_drift_partition,
        known_fingerprints=_known_fingerprints(ledger.entries(spec.name, kinds={EntryKind.DRIFT_FOUND})),
    )
    _record(spec, report, ledger)
    return report


def _newest_partitions(spec: ModelSpec, state: LedgerState, champion: TrainedChallenger) -> tuple[PartitionKey, ...]:
    last_trained = champion.proof.training[-1].partition
    newer = [key for key in state.keys(PartitionStatus.ACCEPTED) if key > last_trained]
    return tuple(newer[-spec.drift.newest_partitions :])


def _good_past(state: LedgerState, champion: TrainedChallenger) -> list[SnapshotRef]:
    """Return what the champion learned from, and the good partitions before it, oldest first."""
    first_trained = champion.proof.training[0].partition
    older = [key for key in state.keys(PartitionStatus.ACCEPTED) if key < first_trained][-MOST_OLDER_PARTITIONS:]
    return [*(state.partitions[key].ref() for key in older), *champion.proof.training]


def _judged(
    spec: ModelSpec,
    state: LedgerState,
    profiles: dict[PartitionKey, PartitionProfile],
    trained: Sequence[PartitionKey],
    newest: Sequence[PartitionKey],
) -> list[JudgedPartition]:
    past = {key: profile for key, profile in profiles.items() if key <= trained[-1]}
    new = {key: profiles[key] for key in newest if key in profiles}
    gap = sum(key > trained[-1] for key in state.keys(PartitionStatus.ACCEPTED))
    given = PastAndNewest(
        calendar=spec.calendar,
        reference=PartitionProfile.sum(profiles[key] for key in trained),
        past=past,
        newest=new,
        windows=PastWindows.of(len(past), len(trained), gap),
    )
    labelled = {key: labels_are_due(spec, key, max(state.partitions)) for key in new}
    columns = given.reference.columns
    watched = {key: watched_columns(spec, columns, has_labels=has_labels) for key, has_labels in labelled.items()}
    changes = judge_columns(spec.drift, given, watched)
    return [JudgedPartition(key, changes.get(key, {})) for key in newest]


def _known_fingerprints(entries: Sequence[LedgerEntry]) -> set[str]:
    return {str(entry.payload["fingerprint"]) for entry in entries}


def _record(spec: ModelSpec, report: DriftReport, ledger: Ledger) -> None:
    logger.info("%s: %s", spec.name, report.reason)
    if report.finding:
        ledger.append(
            spec.name,
            EntryKind.DRIFT_FOUND,
            report.finding.as_json(),
            actor=ACTOR,
            once=f"drift:{report.finding.fingerprint}",
        )


def _nothing(
    spec: ModelSpec, champion: TrainedChallenger | None, looked_at: Sequence[PartitionKey], reason: str
) -> DriftReport:
    version = champion.version if champion else None
    return DriftReport(model=spec.name, champion=version, looked_at=tuple(looked_at), reason=reason)
