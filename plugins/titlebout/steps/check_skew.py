"""Step `check_skew`: does the live server answer as the version did offline, and is it asked what is delivered?"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from titlebout.core.errors import (
    CorruptObjectError,
    NotEnoughPartitionsError,
    ObjectMissingError,
    PartitionUnreadableError,
)
from titlebout.core.features import FeaturePlan
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.machine.granted_cores import granted_cores
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.ports import Lake, Ledger
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey
from titlebout.core.skew.compared_column import ColumnsOfLog
from titlebout.core.skew.logged_partitions import LoggedPartitions
from titlebout.core.skew.partition_skew import FeatureComparison
from titlebout.core.skew.score_replay import replayed_scores
from titlebout.core.skew.skew_findings import golden_findings, partition_findings
from titlebout.core.skew.skew_report import GoldenReplay, PartitionSkew, ScoreSkew, SkewFinding, SkewReport
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.version_proof import proven_version
from titlebout.core.versions import load_predictor
from titlebout.steps.golden_desk import GoldenDesk

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

ACTOR = "step:check_skew"
LOOKED_BACK_DAYS = 2
"""Partitions that began so long before the newest one ended are looked at once more: their log may have come late."""


def check_skew(
    spec: ModelSpec,
    *,
    lake: Lake,
    ledger: Ledger,
    desk: GoldenDesk | None,
    log_key: str | None = None,
    partition: PartitionKey | None = None,
) -> SkewReport:
    """Look for skew, and record each finding once.

    The log comes first: whatever the server does, what it logged is compared and recorded. Without a desk the live
    server is not asked; without a partition it is the newest accepted ones.

    Raises:
        NotEnoughPartitionsError: The named partition is not accepted.
        CorruptObjectError: Snapshot, log or version is not what was published.
        UnavailableError: Lake, ledger or server does not answer, or a release is going on.
    """
    state = ledger.state(spec.name)
    desk_of_log = _LogDesk(spec, lake, ledger, state, log_key)
    seen = [desk_of_log.skew_of(key) for key in _looked_at(spec, state, partition)]
    findings = [*partition_findings(spec.name, spec.serving.skew, seen)]
    _record(findings, ledger)
    golden = desk.replay() if desk else GoldenReplay(note="the server was not asked")
    newest = max(state.keys(PartitionStatus.ACCEPTED), default=state.champion.partition if state.champion else None)
    wrong = [*golden_findings(spec.name, golden, newest)]
    _record(wrong, ledger)
    return SkewReport(model=spec.name, golden=golden, partitions=tuple(seen), findings=(*wrong, *findings))


def _looked_at(spec: ModelSpec, state: LedgerState, partition: PartitionKey | None) -> list[PartitionKey]:
    accepted = state.keys(PartitionStatus.ACCEPTED)
    if partition is not None:
        if partition not in accepted:
            record = state.partitions.get(partition)
            stands = f"is {record.status}" if record else "was never ingested"
            message = f"{spec.name} {partition} {stands}, so nothing accepted can be compared; run its nightly run"
            raise NotEnoughPartitionsError(message)
        return [partition]
    if not accepted:
        return []
    calendar = spec.calendar
    newest = calendar.number(accepted[-1])
    first = min(newest, calendar.grid.first_within(newest, LOOKED_BACK_DAYS))
    return [key for key in accepted if calendar.number(key) >= first]


def _record(findings: Sequence[SkewFinding], ledger: Ledger) -> None:
    for finding in findings:
        logger.warning("%s: %s", finding.model, finding.message)
        ledger.append(
            finding.model,
            EntryKind.SKEW_FOUND,
            finding.as_json(),
            actor=ACTOR,
            once=f"skew:{finding.kind}:{finding.version}:{finding.newest_partition}",
        )


@dataclass
class _LogDesk:
    """Compares what a log holds with what was delivered and what versions say."""

    spec: ModelSpec
    lake: Lake
    ledger: Ledger
    state: LedgerState
    log_key: str | None
    _versions: dict[str, Predictor | None] = field(default_factory=dict)

    def skew_of(self, partition: PartitionKey) -> PartitionSkew:
        logged = self._logged.logged(partition)
        about = self._logged.answered_about(partition)
        if not logged.num_rows and not about.num_rows:
            return PartitionSkew(partition=partition, note=self._why_nothing())
        try:
            rows = read_rows(self.spec, self.lake, self.state.partitions[partition].ref())
        except PartitionUnreadableError as error:
            return PartitionSkew(partition=partition, logged_rows=about.num_rows, note=str(error))

        def with_history(table: "pa.Table", plan: FeaturePlan) -> "pa.Table":
            return self._past.joined(table, partition, plan.remembered)

        columns = ColumnsOfLog(self.spec, about, rows, self.log_key)
        found = FeatureComparison(partition, columns, self._version, with_history).skew()
        scores = self._scores(logged, ColumnsOfLog(self.spec, logged, rows, self.log_key))
        logger.info("%s %s: %d rows of the log compared", self.spec.name, partition, found.compared_rows)
        return found.model_copy(update={"scores": scores})

    def _why_nothing(self) -> str:
        if self.spec.serving.log.enabled:
            return "nothing was logged"
        return "nothing was logged: serving.log is off"

    def _scores(self, logged: "pa.Table", columns: ColumnsOfLog) -> tuple[ScoreSkew, ...]:
        import pyarrow.compute as pc

        return tuple(
            replayed_scores(
                logged.filter(pc.equal(logged["version"], name)), name, self._version(name), columns.is_kept
            )
            for name in sorted(pc.unique(logged["version"]).to_pylist())
        )

    def _version(self, name: str) -> Predictor | None:
        if name not in self._versions:
            self._versions[name] = self._loaded(name)
        return self._versions[name]

    def _loaded(self, name: str) -> Predictor | None:
        try:
            manifest = proven_version(self.lake, self.ledger, self.spec.name, name)
            return load_predictor(self.lake, manifest, threads=self.spec.training.threads or granted_cores())
        except (ObjectMissingError, CorruptObjectError) as error:
            logger.warning("the log names %s, which cannot be had: %s", name, error)
            return None

    @cached_property
    def _logged(self) -> LoggedPartitions:
        return LoggedPartitions(self.spec, self.lake)

    @cached_property
    def _past(self) -> PastPartitions:
        accepted = (self.state.partitions[key].ref() for key in self.state.keys(PartitionStatus.ACCEPTED))
        return PastPartitions(self.spec, self.lake, accepted)
