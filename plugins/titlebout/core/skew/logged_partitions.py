"""Finds the rows of the inference log that are about a partition."""

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.errors import PartitionKeyError
from titlebout.core.inference_log.log_reading import read_inference_log
from titlebout.core.inference_log.log_tables import FIELD_PREFIX
from titlebout.core.partitions import shift_key
from titlebout.core.ports import Lake
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.results import PartitionKey
from titlebout.core.specs.dataset_spec import TIMES, ColumnType
from titlebout.core.specs.spec import ModelSpec


@dataclass
class LoggedPartitions:
    """Partitions of a model's inference log, each read once.

    A partition of the log holds what was *answered* in it. Where the time column is a field that the log holds as it
    is, every row says itself of which partition it speaks; then a forecast made the day before counts, and so does a
    row that a server with a wrong clock booked on the neighbouring day.
    """

    spec: ModelSpec
    lake: Lake
    _read: dict[PartitionKey, pa.Table] = field(default_factory=dict)

    def logged(self, partition: PartitionKey) -> pa.Table:
        """Return everything that was logged in a partition, in whatever role.

        Raises:
            CorruptObjectError: A file is not what was published.
            UnavailableError: The lake does not answer.
        """
        if partition not in self._read:
            self._read[partition] = read_inference_log(self.lake, self.spec.name, partition)
        return self._read[partition]

    def answered_about(self, partition: PartitionKey) -> pa.Table:
        """Return the rows that somebody was answered and that speak of a partition.

        Raises:
            The same errors as `logged`.
        """
        tables: list[pa.Table] = []
        for key in (partition, *_neighbours(partition)):
            table = self.logged(key)
            if not self._tells_its_time(table):
                if key == partition:  # when it was answered is all that is known
                    return _answered(table)
                continue
            mine = _answered(table.filter(self._speaks_of(table, partition)))
            if mine.num_rows and all(_agree(mine.schema, each.schema) for each in tables):
                tables.append(mine)
        return pa.concat_tables(tables, promote_options="default") if tables else self.logged(partition).slice(0, 0)

    def _tells_its_time(self, table: pa.Table) -> bool:
        name = FIELD_PREFIX + self.spec.dataset.time_column
        if not table.num_rows:
            return True  # so its neighbours are looked at
        declared = self.spec.dataset.snapshot_columns[self.spec.dataset.time_column]
        return declared in TIMES and name in table.column_names and table[name].type == ARROW_TYPES[declared]

    def _speaks_of(self, table: pa.Table, partition: PartitionKey) -> pa.ChunkedArray:
        name, dataset = FIELD_PREFIX + self.spec.dataset.time_column, self.spec.dataset
        if not table.num_rows:
            return pa.chunked_array([], pa.bool_())
        declared = dataset.snapshot_columns[dataset.time_column]
        calendar = self.spec.calendar
        first, end = calendar.days(partition) if declared is ColumnType.DATE else calendar.bounds(partition)
        kind = ARROW_TYPES[declared]
        from_then = pc.greater_equal(table[name], pa.scalar(first, kind))
        return pc.fill_null(pc.and_(from_then, pc.less(table[name], pa.scalar(end, kind))), False)


def _neighbours(partition: PartitionKey) -> list[PartitionKey]:
    """Return the partitions before and after one; fewer at the ends of the calendar."""
    found = []
    for step in (-1, 1):
        try:
            found.append(shift_key(partition, step))
        except PartitionKeyError:
            continue
    return found


def _agree(schema: pa.Schema, other: pa.Schema) -> bool:
    """Whether no column of both has two types: a policy that was changed makes texts of values."""
    shared = set(schema.names) & set(other.names)
    return all(schema.field(name).type == other.field(name).type for name in shared)


def _answered(table: pa.Table) -> pa.Table:
    """Leave out what nobody was answered: the same rows stand beside it."""
    return table.filter(pc.not_equal(table["role"], pa.scalar(ReleaseRole.SHADOW.value)))
