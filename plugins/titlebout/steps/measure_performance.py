"""Step `measure_performance`: hold what the champion said against the labels that came, and estimate where none did."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.performance.estimating import Estimating
from titlebout.core.performance.loss_judgement import most_past
from titlebout.core.performance.measuring import MeasuredWorld, Measuring
from titlebout.core.performance.performance_judgement import PerformanceJudgement
from titlebout.core.performance.performance_results import PartitionPerformance, PerformanceReport
from titlebout.core.performance.recorded_performance import PERFORMANCE_KINDS, RecordedPerformance
from titlebout.core.ports import Lake, Ledger
from titlebout.core.prediction_file import PartitionScores
from titlebout.core.results import PartitionKey, TrainedChallenger
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import known_version

logger = logging.getLogger(__name__)

ACTOR = "step:measure_performance"
MOST_NEWEST = 60
"""So many of the newest are looked at, and of the newest with labels; older ones were, when they were new."""


def measure_performance(spec: ModelSpec, *, lake: Lake, ledger: Ledger) -> PerformanceReport:
    """Measure what is new about the champion's predictions, and judge the newest days.

    What was measured stands in the ledger, once for the same scores and labels; a second look measures nothing and
    finds the same. Partitions in quarantine are broken data: they are neither measured nor judged. What cannot be
    measured is left out and noted.

    Raises:
        ObjectMissingError: The lake lost the champion's manifest.
        CorruptObjectError: It is not readable as one.
        LedgerTamperedError: What the ledger says of scores or errors cannot be read.
        UnavailableError: Lake or ledger does not answer.
    """
    state = ledger.state(spec.name)
    if state.champion is None:
        return PerformanceReport(model=spec.name, champion=None, reason="no champion serves yet")
    version = partial(known_version, lake, ledger, spec.name)
    champion = version(state.champion.version)
    files = [entry.read(PartitionScores) for entry in ledger.entries(spec.name, kinds={EntryKind.PARTITION_SCORED})]
    recorded = RecordedPerformance(ledger.entries(spec.name, kinds=PERFORMANCE_KINDS))
    world = MeasuredWorld(spec, lake, state, files, recorded, version, spec.training.threads or granted_cores())
    measuring = Measuring(world, champion)
    measured = _measured(world, measuring, champion, ledger)
    judgement = PerformanceJudgement(world, champion.version, _drifted_columns(ledger, champion.version, spec.name))
    report = judgement.report().model_copy(
        update={"measured": tuple(measured), "notes": (*measuring.notes, *judgement.notes)}
    )
    _record(report, ledger)
    return report


def _measured(
    world: MeasuredWorld, measuring: Measuring, champion: TrainedChallenger, ledger: Ledger
) -> list[PartitionPerformance]:
    """Measure, and write down each partition before the next one is looked at."""
    estimating, found = Estimating(world, measuring), list[PartitionPerformance]()
    keys = _keys(world, measuring, champion)

    def keep(day: PartitionPerformance) -> None:
        once = f"performance:{day.partition}:{day.version}:{day.standing}:{day.evidence}"
        entry = ledger.append(day.model, EntryKind.PERFORMANCE_MEASURED, day.as_json(), actor=ACTOR, once=once)
        found.append(entry.read(PartitionPerformance))
        world.recorded.add(found[-1])

    for key in keys:
        for day in measuring.realised(key):
            keep(day)
    for key in keys:
        if estimate := estimating.estimated(key):
            keep(estimate)
    return found


def _keys(world: MeasuredWorld, measuring: Measuring, champion: TrainedChallenger) -> list[PartitionKey]:
    """Return the partitions to look at: those of the bout, the first ones after it, the newest, the newest with labels.

    Labels may take longer than it takes for so many newer partitions to come.
    """
    last_trained = champion.proof.training[-1].partition
    known = {*world.state.keys(PartitionStatus.ACCEPTED), *measuring.logged}
    newer = [key for key in sorted(known) if key > last_trained]
    due = [key for key in newer if measuring.are_labels_due(key)]
    # Rows of the log find their labels in later partitions.
    most_due = MOST_NEWEST + world.spec.performance.label_partitions
    return sorted({*newer[: most_past(world.spec.calendar)], *newer[-MOST_NEWEST:], *due[-most_due:]})


def _drifted_columns(ledger: Ledger, champion: str, model: str) -> Mapping[PartitionKey, Sequence[str]]:
    """Return the columns of findings about the data, by the newest partition of each."""
    entries = ledger.entries(model, kinds={EntryKind.DRIFT_FOUND})
    of_champion = [entry.payload for entry in entries if entry.payload["champion"] == champion]
    return {str(each["newest_partition"]): [*dict(each["columns"])] for each in of_champion}  # type: ignore[arg-type]  # a DriftFinding's JSON


def _record(report: PerformanceReport, ledger: Ledger) -> None:
    logger.info("%s: %s", report.model, report.reason)
    for note in report.notes:
        logger.warning("%s: %s", report.model, note)
    if finding := report.finding:
        once = f"performance_lost:{finding.fingerprint}"
        ledger.append(report.model, EntryKind.PERFORMANCE_LOST, finding.as_json(), actor=ACTOR, once=once)
    for warning in report.warnings:
        once = f"performance_warned:{warning.fingerprint}"
        ledger.append(report.model, EntryKind.PERFORMANCE_WARNED, warning.as_json(), actor=ACTOR, once=once)
