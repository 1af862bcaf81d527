"""Measures partitions: finds their scores and labels, and notes what is not measured and why."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from titlebout.core.drifting.judgement import labels_are_due
from titlebout.core.errors import CorruptObjectError, FieldError, ObjectMissingError, PartitionUnreadableError
from titlebout.core.inference_log.log_reading import log_files, read_inference_log
from titlebout.core.learning.labels import target_values
from titlebout.core.ledgers.ledger import LedgerState, PartitionStatus
from titlebout.core.past_partitions import PastPartitions
from titlebout.core.performance.booking import Booking, booked, evidence_of
from titlebout.core.performance.given_scores import (
    GivenScores,
    batch_scores,
    logged_scores,
    versions_in,
    why_log_has_no_keys,
)
from titlebout.core.performance.label_join import KeyedLabels, find_labels
from titlebout.core.performance.performance_results import PartitionPerformance, ScoreSource
from titlebout.core.performance.recorded_performance import RecordedPerformance
from titlebout.core.performance.version_scores import VersionScores
from titlebout.core.ports import Lake
from titlebout.core.prediction_file import PartitionScores
from titlebout.core.results import PartitionKey, SnapshotRef, TrainedChallenger
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec

UNREADABLE = (FieldError, PartitionUnreadableError, CorruptObjectError, ObjectMissingError)


class MeasuredWorld(NamedTuple):
    """What is measured by.

    Attributes:
        files: What `score_partition` wrote.
        recorded: What was measured before.
        version: Reads the manifest of a version by its name, and proves it.
    """

    spec: ModelSpec
    lake: Lake
    state: LedgerState
    files: Sequence[PartitionScores]
    recorded: RecordedPerformance
    version: Callable[[str], TrainedChallenger]
    threads: int


class Measuring:
    """Measures partitions of which something is new; what is left out is noted."""

    def __init__(self, world: MeasuredWorld, champion: TrainedChallenger) -> None:
        """Take what is measured by, and the champion: only of it rows are scored that nobody had scored."""
        self._world, self._spec = world, world.spec
        self.notes = list[str]()
        self._accepted = world.state.keys(PartitionStatus.ACCEPTED)
        self._past = PastPartitions(world.spec, world.lake, (self.ref(key) for key in self._accepted))
        self._newest = max(world.state.partitions, default="")
        self._versions = {champion.version: self._scoring(champion)}
        self.champion = self._versions[champion.version]
        self._last_trained = champion.proof.training[-1].partition

    def ref(self, key: PartitionKey) -> SnapshotRef:
        """Return the newest revision of a partition."""
        return self._world.state.partitions[key].ref()

    def are_labels_due(self, key: PartitionKey) -> bool:
        """Whether a partition's labels can be known by now; what is known too early is not looked at."""
        return labels_are_due(self._spec, key, self._newest)

    @cached_property
    def logged(self) -> Mapping[PartitionKey, Sequence[str]]:
        """Partitions of the log since the champion's rows that can be joined with labels, and their files' names."""
        files: dict[str, list[str]] = {}
        # Once, not once for each partition.
        for path in log_files(self._world.lake, self._spec.name, since=self._last_trained):
            *_, key, name = path.split("/")
            files.setdefault(key, []).append(name)
        if files and (problem := why_log_has_no_keys(self._spec)):
            self.notes.append(problem)
            return {}
        return files

    def realised(self, key: PartitionKey) -> Iterator[PartitionPerformance]:
        """Yield what labels say of the scores of one partition and was not said before."""
        # A day that is not over goes on growing, and each look at it would be an entry that soon says nothing.
        if key in self.logged and key <= self._newest:
            yield from self._of_log(key)
        if key not in self._accepted or not self.are_labels_due(key):
            return
        try:
            yield from self._of_snapshot(key)
        except UNREADABLE as error:
            self.notes.append(f"{key} is left out: {error}")

    def _of_snapshot(self, key: PartitionKey) -> Iterator[PartitionPerformance]:
        given = self.given_file(key)
        if given and (measured := self._of_file(key, given)):
            yield measured
        is_covered = given is not None and given.version == self.champion.version
        if not is_covered and not self._is_logged_enough(key) and (measured := self._replayed(key)):
            yield measured

    def given_file(self, key: PartitionKey) -> PartitionScores | None:
        """Return the newest scores by the version that served when a partition ended."""
        served = self._world.state.served_at(self._spec.calendar.bounds(key)[1])
        found = [
            file for file in self._world.files if served and (file.partition, file.version) == (key, served.version)
        ]
        return found[-1] if found and not found[-1].has_learned else None

    def _is_logged_enough(self, key: PartitionKey) -> bool:
        least = self._spec.performance.min_rows
        logged = self._world.recorded.entry_of(key, self.champion.version, ScoreSource.LOG)
        return logged is not None and logged.rows >= least

    def _of_file(self, key: PartitionKey, file: PartitionScores) -> PartitionPerformance | None:
        evidence = evidence_of(self._spec, "batch", file.version, file.scores_sha256, self.ref(key).data_sha256)
        version = self._version(file.version, key)
        if self._world.recorded.knows(evidence) or version is None:
            return None
        given = batch_scores(self._spec, self._world.lake, file, version)
        booking = Booking(key, version.version, ScoreSource.BATCH, (key,), evidence, key in version.holdout)
        return self._joined(booking, given)

    def _replayed(self, key: PartitionKey) -> PartitionPerformance | None:
        champion, ref = self.champion, self.ref(key)
        evidence = evidence_of(self._spec, "replayed", champion.version, ref.data_sha256)
        if self._world.recorded.knows(evidence):
            return None
        scored = champion.of_snapshot(ref)
        given = GivenScores(scored.rows.select(list(self._spec.dataset.key_columns)), scored.scores)
        booking = Booking(key, champion.version, ScoreSource.REPLAYED, (key,), evidence, key in champion.holdout)
        return self._joined(booking, given)

    def _of_log(self, key: PartitionKey) -> Iterator[PartitionPerformance]:
        calendar, lake, spec = self._spec.calendar, self._world.lake, self._spec
        number = calendar.number(key)
        nearby = {calendar.key(each) for each in range(number - 1, number + spec.performance.label_partitions + 1)}
        labels_from = tuple(each for each in self._accepted if each in nearby and self.are_labels_due(each))
        hashes = [self.ref(each).data_sha256 for each in labels_from]
        evidence = evidence_of(spec, "log", key, self.logged[key], hashes)
        if not labels_from or self._world.recorded.knows(evidence):
            return
        try:
            log = read_inference_log(lake, spec.name, key)
            found = [version for name in versions_in(log) if (version := self._version(name, key))]
            versions = [version for version in found if not self._is_learned(key, version)]
            for version in versions:
                # The last one proves that the whole log was read: a look may die between two entries.
                proof = evidence if version is versions[-1] else evidence_of(spec, evidence, version.version)
                is_holdout = key in version.holdout
                booking = Booking(key, version.version, ScoreSource.LOG, labels_from, proof, is_holdout)
                yield self._joined(booking, logged_scores(spec, log, version))
        except UNREADABLE as error:
            self.notes.append(f"log of {key} is left out: {error}")

    def _is_learned(self, key: PartitionKey, version: VersionScores) -> bool:
        """Whether a version answered on a day that it was trained on: a clock was wrong, or days were replayed."""
        if version.has_learned(key):
            self.notes.append(f"log of {key}: {version.version} was trained on that day; its answers prove nothing")
        return version.has_learned(key)

    def _joined(self, booking: Booking, given: GivenScores) -> PartitionPerformance:
        deliveries = [self._labels(key) for key in reversed(booking.labels_from)]
        found = find_labels(given.keys, deliveries)
        own = self._world.state.partitions.get(booking.partition)
        rows = own.snapshot.rows if own and own.status is PartitionStatus.ACCEPTED else 0
        unscored = max(rows - len(given.scores), 0)
        return booked(self._spec, self._world.lake, booking, given, found, unscored=unscored)

    def _labels(self, key: PartitionKey) -> KeyedLabels:
        rows = read_rows(self._spec, self._world.lake, self.ref(key))
        return KeyedLabels(rows.select(list(self._spec.dataset.key_columns)), target_values(self._spec, rows))

    def _version(self, name: str, key: PartitionKey) -> VersionScores | None:
        if name not in self._versions:
            try:
                self._versions[name] = self._scoring(self._world.version(name))
            except UNREADABLE:
                self.notes.append(f"{key}: scores of {name} are left out, the lake holds no such version")
                return None
        return self._versions[name]

    def _scoring(self, manifest: TrainedChallenger) -> VersionScores:
        return VersionScores(self._spec, self._past, manifest, threads=self._world.threads)
