"""History features of a partition's rows, from the accepted snapshots of earlier partitions."""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from titlebout.core.errors import FieldError, LakeConflictError, ObjectMissingError
from titlebout.core.history.group_sums import Question, SnapshotSums
from titlebout.core.history.past_statistics import groups_of, past_keys, past_statistic
from titlebout.core.history.row_groups import value_of_each, with_number
from titlebout.core.history.served_history import ServedHistory
from titlebout.core.layout import sums_path
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey, SnapshotRef
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.features_spec import HistoryFeature
from titlebout.core.specs.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

Features = Mapping[str, HistoryFeature]
_TO_SPARE = 8


class PastPartitions:
    """The snapshots that history features may be made of. Which partitions those of a row are, its own one decides.

    What a snapshot adds to a statistic is read from the file that `publish` wrote beside it; where that is missing or
    damaged, from the snapshot. Safe to use from several threads at once.
    """

    def __init__(self, spec: ModelSpec, lake: Lake, refs: Iterable[SnapshotRef]) -> None:
        """Take the accepted snapshots; none is read yet."""
        self._spec, self.lake = spec, lake
        self._refs = {ref.partition: ref for ref in refs}
        self._sums: OrderedDict[tuple[str, str], SnapshotSums] = OrderedDict()
        self._lock = Lock()
        # Partitions come in their order: what the features of one need, and a few for threads that run ahead.
        self._room = _TO_SPARE + sum(each.partitions + each.delay for each in spec.training.features.history.values())

    def joined(self, table: "pa.Table", partition: PartitionKey, features: Features) -> "pa.Table":
        """Return a partition's rows with a column for each history feature, from the partitions before it.

        Raises:
            FieldError: A column is no more in the spec, or a snapshot holds what cannot be added up.
            ObjectMissingError: The lake does not hold a snapshot.
            CorruptObjectError: Its bytes are not those that were ingested.
        """
        for name, feature in features.items():
            look_up = partial(past_statistic, feature, self._past(feature, partition))
            by = {column: self._type_of(column) for column in feature.by}
            table = with_number(table, name, value_of_each(table, by, look_up))
        return table

    def served(self, partition: PartitionKey, features: Features) -> dict[str, ServedHistory]:
        """Return what a model server answers for rows of a partition.

        Raises:
            The same errors as `joined`.
        """
        tables = {}
        for name, feature in features.items():
            past = self._past(feature, partition)
            values = ((group, past_statistic(feature, past, group)) for group in groups_of(past))
            known = {group: value for group, value in values if not math.isnan(value)}
            tables[name] = ServedHistory(
                feature=feature, partition=partition, groups=tuple(known), values=tuple(known.values())
            )
        return tables

    def used(self, partitions: Iterable[PartitionKey], features: Features) -> tuple[SnapshotRef, ...]:
        """Return the snapshots that the features of these partitions' rows are made of, oldest first."""
        keys = {key for each in partitions for feature in features.values() for key in past_keys(feature, each)}
        return tuple(self._refs[key] for key in sorted(keys) if key in self._refs)

    def publish(self, refs: Sequence[SnapshotRef], features: Features) -> None:
        """Write down once what snapshots add to the statistics; what is written already is left alone."""
        for question in {self._question(feature) for feature in features.values()}:
            for ref in refs:
                path = sums_path(ref, question.sha256)
                if not self.lake.has(path):
                    self._publish(path, self._sums_of(ref, question).document())

    def _publish(self, path: str, document: bytes) -> None:
        try:
            self.lake.publish(path, document)
        except LakeConflictError:
            # Of another release of this code, or damaged: whoever reads it notices the latter.
            return

    def _past(self, feature: HistoryFeature, partition: PartitionKey) -> list[SnapshotSums]:
        """Return the sums of the accepted snapshots that a feature of a partition's rows is made of, oldest first."""
        question, keys = self._question(feature), past_keys(feature, partition)
        return [self._sums_of(self._refs[key], question) for key in keys if key in self._refs]

    def _sums_of(self, ref: SnapshotRef, question: Question) -> SnapshotSums:
        """Return what a snapshot adds, from memory, from its file, or from its rows."""
        name = (ref.data_sha256, question.sha256)
        with self._lock:
            if name in self._sums:
                self._sums.move_to_end(name)
                return self._sums[name]
        sums = self._stored(ref, question) or SnapshotSums.of_rows(
            read_rows(self._spec, self.lake, ref), question, ref.data_sha256
        )
        with self._lock:
            self._sums[name] = sums
            if len(self._sums) > self._room:
                self._sums.popitem(last=False)
        return sums

    def _stored(self, ref: SnapshotRef, question: Question) -> SnapshotSums | None:
        try:
            document = self.lake.read(sums_path(ref, question.sha256))
        except ObjectMissingError:
            return None
        return SnapshotSums.opened(document, question, ref.data_sha256)

    def _question(self, feature: HistoryFeature) -> Question:
        by = tuple((name, self._type_of(name)) for name in feature.by)
        return Question(of=feature.of, of_type=self._type_of(feature.of), by=by)

    def _type_of(self, column: str) -> ColumnType:
        try:
            return self._spec.dataset.snapshot_columns[column]
        except KeyError:
            raise FieldError(column, "is no column of the spec any more") from None
