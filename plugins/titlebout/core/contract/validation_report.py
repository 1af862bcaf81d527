"""The validation report: how a snapshot, its findings and the days before it become one document.

The document in the lake, with sorted keys and without a time or a run id:

    report         the `ValidationReport`: verdict and every failure, of the suite and of contract checks alike
    details        the suite in the engine's words: each expectation with arguments, severity, success and result
    suite_sha256   hash of the suite
    rules_sha256   hash of suite, checks and declarations: what `report_path` is named after
    contract
      checks       each contract check: name, severity, outcome (held, failed, not_evaluated, off), note
      evidence     the good days it was compared with, by data_sha256, and those left out, with the reason
      usual        what was usual on them: `rows` (low, usual, high, by_weekday), `columns` (null_share, distinct);
                   empty where there are too few days
    statistics     of this partition: rows, and per column nulls, low, high, distinct, mean, categories
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from titlebout.core.contract.contract import CheckResult, Contract, canonical
from titlebout.core.contract.evidence import Evidence
from titlebout.core.contract.history_checks import HistoryChecks
from titlebout.core.contract.snapshot_findings import Findings
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, bounded
from titlebout.core.layout import report_path
from titlebout.core.results import Severity, Snapshot, ValidationReport

MAX_FAILURES_SHOWN = 5


@dataclass(frozen=True)
class Rules:
    """What snapshots are judged by."""

    contract: Contract
    suite_name: str
    suite_sha256: str

    @cached_property
    def sha256(self) -> str:
        """Hash of suite, checks and declarations."""
        return self.contract.sha256(self.suite_sha256)


def write_report(rules: Rules, snapshot: Snapshot, findings: Findings, evidence: Evidence) -> bytes:
    """Compare a snapshot with the days before it and write everything down."""
    history = HistoryChecks(rules.contract, snapshot.partition, findings.statistics, evidence.days)
    results = history.results()
    report = ValidationReport(
        model=snapshot.model,
        partition=snapshot.partition,
        revision=snapshot.revision,
        data_sha256=snapshot.data_sha256,
        suite=rules.suite_name,
        evaluated=findings.evaluated,
        failures=(*findings.failures, *(failure for result in results for failure in result.failures)),
        report_path=report_path(snapshot, rules.sha256),
    )
    return canonical(
        {
            "report": report.as_json(),
            "details": findings.details,
            "suite_sha256": rules.suite_sha256,
            "rules_sha256": rules.sha256,
            "contract": {
                "checks": _outcomes((*findings.checks, *results)),
                "evidence": evidence.document(),
                "usual": history.usual(),
            },
            "statistics": findings.statistics.as_json(),
        }
    )


def parse_report(document: bytes) -> ValidationReport:
    """Read the report out of its document."""
    return ValidationReport.model_validate(json.loads(document)["report"])


def _outcomes(results: Sequence[CheckResult]) -> list[dict[str, object]]:
    """Return how each check ended; what it found stands among the failures of the report."""
    return [{name: value for name, value in result.as_json().items() if name != "failures"} for result in results]


def shown_failures(report: ValidationReport, *severities: Severity) -> list[str]:
    """Return the first failures, the critical ones before all others, each in one short line."""
    failures = sorted(report.failures, key=lambda failure: failure.severity is not Severity.CRITICAL)
    chosen = [failure for failure in failures if not severities or failure.severity in severities]
    return [f"{failure.severity}: {bounded(str(failure), 160)}" for failure in chosen[:MAX_FAILURES_SHOWN]]


def rejection(report: ValidationReport, report_uri: str) -> str:
    """Say why a partition is in quarantine, where to read more, and what to do."""
    critical = [failure for failure in report.failures if failure.severity is Severity.CRITICAL]
    what = (
        f"partition {report.partition} (revision {report.revision}) of {report.model} is in quarantine: "
        f"{len(critical)} critical failures"
    )
    strict = [f"expectations/{report.suite}.json"]
    if any(failure.expectation.startswith("contract_") for failure in critical):
        strict.append("validation.checks of the spec")
    remedy = (
        f"report: {report_uri}; correct the source and run the partition again, "
        f"or {' or '.join(strict)} where it is too strict, or titlebout quarantine release"
    )
    room = MAX_MESSAGE_CHARACTERS - len(what) - len(remedy) - len(": ; ")
    return f"{what}: {bounded('; '.join(shown_failures(report, Severity.CRITICAL)), max(room, 80))}; {remedy}"
