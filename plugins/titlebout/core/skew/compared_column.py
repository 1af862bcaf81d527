"""Brings a field of the inference log and the same column of a snapshot into one type, so that they can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.field_values import zone_of
from titlebout.core.inference_log.log_policy import hashed
from titlebout.core.inference_log.log_tables import FIELD_PREFIX
from titlebout.core.reading.arrow_types import ARROW_TYPES
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.serving_spec import ColumnPolicy
from titlebout.core.specs.spec import ModelSpec

_HASH = "^[0-9a-f]{32}$"


class NotComparableError(Exception):
    """A field of the log cannot be held against the delivered column; the message is why."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(why)
        self.column = column


@dataclass(frozen=True)
class ComparedColumn:
    """One column on both sides, in the same Arrow type.

    Attributes:
        logged: What the log holds, one value for each row of it.
        delivered: What the snapshot holds; hashes where the log holds hashes.
        is_hash: Whether only equality can be told.
    """

    name: str
    declared: ColumnType
    logged: pa.ChunkedArray
    delivered: pa.ChunkedArray
    is_hash: bool


@dataclass(frozen=True)
class ColumnsOfLog:
    """The fields of a log beside the columns of a snapshot.

    Attributes:
        rows: Rows of the snapshot, in their declared types.
        log_key: The secret of the hashes, if there is one.
    """

    spec: ModelSpec
    log: pa.Table
    rows: pa.Table
    log_key: str | None = None

    def compared(self, name: str) -> ComparedColumn:
        """Return both sides of a column.

        Raises:
            NotComparableError: The log does not hold the field, or holds hashes whose key is not known.
        """
        if name not in self._types:
            message = "is no column of the spec any more"
            raise NotComparableError(name, message)
        declared, logged = self._types[name], self._logged(name)
        if self._is_hashed(name, declared, logged):
            return ComparedColumn(name, declared, logged, self._hashes(name, declared), is_hash=True)
        if logged.type != ARROW_TYPES[declared]:
            message = f"is in the log as {logged.type}: its type or policy changed in between"
            raise NotComparableError(name, message)
        return ComparedColumn(name, declared, logged, self.rows[name], is_hash=False)

    def is_kept(self, name: str) -> bool:
        """Whether the log holds the values of a field as they were."""
        try:
            return not self.compared(name).is_hash
        except NotComparableError:
            return False

    @cached_property
    def _types(self) -> Mapping[str, ColumnType]:
        return self.spec.dataset.snapshot_columns

    def _logged(self, name: str) -> pa.ChunkedArray:
        if FIELD_PREFIX + name in self.log.column_names:
            return self.log[FIELD_PREFIX + name]
        if name not in self.spec.training.features.columns:
            message = "is no feature, so no request holds it"
        elif self._policy(name) is ColumnPolicy.DROP:
            message = "is dropped by serving.log.columns"
        else:
            message = "is not in the log"
        raise NotComparableError(name, message)

    def _is_hashed(self, name: str, declared: ColumnType, logged: pa.ChunkedArray) -> bool:
        """Whether the log holds hashes; it does not say so, and the policy may have been another one then.

        Raises:
            NotComparableError: Some are hashes and some are not.
        """
        if not pa.types.is_string(logged.type):
            return False
        present = logged.drop_null()
        hashes = pc.sum(pc.match_substring_regex(present, _HASH)).as_py() or 0
        if not hashes or not len(present):
            return False
        if declared is ColumnType.TEXT and pc.any(pc.match_substring_regex(self.rows[name], _HASH)).as_py():
            return self._policy(name) is ColumnPolicy.HASH  # what is delivered looks like hashes itself
        if hashes < len(present):
            message = "is hashed in a part of the log only: its policy changed in between"
            raise NotComparableError(name, message)
        return True

    def _hashes(self, name: str, declared: ColumnType) -> pa.ChunkedArray:
        """Hash the delivered values, each distinct one once.

        Raises:
            NotComparableError: Nobody gave the key.
        """
        if not self.log_key:
            message = f"is hashed, and the key in {self.spec.serving.log.key_conn_id} is not known here"
            raise NotComparableError(name, message)
        zone = zone_of(self.spec.schedule.timezone)
        distinct = pc.unique(self.rows[name]).drop_null()
        values = SnapshotColumn(pa.table({name: distinct}), name, declared, zone).json_values()
        hashes = [hashed(self.log_key, name, value, declared, zone) for value in values]
        places = pc.index_in(self.rows[name], value_set=distinct)  # null where the value is missing
        return pc.take(pa.chunked_array([pa.array(hashes, pa.string())]), places)

    def _policy(self, name: str) -> ColumnPolicy:
        log = self.spec.serving.log
        return log.of_named.get(name, log.of_others)
