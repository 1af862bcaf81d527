"""Reads the ledger's entries on performance: the error that counts for each partition, and earlier findings."""

from collections.abc import Iterable, Sequence

from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.performance.change_causes import CauseOfChange
from titlebout.core.performance.performance_results import (
    PartitionPerformance,
    PerformanceFinding,
    PerformanceWarning,
    ScoreSource,
    Standing,
)
from titlebout.core.results import PartitionKey

PERFORMANCE_KINDS = frozenset(
    {EntryKind.PERFORMANCE_MEASURED, EntryKind.PERFORMANCE_LOST, EntryKind.PERFORMANCE_WARNED}
)
_PREFERENCE = (ScoreSource.LOG, ScoreSource.BATCH, ScoreSource.REPLAYED)

_Name = tuple[PartitionKey, str, Standing, ScoreSource]


class RecordedPerformance:
    """Entries folded: of the same partition, version, standing and source the newest counts."""

    def __init__(self, entries: Iterable[LedgerEntry]) -> None:
        """Read entries of `PERFORMANCE_KINDS`, oldest first; others are passed over.

        Raises:
            LedgerTamperedError: One is not of its kind.
        """
        self._days: dict[_Name, PartitionPerformance] = {}
        self._evidence = set[str]()
        self.findings: list[PerformanceFinding] = []
        self.warnings: list[PerformanceWarning] = []
        for entry in entries:
            if entry.kind is EntryKind.PERFORMANCE_MEASURED:
                self.add(entry.read(PartitionPerformance))
            elif entry.kind is EntryKind.PERFORMANCE_LOST:
                self.findings.append(entry.read(PerformanceFinding))
            elif entry.kind is EntryKind.PERFORMANCE_WARNED:
                self.warnings.append(entry.read(PerformanceWarning))

    def add(self, day: PartitionPerformance) -> None:
        """Take what was measured just now."""
        self._days[day.partition, day.version, day.standing, day.source] = day
        self._evidence.add(day.evidence)

    def knows(self, evidence: str) -> bool:
        """Whether the same was measured before."""
        return evidence in self._evidence

    def entry_of(self, partition: PartitionKey, version: str, source: ScoreSource) -> PartitionPerformance | None:
        """Return what labels said of scores from one source."""
        return self._days.get((partition, version, Standing.REALISED, source))

    def of_version(
        self, version: str, standing: Standing, *, min_rows: int = 0
    ) -> dict[PartitionKey, PartitionPerformance]:
        """Return what stands for each partition under a version, oldest first.

        Scores that were given come before those that were not, where there are rows enough to judge by.
        """
        found: dict[PartitionKey, PartitionPerformance] = {}
        for source in reversed(_PREFERENCE):
            for day in self._days.values():
                is_asked = (day.version, day.standing, day.source) == (version, standing, source)
                if is_asked and (day.rows >= min_rows or day.partition not in found):
                    found[day.partition] = day
        return dict(sorted(found.items()))

    def days(
        self, first: PartitionKey | None = None, last: PartitionKey | None = None
    ) -> Sequence[PartitionPerformance]:
        """Return all that stands between two partitions, by partition, then version; given scores come first.

        An estimate gives way to what labels say of the same partition and version.
        """
        realised = {(day.partition, day.version) for day in self._days.values() if not day.is_estimate and day.rows}
        return sorted(
            (
                day
                for day in self._days.values()
                if (first is None or day.partition >= first)
                and (last is None or day.partition <= last)
                and not (day.is_estimate and (day.partition, day.version) in realised)
            ),
            key=lambda day: (day.partition, day.version, _PREFERENCE.index(day.source), day.standing),
        )

    def estimate_of(self, day: PartitionPerformance) -> PartitionPerformance | None:
        """Return what was estimated of a partition and version before labels came."""
        return self.of_version(day.version, Standing.ESTIMATED).get(day.partition)

    def first_loss(self, version: str) -> PartitionKey | None:
        """Return the first partition of all findings about a version; None where there is no finding."""
        return min(
            (key for each in self.findings if each.champion == version for key in each.lost_partitions), default=None
        )

    def first_move(self, version: str) -> PartitionKey | None:
        """Return the first partition of all warnings that the scores of a version moved."""
        moves = [each for each in self.warnings if each.cause is CauseOfChange.PREDICTION_DRIFT]
        return min((key for each in moves if each.champion == version for key in each.partitions), default=None)
