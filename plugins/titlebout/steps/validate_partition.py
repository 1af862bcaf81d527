"""Step `validate_partition`: only what passes the suite and the contract checks is ever trained on."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from titlebout.core.contract.contract import Contract, canonical
from titlebout.core.contract.evidence import Evidence
from titlebout.core.contract.snapshot_findings import Appraiser
from titlebout.core.contract.validation_report import Rules, parse_report, rejection, shown_failures, write_report
from titlebout.core.errors import (
    CorruptObjectError,
    LakeConflictError,
    ObjectMissingError,
    PartitionMissingError,
    PartitionRejectedError,
    PartitionUnreadableError,
)
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry, PartitionRecord, PartitionStatus
from titlebout.core.ports import Lake, Ledger, PartitionValidator
from titlebout.core.results import PartitionKey, RunContext, Snapshot, ValidationReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.windows import Windows, days_before, shared_batches

logger = logging.getLogger(__name__)

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

    A snapshot is judged once by the same rules (suite, contract checks, declared columns): judged again it keeps
    its report, and the engine does not run; rules that were changed, by however little, judge the run's own
    partition anew. What a person decided about these very bytes stands over the judgement.

    Raises:
        PartitionRejectedError: A critical expectation or check failed on the run's own partition, or a person
            discarded it. Everything is recorded by then. Older partitions that are rejected are only logged.
        PartitionMissingError: The run's partition was never ingested.
        SpecError: The suite is wrong.
    """
    partitions = ledger.state(spec.name).partitions
    if run.partition not in partitions:
        what = f"partition {run.partition} of {spec.name}"
        message = f"{what} is not in the ledger; clear ingest_partition of this run first"
        raise PartitionMissingError(message)
    contract, suite_sha256 = Contract.of(spec), hashlib.sha256(canonical(suite)).hexdigest()
    rules = Rules(contract, spec.validation.suite, suite_sha256)
    appraiser = Appraiser(contract, suite, suite_sha256, lake, validator)
    validation = _Validation(run, rules, lake, ledger, appraiser, _judgements(ledger.entries(spec.name, kinds=_JUDGED)))
    windows = Windows(spec, run.partition)
    wanted = (*windows.remembered, *windows.keys)
    waiting = [key for key in wanted if key != run.partition and _waits(partitions.get(key))]
    validation.judge_all(spec.name, waiting, partitions)
    report = validation.judge(partitions[run.partition].snapshot, partitions)
    record = ledger.state(spec.name).partitions[run.partition]
    if record.decided_by is not None and record.snapshot.data_sha256 == report.data_sha256:
        _follow(record)
    elif not report.is_accepted:
        raise PartitionRejectedError(rejection(report, lake.uri(report.report_path)))
    return report


def _follow(record: PartitionRecord) -> None:
    """Let a person's decision stand over the judgement."""
    snapshot = record.snapshot
    what = f"partition {snapshot.partition} (revision {snapshot.revision}) of {snapshot.model}"
    if record.status is PartitionStatus.DISCARDED:
        message = f"{what} was discarded by {record.decided_by}; deliver it anew, then run the partition again"
        raise PartitionRejectedError(message)
    logger.warning("%s was released by %s, whatever its report says", what, record.decided_by)


def _waits(record: PartitionRecord | None) -> bool:
    return record is not None and record.status is PartitionStatus.INGESTED


@dataclass(frozen=True)
class _Validation:
    """One run of the step: what it judges by, and where it writes what it found."""

    run: RunContext
    rules: Rules
    lake: Lake
    ledger: Ledger
    appraiser: Appraiser
    judgements: Mapping[tuple[str, str], LedgerEntry]

    def judge_all(
        self, model: str, waiting: Sequence[PartitionKey], records: Mapping[PartitionKey, PartitionRecord]
    ) -> None:
        """Judge older partitions, but for those that another run has judged by the time their turn comes."""
        self._appraise(waiting, records)
        for batch in shared_batches(waiting, self.run.run_id):
            newest = self.ledger.state(model).partitions
            for key in batch:
                if _waits(newest[key]):
                    self._try_to_judge(newest[key].snapshot, newest)

    def _appraise(self, waiting: Iterable[PartitionKey], records: Mapping[PartitionKey, PartitionRecord]) -> None:
        """Look at all days that will be judged or compared with, in the run's own order.

        This is where the engine runs. Runs of a backfill that start side by side find each other's results in
        the lake; to go through the days one judgement at a time, each would first look at the same month.
        """
        wanted = {key for day in waiting for key in (day, *days_before(day)) if key in records}
        for batch in shared_batches(wanted, self.run.run_id):
            for key in batch:
                self.appraiser.try_to_find(records[key].snapshot)

    def _try_to_judge(self, snapshot: Snapshot, records: Mapping[PartitionKey, PartitionRecord]) -> None:
        """Judge an older partition. One that cannot be read stays unjudged, and so out of every window."""
        try:
            self.judge(snapshot, records)
        except (ObjectMissingError, CorruptObjectError, PartitionUnreadableError) as error:
            logger.error("%s %s stays unjudged: %s", snapshot.model, snapshot.partition, error)  # noqa: TRY400  # the message says it all

    def judge(self, snapshot: Snapshot, records: Mapping[PartitionKey, PartitionRecord]) -> ValidationReport:
        """Return the report on a snapshot, from the lake where these rules have judged it before."""
        earlier = self.judgements.get((snapshot.partition, snapshot.data_sha256))
        # Rows that come back after others were delivered, or after their file was lost, wait for a judgement again.
        delivered = records[snapshot.partition].sequence
        if earlier and earlier.sequence > delivered and earlier.payload.get("rules_sha256") == self.rules.sha256:
            path, sha256 = str(earlier.payload["report_path"]), str(earlier.payload["report_sha256"])
            report = parse_report(self.lake.read(path, sha256=sha256))
        else:
            document = self._publish(snapshot, records)
            report = parse_report(document)
            self._record(report, hashlib.sha256(document).hexdigest(), earlier)
        _log(report)
        return report

    def _publish(self, snapshot: Snapshot, records: Mapping[PartitionKey, PartitionRecord]) -> bytes:
        """Judge a snapshot and return the published report."""
        findings = self.appraiser.find(snapshot)
        evidence = Evidence.gather(snapshot.partition, records, self.appraiser.try_to_find)
        # No time and no run id: a try after a crash writes the same bytes, which the lake takes for a no-op.
        document = write_report(self.rules, snapshot, findings, evidence)
        path = parse_report(document).report_path
        try:
            self.lake.publish(path, document)
        except LakeConflictError:
            # Another run wrote it and died before the ledger knew, or with other days at hand: the first one stands.
            return self.lake.read(path)
        return document

    def _record(self, report: ValidationReport, report_sha256: str, earlier: LedgerEntry | None) -> None:
        judged = f"{report.partition}:{report.revision}:{report.data_sha256[:12]}"
        # Rules may be changed and changed back: the judgement that this one overrules makes the key unique.
        once = f"judged:{judged}:{self.rules.sha256[:12]}:{earlier.sequence if earlier else 0}"
        self.ledger.append(
            report.model,
            EntryKind.PARTITION_ACCEPTED if report.is_accepted else EntryKind.PARTITION_REJECTED,
            {
                "partition": report.partition,
                "revision": report.revision,
                "data_sha256": report.data_sha256,
                "suite": report.suite,
                "suite_sha256": self.rules.suite_sha256,
                "rules_sha256": self.rules.sha256,
                "report_path": report.report_path,
                "report_sha256": report_sha256,
                "evaluated": report.evaluated,
                "failures": [*shown_failures(report)],
            },
            actor=self.run.actor,
            once=once,
        )


def _judgements(entries: Sequence[LedgerEntry]) -> dict[tuple[str, str], LedgerEntry]:
    """Return the newest one of each snapshot: partition and hash of its bytes to ledger entry."""
    return {(str(entry.payload["partition"]), str(entry.payload["data_sha256"])): entry for entry in entries}


def _log(report: ValidationReport) -> None:
    state = "accepted" if report.is_accepted else "in quarantine"
    level = logging.WARNING if report.failures else logging.INFO
    logger.log(level, "%s %s is %s (%d expectations)", report.model, report.partition, state, report.evaluated)
    for line in shown_failures(report):
        logger.warning("%s %s: %s", report.model, report.partition, line)
