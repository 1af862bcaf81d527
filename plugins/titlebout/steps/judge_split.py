"""One look at a trial of strategy `ab`: outcomes that arrived are joined to what was answered, and judged.

The ledger holds every look (`trial_looked`), and what was decided follows from the recorded look. So whoever comes
after a crash does not look again, with more outcomes by then, but finishes what the look said.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from titlebout.core.errors import CorruptObjectError
from titlebout.core.inference_log.log_port import ServerLog
from titlebout.core.inference_log.log_reading import logged_partitions, read_inference_log
from titlebout.core.layout import split_report_path
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, PartitionStatus
from titlebout.core.live_trials.trial import Trial
from titlebout.core.pages.page_frame import Place
from titlebout.core.pages.split_page import split_page
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.results import Snapshot, SnapshotRef
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.split_spec import SplitRules
from titlebout.core.split_tests.sequential_interval import Floats
from titlebout.core.split_tests.split_answers import SplitAnswers, logged_part, split_answers
from titlebout.core.split_tests.split_judgement import decide, findings
from titlebout.core.split_tests.split_outcomes import CountedOutcomes, KnownOutcomes, counted_outcomes, outcome_rows
from titlebout.core.split_tests.split_report import LabelledPartition, SplitDecision, SplitReport, SplitTally
from titlebout.steps.collect_log import collect_log
from titlebout.steps.trial_desk import TrialDesk

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitLook:
    """What a recorded look said.

    Attributes:
        decision: What follows.
        reasons: Why.
        evidence: For the entry that ends the trial.
    """

    decision: SplitDecision
    reasons: tuple[str, ...]
    evidence: JsonValue

    @classmethod
    def of(cls, entry: LedgerEntry) -> "SplitLook":
        """Read an entry of kind `trial_looked`."""
        reasons = entry.payload["reasons"]
        told = tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else ()
        return cls(SplitDecision(str(entry.payload["decision"])), told, entry.payload["evidence"])


@dataclass(frozen=True)
class _Labelled:
    """A partition that came after the trial began, with its newest accepted rows."""

    first: LedgerEntry
    ref: SnapshotRef


def judge_split(desk: TrialDesk, trial: Trial, rules: SplitRules, server_log: ServerLog | None) -> SplitLook:
    """Look at a running trial if anything is new, after collecting the log, and return what the newest look said.

    Raises:
        CorruptObjectError: A file of the lake is not what was published.
        PartitionUnreadableError: A partition was ingested under a spec without a column that is asked for.
        UnavailableError: Lake, ledger, host or server does not answer.
    """
    is_over = desk.now() >= trial.step_ends_at
    labelled = tuple(_labelled(desk, trial))
    named = [f"{each.ref.partition}:{each.ref.data_sha256}" for each in labelled]
    seen = hashlib.sha256("\n".join([*named, str(is_over)]).encode()).hexdigest()
    looks = _looks(desk, trial)
    if looks and (looks[-1].payload["seen"] == seen or SplitLook.of(looks[-1]).decision is not SplitDecision.CONTINUE):
        return SplitLook.of(looks[-1])
    if not labelled and not is_over:
        return SplitLook(SplitDecision.CONTINUE, ("no partition with outcomes came since it began",), None)
    _collect(desk, server_log)
    report = _report(desk, trial, rules, labelled, is_over=is_over)
    logger.info("%s: %s: %s", trial, report.decision, "; ".join(report.reasons))
    return SplitLook.of(_recorded(desk, trial, report, seen))


def _looks(desk: TrialDesk, trial: Trial) -> list[LedgerEntry]:
    entries = desk.ledger.entries(trial.model, kinds={EntryKind.TRIAL_LOOKED}, since=trial.started_at)
    return [entry for entry in entries if entry.payload.get("trial") == trial.token]


def _labelled(desk: TrialDesk, trial: Trial) -> Iterator[_Labelled]:
    """Yield the partitions whose rows hold outcomes: those that the ledger knew only after the trial began.

    A partition that is delivered once more counts as corrected, one in quarantine not at all, and one whose labels
    are not final yet (`dataset.label_delay_days`) when they are.
    """
    calendar, grid = desk.spec.calendar, desk.spec.calendar.grid
    last_night = calendar.number(calendar.holding(desk.now())) - 1
    final = grid.newest_ended(last_night, desk.spec.dataset.label_delay_days)
    entries = desk.ledger.entries(trial.model, kinds={EntryKind.PARTITION_INGESTED}, since=trial.started_at)
    # Read afterwards: later nights ingest while this looks, and the state has to know whatever the entries name.
    records = desk.ledger.state(trial.model).partitions
    for entry in entries:
        snapshot = entry.read(Snapshot, "snapshot")
        if snapshot.revision > 1 or entry.sequence < trial.token:
            continue
        record = records[snapshot.partition]
        if record.status is PartitionStatus.ACCEPTED and calendar.number(record.snapshot.partition) <= final:
            yield _Labelled(entry, record.ref())


def _collect(desk: TrialDesk, server_log: ServerLog | None) -> None:
    if server_log is None:
        return
    try:
        collect_log(desk.spec, lake=desk.lake, host=desk.host, server_log=server_log)
    except CorruptObjectError as error:  # it stays on the server, and is missing to both groups alike
        logger.warning("a part of the log cannot be read: %s", error)


def _report(
    desk: TrialDesk, trial: Trial, rules: SplitRules, labelled: Sequence[_Labelled], *, is_over: bool
) -> SplitReport:
    answers, tally = _answers(desk, trial, rules)
    counted = None
    if answers is not None:
        known = [_known(desk, each, rules) for each in labelled]
        counted = counted_outcomes(answers, known, rules)
        tally = _tally(tally, answers, counted)
    found = findings(answers, counted, rules, trial.percent)
    decision, reasons = decide(found, rules, is_over=is_over)
    return SplitReport(
        model=trial.model,
        trial=trial.token,
        version=trial.version,
        champion=trial.champion,
        percent=trial.percent,
        rules=rules,
        started_at=trial.started_at,
        ends_at=trial.step_ends_at,
        looked_at=desk.now(),
        decision=decision,
        reasons=reasons,
        groups=found.groups,
        gain=found.gain,
        low=found.low,
        high=found.high,
        share=found.share,
        tally=tally,
        partitions=tuple(
            LabelledPartition(partition=each.ref.partition, data_sha256=each.ref.data_sha256) for each in labelled
        ),
        path=found.path,
    )


def _answers(desk: TrialDesk, trial: Trial, rules: SplitRules) -> tuple[SplitAnswers | None, SplitTally]:
    columns = desk.spec.dataset.snapshot_columns
    types = {name: ARROW_TYPES[columns[name]] for name in rules.join_columns}
    first = desk.spec.calendar.holding(trial.started_at)
    keys = logged_partitions(desk.lake, trial.model, since=first)
    parts = [logged_part(read_inference_log(desk.lake, trial.model, key), trial, rules, types) for key in keys]
    tally = SplitTally(
        mixed_requests=sum(part.mixed_requests for part in parts),
        unjoinable_rows=sum(part.unjoinable_rows for part in parts),
    )
    return (split_answers([part.rows for part in parts], trial, rules) if parts else None), tally


def _known(desk: TrialDesk, labelled: _Labelled, rules: SplitRules) -> KnownOutcomes:
    table = read_rows(desk.spec, desk.lake, labelled.ref)
    values = _values(desk.spec, table, rules)
    return KnownOutcomes(labelled.ref.partition, labelled.first.recorded_at, outcome_rows(table, rules, values))


def _values(spec: ModelSpec, table: pa.Table, rules: SplitRules) -> Floats:
    if rules.outcome is None:
        return target_values(spec, table)
    values: Floats = pc.cast(table[rules.outcome], pa.float64(), safe=False).to_numpy()
    return values


def _tally(tally: SplitTally, answers: SplitAnswers, counted: CountedOutcomes) -> SplitTally:
    found = {
        "asked_again": answers.asked_again,
        "waiting_rows": counted.waiting_rows,
        "repeated_outcomes": counted.repeated_outcomes,
        "early_outcomes": counted.early_outcomes,
        "not_numbers": counted.not_numbers,
    }
    return tally.model_copy(update=found)


def _recorded(desk: TrialDesk, trial: Trial, report: SplitReport, seen: str) -> LedgerEntry:
    """Publish the report, then record the look; of two that look at the same, the first counts."""
    document = report.model_dump_json(indent=1).encode()
    sha256 = hashlib.sha256(document).hexdigest()
    page = split_report_path(trial.model, trial.token, sha256, "html")
    path = split_report_path(trial.model, trial.token, sha256, "json")
    desk.lake.publish(page, split_page(report, Place(is_framed=True)).encode())
    desk.lake.publish(path, document)
    logger.info("report of this look: %s", desk.lake.uri(page))
    evidence: JsonValue = {
        "report": path,
        "sha256": sha256,
        "page": page,
        "gain": report.gain,
        "gain_low": report.low,
        "gain_high": report.high,
        "outcomes": {name: group.outcomes for name, group in report.groups.items()},
        "means": {name: group.mean for name, group in report.groups.items()},
        "candidate_share": report.share.found,
    }
    payload: dict[str, JsonValue] = {
        "trial": trial.token,
        "version": trial.version,
        "seen": seen,
        "decision": report.decision.value,
        "reasons": list(report.reasons),
        "evidence": evidence,
    }
    once = f"trial:{trial.token}:look:{seen}"
    return desk.ledger.append(trial.model, EntryKind.TRIAL_LOOKED, payload, actor=desk.actor, once=once)
