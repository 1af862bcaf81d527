"""Compares the values of one feature in the log with the delivered ones, row by row."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import JsonValue

from titlebout.core.arrow_columns import SnapshotColumn
from titlebout.core.candidates.judged_answers import TOLERANCE
from titlebout.core.features import FeaturePlan
from titlebout.core.field_values import category_text, zone_of
from titlebout.core.skew.compared_column import ComparedColumn
from titlebout.core.skew.joined_rows import Places
from titlebout.core.skew.skew_report import MOST_EXAMPLES, FieldSkew, SkewExample
from titlebout.core.specs.dataset_spec import MEASURES, TIMES, ColumnType

Mask = NDArray[np.bool_]
_MICROSECONDS = 1e6


class Pairs(NamedTuple):
    """Rows of the log and of the snapshot that belong together.

    Attributes:
        logged: Positions in the log.
        delivered: Positions in the snapshot, of the same shape.
    """

    logged: Places
    delivered: Places


class ComparedValues:
    """Values of a feature in rows that belong together.

    Numbers differ where they are further apart than 1e-6, as a share of the delivered one where that is above 1:
    less no model sees, as it knows seven digits. Everything else differs where it is not equal.
    """

    def __init__(self, column: ComparedColumn, pairs: Pairs) -> None:
        """Take both sides of a column and which rows belong together."""
        self.column = column
        self.logged = column.logged.take(pa.array(pairs.logged))
        self.delivered = column.delivered.take(pa.array(pairs.delivered))

    @cached_property
    def only_logged(self) -> Mask:
        """Where nothing was delivered, and the log holds a value."""
        return ~_mask(self.logged.is_null()) & _mask(self.delivered.is_null())

    @cached_property
    def only_delivered(self) -> Mask:
        """Where the log holds nothing, and a value was delivered."""
        return _mask(self.logged.is_null()) & ~_mask(self.delivered.is_null())

    @cached_property
    def both(self) -> Mask:
        """Where both sides hold a value."""
        return ~_mask(self.logged.is_null()) & ~_mask(self.delivered.is_null())

    @cached_property
    def is_unequal(self) -> Mask:
        """Where both sides hold a value and those differ."""
        if self.column.declared is ColumnType.NUMBER and not self.column.is_hash:
            wanted = _numbers(self.delivered)
            # Not `apart > allowed`: NaN has to count as a difference.
            return self.both & ~(np.abs(_numbers(self.logged) - wanted) <= TOLERANCE * np.maximum(1, np.abs(wanted)))
        return self.both & ~_mask(pc.equal(self.logged, self.delivered))

    @cached_property
    def differs(self) -> Mask:
        """Where the two sides are not the same."""
        return self.is_unequal | self.only_logged | self.only_delivered

    def sizes(self) -> NDArray[np.float64]:
        """Return how far unequal values are apart: in the column's unit, days or seconds; of texts nothing."""
        declared = self.column.declared
        if self.column.is_hash or declared not in MEASURES | TIMES:
            return np.empty(0)
        whole = pa.int32() if declared is ColumnType.DATE else pa.int64()
        sides = [
            _numbers(side if declared is ColumnType.NUMBER else side.cast(whole))
            for side in (self.logged, self.delivered)
        ]
        apart: NDArray[np.float64] = np.abs(sides[0] - sides[1])[self.is_unequal]
        return apart / _MICROSECONDS if declared is ColumnType.TIMESTAMP else apart

    def other_differs(self, plan: FeaturePlan | None) -> int:
        """Count where one side is a category that a version knows and the other one is *other*."""
        if plan is None or self.column.name not in plan.vocabularies or self.column.is_hash:
            return 0
        sides = [_is_known(values, self.column, plan) for values in (self.logged, self.delivered)]
        return int(np.count_nonzero(self.both & (sides[0] != sides[1])))


def compare_field(values: ComparedValues, plan: FeaturePlan | None) -> FieldSkew:
    """Sum up how a feature differs; `plan` is that of the version that answered, where it is known."""
    sizes = values.sizes()
    return FieldSkew(
        column=values.column.name,
        compared=len(values.logged),
        differing=int(np.count_nonzero(values.differs)),
        only_logged=int(np.count_nonzero(values.only_logged)),
        only_delivered=int(np.count_nonzero(values.only_delivered)),
        other_differs=values.other_differs(plan),
        largest=float(sizes.max()) if len(sizes) else None,
        typical=float(np.median(sizes)) if len(sizes) else None,
        is_hash=values.column.is_hash,
    )


def examples_of(
    values: ComparedValues, pairs: Pairs, keys: Mapping[str, ComparedColumn], request_ids: Sequence[str]
) -> tuple[SkewExample, ...]:
    """Return the first rows in which a feature differs."""
    return tuple(
        SkewExample(
            request_id=str(request_ids[place_in_log]),
            keys={name: _shown(key.logged[place_in_log]) for name, key in keys.items()},
            logged=_shown(values.logged[place]),
            recomputed=_shown(values.delivered[place]),
        )
        for place in np.flatnonzero(values.differs)[:MOST_EXAMPLES].tolist()
        for place_in_log in [int(pairs.logged[place])]
    )


def _is_known(values: pa.ChunkedArray, column: ComparedColumn, plan: FeaturePlan) -> Mask:
    known = frozenset(plan.vocabularies[column.name])
    side = SnapshotColumn(pa.table({column.name: values}), column.name, column.declared, zone_of(plan.timezone))
    found: Mask = side.map(lambda value: float(category_text(value, column.declared) in known)) == 1
    return found


def _mask(values: pa.ChunkedArray) -> Mask:
    found: Mask = pc.fill_null(values, False).to_numpy().astype(np.bool_)
    return found


def _numbers(values: pa.ChunkedArray) -> NDArray[np.float64]:
    found: NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy()
    return found


def _shown(value: pa.Scalar) -> JsonValue:
    found = value.as_py()
    return found if found is None or isinstance(found, str | int | float | bool) else found.isoformat()
