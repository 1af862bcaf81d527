"""Step `report_drift`: write down what a look for drift saw, as a document and as a page, from profiles."""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from titlebout.core.drift_accounts.drift_account import ColumnAccount, DayAccount, DriftAccount
from titlebout.core.drift_accounts.drift_reported import DriftReported
from titlebout.core.drift_accounts.judged_days import judged_columns
from titlebout.core.drift_accounts.ledger_events import EVENT_KINDS, bout_errors, events_of
from titlebout.core.drift_accounts.past_performance import performance_of, recorded_days, scores_of
from titlebout.core.drift_accounts.staleness import staleness_of
from titlebout.core.drift_accounts.time_axis import accepted_of, days_for, time_axis
from titlebout.core.drifting.drift_results import DriftReport
from titlebout.core.drifting.judged_columns import PastAndNewest
from titlebout.core.drifting.partition_profile import ProfileQuestion
from titlebout.core.drifting.profiled_snapshots import profiles_of
from titlebout.core.drifting.usual_change import FEWEST_PARTITIONS
from titlebout.core.errors import LakeConflictError
from titlebout.core.layout import drift_report_path
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.pages.drift_page import drift_file
from titlebout.core.performance.recorded_performance import PERFORMANCE_KINDS
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey, TrainedChallenger
from titlebout.core.retraining.watch_report import WatchReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import read_version
from titlebout.steps.measure_drift import good_past

logger = logging.getLogger(__name__)

ACTOR = "step:report_drift"
_REMEMBERED = 50


class Decided(NamedTuple):
    """What became of a look.

    Attributes:
        run_id: Of the run that was asked for, if one was.
        lines: What was asked for, and what was not and why.
    """

    run_id: str | None = None
    lines: tuple[str, ...] = ()


NOT_DECIDED = Decided()


def report_drift(
    spec: ModelSpec, report: DriftReport, *, lake: Lake, ledger: Ledger, decided: Decided = NOT_DECIDED
) -> DriftReported | None:
    """Write the report of a look once: a second look that says the same of the same rows returns the first report.

    Returns:
        Where it lies; None where no partition was ever accepted.
    """
    state = ledger.state(spec.name)
    partition = _newest(report, state)
    if partition is None:
        return None
    data_sha256 = state.partitions[partition].snapshot.data_sha256
    fingerprint = report.finding.fingerprint if report.finding else None
    identity = (partition, data_sha256, report.champion, fingerprint, decided.run_id)
    for entry in reversed(ledger.entries(spec.name, kinds={EntryKind.DRIFT_REPORTED}, newest=_REMEMBERED)):
        found = entry.read(DriftReported)
        if found.identity == identity:
            return found
    account = account_of(spec, report, partition, lake=lake, ledger=ledger)
    account = account.model_copy(update={"decided": decided.lines})
    content = account.document()
    sha256 = hashlib.sha256(content).hexdigest()
    paths = [drift_report_path(spec.name, partition, sha256, ending) for ending in ("json", "html")]
    lake.publish(paths[0], content)
    with suppress(LakeConflictError):  # another release of this code drew the same account in another way
        lake.publish(paths[1], drift_file(account).encode())
    reported = DriftReported(
        model=spec.name,
        partition=partition,
        data_sha256=data_sha256,
        champion=report.champion,
        fingerprint=fingerprint,
        run_id=decided.run_id,
        reason=report.reason,
        path=paths[0],
        sha256=sha256,
        page_path=paths[1],
    )
    once = f"drift_report:{hashlib.sha256(repr(identity).encode()).hexdigest()[:24]}"
    entry = ledger.append(spec.name, EntryKind.DRIFT_REPORTED, reported.as_json(), actor=ACTOR, once=once)
    logger.info("%s: drift report of %s: %s", spec.name, partition, lake.uri(reported.page_path))
    return entry.read(DriftReported)


def report_look(spec: ModelSpec, watch: WatchReport, *, lake: Lake, ledger: Ledger) -> DriftReported | None:
    """Write the report of a look, or say in the log why there is none: the look counts, whatever becomes of it."""
    try:
        return report_drift(spec, watch.drift, lake=lake, ledger=ledger, decided=_decided(watch))
    except Exception:  # a page that cannot be drawn must not keep a retrain from being asked for
        logger.exception("%s: the look stands, its report could not be written", spec.name)
        return None


def _decided(watch: WatchReport) -> Decided:
    asked = watch.asked_for
    lines = [*asked.refusals, *asked.stops]
    if asked.retrain:
        lines.append(f"The run {asked.retrain.run_id} was asked for: {asked.retrain.why}.")
    return Decided(asked.retrain.run_id if asked.retrain else None, tuple(lines))


def account_of(
    spec: ModelSpec, report: DriftReport, partition: PartitionKey, *, lake: Lake, ledger: Ledger
) -> DriftAccount:
    """Put together what the report of a look shows."""
    state = ledger.state(spec.name)
    champion = read_version(lake, spec.name, report.champion) if report.champion else None
    question = ProfileQuestion.of(spec)
    trained = [ref.partition for ref in champion.proof.training] if champion else []
    days = time_axis(
        spec.calendar,
        state,
        last=partition,
        most=days_for(len(question.columns)),
        trained=trained,
        looked_at=report.looked_at,
    )
    entries = ledger.entries(spec.name, kinds=EVENT_KINDS | PERFORMANCE_KINDS | {EntryKind.VERDICT_REACHED})
    measured = recorded_days(entries, last=partition)
    metric, errors = bout_errors(entries, last=partition)
    return DriftAccount(
        report=report,
        partition=partition,
        cadence=spec.calendar.cadence.value,
        trained=(trained[0], trained[-1]) if trained else None,
        rules=spec.drift.model_dump(mode="json"),
        days=days,
        columns=_columns(spec, state, champion, question, lake, days) if champion else (),
        events=events_of(entries, last=partition),
        metric=metric,
        errors=errors,
        performance_metric=measured[-1].metric if measured else "",
        performance=performance_of(measured, report.champion),
        scores=scores_of(measured, report.champion, {day.partition for day in days}, lake),
        staleness=staleness_of(entries),
    )


def _newest(report: DriftReport, state: LedgerState) -> PartitionKey | None:
    if report.looked_at and report.looked_at[-1] in state.partitions:
        return report.looked_at[-1]
    return max(state.keys(PartitionStatus.ACCEPTED), default=None)


def _columns(
    spec: ModelSpec,
    state: LedgerState,
    champion: TrainedChallenger,
    question: ProfileQuestion,
    lake: Lake,
    days: Sequence[DayAccount],
) -> tuple[ColumnAccount, ...]:
    training = champion.proof.training
    first, last = training[0].partition, training[-1].partition
    accepted = state.keys(PartitionStatus.ACCEPTED)
    newer = [key for key in accepted_of(days) if key > last]
    refs = [*good_past(state, champion), *(state.partitions[key].ref() for key in newer)]
    profiles, _ = profiles_of(question, lake, refs, threads=granted_cores())
    trained = [ref.partition for ref in training if ref.partition in profiles]
    if len(trained) < FEWEST_PARTITIONS:
        return ()
    shown = [key for key in accepted_of(days) if key in profiles and key >= first]
    given = PastAndNewest.of(spec.calendar, profiles, trained, shown, gap=sum(key > trained[-1] for key in accepted))
    looked_at = [day.partition for day in days if day.is_looked_at]
    return judged_columns(spec, given, looked_at=looked_at, newest=max(state.partitions))
