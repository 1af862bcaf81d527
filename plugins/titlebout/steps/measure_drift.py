"""Step `measure_drift`: hold the newest accepted partitions against what the champion was trained on."""

import logging
from collections.abc import Sequence

from titlebout.core.drift import (
    MIN_REFERENCE_PARTITIONS,
    PartitionDistance,
    excess_distance,
    judge_drift,
    labels_are_due,
    watched_columns,
)
from titlebout.core.drift_profile import DriftProfile
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import DriftReport, PartitionKey, TrainedChallenger
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import read_file, read_version

logger = logging.getLogger(__name__)

ACTOR = "step:measure_drift"


def measure_drift(spec: ModelSpec, *, lake: Lake, ledger: Ledger) -> DriftReport:
    """Look at the newest partitions once and record a finding once.

    Quarantined partitions are broken data and are never looked at. Where there is nothing to judge by, there is
    no finding, and the report says why. A second look at the same partitions returns the same finding, so that a
    look that was interrupted after it wrote the ledger still wakes the retrain.

    Args:
        spec: The model spec.
        lake: Holds snapshots and the champion's profile.
        ledger: Knows what serves and which partitions are accepted.

    Raises:
        ObjectMissingError: The lake lost the champion's profile or a snapshot.
        CorruptObjectError: Their bytes are not those that were published.
        UnavailableError: Lake or ledger does not answer.
    """
    state = ledger.state(spec.name)
    if state.champion is None:
        return _nothing(spec, None, (), "no champion serves yet")
    champion = read_version(lake, spec.name, state.champion.version)
    newest = _newest_partitions(spec, state, champion)
    profile = DriftProfile.model_validate_json(read_file(lake, champion, "profile"))
    if len(newest) < spec.drift.newest_partitions:
        reason = f"{len(newest)} accepted partitions are newer than the champion's training rows"
        return _nothing(
            spec, champion, newest, f"{reason}, drift.newest_partitions asks for {spec.drift.newest_partitions}"
        )
    if len(profile.partitions) < MIN_REFERENCE_PARTITIONS:
        reason = f"the champion was trained on {len(profile.partitions)} partitions"
        return _nothing(
            spec, champion, newest, f"{reason}, {MIN_REFERENCE_PARTITIONS} are needed to know its usual distances"
        )
    report = judge_drift(
        spec,
        champion.version,
        [_distance(spec, lake, state, profile, key) for key in newest],
        last_drift_partition=state.last_drift_partition,
        known_fingerprints=_known_fingerprints(ledger.entries(spec.name, kinds={EntryKind.DRIFT_FOUND})),
    )
    _record(spec, report, ledger)
    return report


def _newest_partitions(spec: ModelSpec, state: LedgerState, champion: TrainedChallenger) -> tuple[PartitionKey, ...]:
    last_trained = champion.proof.training[-1].partition
    newer = [key for key in state.keys(PartitionStatus.ACCEPTED) if key > last_trained]
    return tuple(newer[-spec.drift.newest_partitions :])


def _distance(
    spec: ModelSpec, lake: Lake, state: LedgerState, profile: DriftProfile, key: PartitionKey
) -> PartitionDistance:
    rows = read_rows(spec, lake, state.partitions[key].ref())
    has_labels = labels_are_due(spec, key, max(state.partitions))
    return PartitionDistance(
        key,
        {
            name: excess_distance(profile.columns[name], profile.count(name, rows), spec.drift.margin)
            for name in watched_columns(spec, profile.columns, has_labels=has_labels)
        },
    )


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
