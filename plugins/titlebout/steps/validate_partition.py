"""Step `validate_partition`: the expectation suite is the only door to training."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from titlebout.core.errors import (
    MAX_MESSAGE_CHARACTERS,
    CorruptObjectError,
    LakeConflictError,
    ObjectMissingError,
    PartitionMissingError,
    PartitionRejectedError,
    PartitionUnreadableError,
    bounded,
)
from titlebout.core.layout import report_path
from titlebout.core.ledger import EntryKind, LedgerEntry, LedgerState, PartitionRecord, PartitionStatus
from titlebout.core.ports import Lake, Ledger, PartitionValidator
from titlebout.core.results import RunContext, Severity, Snapshot, ValidationReport
from titlebout.core.spec import ModelSpec
from titlebout.core.windows import Windows, shared_batches

logger = logging.getLogger(__name__)

MAX_FAILURES_SHOWN = 5
_JUDGED = frozenset({EntryKind.PARTITION_ACCEPTED, EntryKind.PARTITION_REJECTED})


def validate_partition(
    spec: ModelSpec,
    run: RunContext,
    *,
    suite: Mapping[str, JsonValue],
    lake: Lake,
    ledger: Ledger,
    validator: PartitionValidator,
) -> ValidationReport:
    """Judge the run's partition, and those of its windows that still wait for a judgement.

    A snapshot is judged once per suite: judged again by the same suite it keeps its report, and the engine
    does not run; a suite that was changed, by however little, judges the run's own partition anew.

    Raises:
        PartitionRejectedError: A critical expectation failed on the run's own partition. Everything is
            recorded by then. Older partitions that are rejected are only logged.
        PartitionMissingError: The run's partition was never ingested.
        SpecError: The suite is wrong.
    """
    entries = ledger.entries(spec.name)
    partitions = LedgerState.of(entries).partitions
    if run.partition not in partitions:
        message = (
            f"partition {run.partition} of {spec.name} is not in the ledger; clear ingest_partition of this run first"
        )
        raise PartitionMissingError(message)
    door = _Door(spec, run, suite, _sha256(_canonical(suite)), lake, ledger, validator, _judgements(entries))
    waiting = [key for key in Windows(spec, run.partition).keys if key != run.partition and _waits(partitions.get(key))]
    for batch in shared_batches(waiting, run.run_id):
        newest = LedgerState.of(ledger.entries(spec.name)).partitions
        for key in batch:
            if _waits(newest[key]):
                door.try_to_judge(newest[key].snapshot)
    report = door.judge(partitions[run.partition].snapshot)
    record = LedgerState.of(ledger.entries(spec.name)).partitions[run.partition]
    if record.decided_by is not None and record.snapshot.data_sha256 == report.data_sha256:
        _follow(record)
    elif not report.is_accepted:
        raise PartitionRejectedError(_rejection(report, lake.uri(report.report_path)))
    return report


def _follow(record: PartitionRecord) -> None:
    """Let a person's decision stand over the suite's."""
    snapshot = record.snapshot
    what = f"partition {snapshot.partition} (revision {snapshot.revision}) of {snapshot.model}"
    if record.status is PartitionStatus.DISCARDED:
        message = f"{what} was discarded by {record.decided_by}; deliver it anew, then run the partition again"
        raise PartitionRejectedError(message)
    logger.warning("%s was released by %s, whatever the suite says", what, record.decided_by)


def _waits(record: PartitionRecord | None) -> bool:
    return record is not None and record.status is PartitionStatus.INGESTED


@dataclass(frozen=True)
class _Door:
    """One run of the step: what it judges with, and where it writes what it found."""

    spec: ModelSpec
    run: RunContext
    suite: Mapping[str, JsonValue]
    suite_sha256: str
    lake: Lake
    ledger: Ledger
    validator: PartitionValidator
    judgements: Mapping[tuple[str, str], LedgerEntry]

    def try_to_judge(self, snapshot: Snapshot) -> None:
        """Judge an older partition. One that cannot be read stays unjudged, and so out of every window."""
        try:
            self.judge(snapshot)
        except (ObjectMissingError, CorruptObjectError, PartitionUnreadableError) as error:
            logger.error("%s %s stays unjudged: %s", snapshot.model, snapshot.partition, error)  # noqa: TRY400

    def judge(self, snapshot: Snapshot) -> ValidationReport:
        """Return the report on a snapshot, from the lake where this suite has judged it before."""
        earlier = self.judgements.get((snapshot.partition, snapshot.data_sha256))
        if earlier and earlier.payload.get("suite_sha256") == self.suite_sha256:
            path, sha256 = str(earlier.payload["report_path"]), str(earlier.payload["report_sha256"])
            report = _parse(self.lake.read(path, sha256=sha256))
        else:
            document = self._publish(snapshot)
            report = _parse(document)
            self._record(report, _sha256(document), earlier)
        _log(report)
        return report

    def _publish(self, snapshot: Snapshot) -> bytes:
        """Evaluate the suite and return the published report."""
        data = self.lake.local_copy(snapshot.data_path, sha256=snapshot.data_sha256)
        found = self.validator.validate(data, self.suite, key_columns=self.spec.dataset.key_columns)
        report = ValidationReport(
            model=snapshot.model,
            partition=snapshot.partition,
            revision=snapshot.revision,
            data_sha256=snapshot.data_sha256,
            suite=self.spec.validation.suite,
            evaluated=found.evaluated,
            failures=found.failures,
            report_path=report_path(snapshot, self.suite_sha256),
        )
        # No time and no run id: a try after a crash writes the same bytes, which the lake takes for a no-op.
        document = _canonical(
            {
                "report": report.as_json(),
                "suite_sha256": self.suite_sha256,
                "details": found.details,
            }
        )
        try:
            self.lake.publish(report.report_path, document)
        except LakeConflictError:
            # Another version of the engine wrote it and the run died before the ledger knew: the first one stands.
            return self.lake.read(report.report_path)
        return document

    def _record(self, report: ValidationReport, report_sha256: str, earlier: LedgerEntry | None) -> None:
        judged = f"{report.partition}:{report.revision}:{report.data_sha256[:12]}"
        # A suite may be changed and changed back: the judgement that this one overrules makes the key unique.
        once = f"judged:{judged}:{self.suite_sha256[:12]}:{earlier.sequence if earlier else 0}"
        self.ledger.append(
            self.spec.name,
            EntryKind.PARTITION_ACCEPTED if report.is_accepted else EntryKind.PARTITION_REJECTED,
            {
                "partition": report.partition,
                "revision": report.revision,
                "data_sha256": report.data_sha256,
                "suite": report.suite,
                "suite_sha256": self.suite_sha256,
                "report_path": report.report_path,
                "report_sha256": report_sha256,
                "evaluated": report.evaluated,
                "failures": [*_shown(report)],
            },
            actor=self.run.actor,
            once=once,
        )


def _judgements(entries: Sequence[LedgerEntry]) -> dict[tuple[str, str], LedgerEntry]:
    """Return the newest judgement of each snapshot: partition and hash of its bytes to ledger entry."""
    return {
        (str(entry.payload["partition"]), str(entry.payload["data_sha256"])): entry
        for entry in entries
        if entry.kind in _JUDGED
    }


def _canonical(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, indent=1, allow_nan=False).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _parse(document: bytes) -> ValidationReport:
    return ValidationReport.model_validate(json.loads(document)["report"])


def _shown(report: ValidationReport, *severities: Severity) -> list[str]:
    """Return the first failures, the critical ones before all others, each in one short line."""
    failures = sorted(report.failures, key=lambda failure: failure.severity is not Severity.CRITICAL)
    chosen = [failure for failure in failures if not severities or failure.severity in severities]
    return [f"{failure.severity}: {bounded(str(failure), 160)}" for failure in chosen[:MAX_FAILURES_SHOWN]]


def _rejection(report: ValidationReport, report_uri: str) -> str:
    critical = sum(failure.severity is Severity.CRITICAL for failure in report.failures)
    what = (
        f"partition {report.partition} (revision {report.revision}) of {report.model} is in quarantine: "
        f"{critical} of {report.evaluated} expectations of suite {report.suite!r} failed critically"
    )
    remedy = (
        f"report: {report_uri}; correct the source and run the partition again, "
        f"or the suite expectations/{report.suite}.json where it is too strict"
    )
    room = MAX_MESSAGE_CHARACTERS - len(what) - len(remedy) - len(": ; ")
    return f"{what}: {bounded('; '.join(_shown(report, Severity.CRITICAL)), max(room, 80))}; {remedy}"


def _log(report: ValidationReport) -> None:
    state = "accepted" if report.is_accepted else "in quarantine"
    level = logging.WARNING if report.failures else logging.INFO
    logger.log(level, "%s %s is %s (%d expectations)", report.model, report.partition, state, report.evaluated)
    for line in _shown(report):
        logger.warning("%s %s: %s", report.model, report.partition, line)
