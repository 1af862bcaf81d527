"""Step `measure_drift`: hold the newest accepted partitions against what the champion was trained on."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from titlebout.core.drifting.drift_results import DriftFinding, DriftReport, ToldApart
from titlebout.core.drifting.judged_columns import PastAndNewest, judge_columns, unknown_facts
from titlebout.core.drifting.judgement import JudgedPartition, columns_to_judge, judge_drift
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.drifting.past_windows import PastWindows
from titlebout.core.drifting.profiled_snapshots import profiles_of
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import known_version
from titlebout.steps.tell_rows_apart import evidence_of_rows, newest_partitions

logger = logging.getLogger(__name__)

ACTOR = "step:measure_drift"
MOST_OLDER_PARTITIONS = 800
"""Good partitions before the training window that say what is usual: two years of days, so that a season is known."""


def measure_drift(spec: ModelSpec, *, lake: Lake, ledger: Ledger) -> DriftReport:
    """Look at the newest partitions once and record a finding once.

    Quarantined partitions are broken data and are never looked at. Where there is nothing to judge by, there is
    no finding, and the report says why. A second look at the same partitions returns the same finding, so that a
    look that was interrupted after it wrote the ledger still wakes the retrain.

    Raises:
        ObjectMissingError: The lake lost a snapshot.
        CorruptObjectError: Its bytes are not those that were ingested.
        UnavailableError: Lake or ledger does not answer.
    """
    state = ledger.state(spec.name)
    if state.champion is None:
        return _nothing(spec, None, (), "no champion serves yet")
    champion = known_version(lake, ledger, spec.name, state.champion.version)
    newest = newest_partitions(spec, state, champion)
    if len(newest) < spec.drift.newest_partitions:
        reason = f"{len(newest)} accepted partitions are newer than the champion's training rows"
        return _nothing(
            spec, champion, newest, f"{reason}, drift.newest_partitions asks for {spec.drift.newest_partitions}"
        )
    profiles, trained, problem = _profiles(spec, state, champion, newest, lake)
    if problem:
        return _nothing(spec, champion, newest, problem)
    known = {str(entry.payload["fingerprint"]): entry for entry in _findings(spec, ledger)}
    report = judge_drift(
        spec,
        champion.version,
        _judged(spec, state, profiles, trained, newest),
        last_drift_partition=state.last_drift_partition,
        known_fingerprints=known,
    )
    logger.info("%s: %s", spec.name, report.reason)
    if report.finding is None:
        return report
    look = partial(evidence_of_rows, spec, state, champion, lake=lake)
    finding = _with_evidence(report.finding, known, look)
    _record(finding, ledger)
    return report.model_copy(update={"finding": finding})


def _profiles(
    spec: ModelSpec, state: LedgerState, champion: TrainedChallenger, newest: Sequence[PartitionKey], lake: Lake
) -> tuple[dict[PartitionKey, PartitionProfile], list[PartitionKey], str]:
    """Return the profiles, the keys of training partitions that have rows, and why nothing can be judged by them."""
    refs = [*good_past(state, champion), *(state.partitions[key].ref() for key in newest)]
    profiles, unreadable = profiles_of(ProfileQuestion.of(spec), lake, refs, threads=granted_cores())
    for key, problem in unreadable.items():
        logger.warning("%s: %s is left out of what drift is measured by: %s", spec.name, key, problem)
    training = [ref.partition for ref in champion.proof.training]
    trained = [key for key in training if key in profiles]
    if lost := [key for key in (*training, *newest) if key in unreadable]:
        return profiles, trained, f"not to be read by the spec as it is now: {unreadable[lost[-1]]}"
    return profiles, trained, _lack_of_past(spec, state, profiles, trained)


def _lack_of_past(
    spec: ModelSpec,
    state: LedgerState,
    profiles: Mapping[PartitionKey, PartitionProfile],
    trained: Sequence[PartitionKey],
) -> str:
    """Say why usual changes are not known yet; empty where they are."""
    if len(trained) < FEWEST_PARTITIONS:
        found = f"not enough past to judge by: the champion was trained on {len(trained)} partitions"
        return f"{found}, {FEWEST_PARTITIONS} are needed to know its usual changes"
    past = sum(key <= trained[-1] for key in profiles)
    needed = PastWindows.fewest_past(len(trained), _gap(state, trained))
    if past >= needed:
        return ""
    found = f"not enough past to judge by: {past} good {spec.calendar.cadence} partitions until {trained[-1]}"
    return f"{found}, the end of the champion's training; {needed} are needed. Older ones count: backfill them"


def _gap(state: LedgerState, trained: Sequence[PartitionKey]) -> int:
    return sum(key > trained[-1] for key in state.keys(PartitionStatus.ACCEPTED))


def good_past(state: LedgerState, champion: TrainedChallenger) -> list[SnapshotRef]:
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
    given = PastAndNewest.of(spec.calendar, profiles, trained, newest, gap=_gap(state, trained))
    watched = columns_to_judge(spec, given, newest=max(state.partitions))
    if unknown := sorted({name for key, names in watched.items() for name in unknown_facts(given, key, names)}):
        words = "one value per partition, and a past shorter than a year"
        logger.info("%s: not judged by their values: %s (%s)", spec.name, ", ".join(unknown), words)
    changes = judge_columns(spec.drift, given, watched)
    return [JudgedPartition(key, changes.get(key, {})) for key in newest]


def _findings(spec: ModelSpec, ledger: Ledger) -> Sequence[LedgerEntry]:
    return ledger.entries(spec.name, kinds={EntryKind.DRIFT_FOUND})


def _with_evidence(
    finding: DriftFinding,
    known: Mapping[str, LedgerEntry],
    look: Callable[[Sequence[PartitionKey]], ToldApart | None],
) -> DriftFinding:
    """Add what the rows say: what was recorded with the finding, or a look at them where it is new."""
    recorded = known.get(finding.fingerprint)
    if recorded is None:
        return finding.model_copy(update={"told_apart": look(finding.drifted_partitions)})
    found = recorded.payload.get("told_apart")
    return finding.model_copy(update={"told_apart": ToldApart.model_validate(found) if found else None})


def _record(finding: DriftFinding, ledger: Ledger) -> None:
    once = f"drift:{finding.fingerprint}"
    ledger.append(finding.model, EntryKind.DRIFT_FOUND, finding.as_json(), actor=ACTOR, once=once)


def _nothing(
    spec: ModelSpec, champion: TrainedChallenger | None, looked_at: Sequence[PartitionKey], reason: str
) -> DriftReport:
    version = champion.version if champion else None
    return DriftReport(model=spec.name, champion=version, looked_at=tuple(looked_at), reason=reason)
