"""Joins rows of the inference log to the rows of a snapshot by key."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from titlebout.core.skew.compared_column import ComparedColumn

Places = NDArray[np.int64]


@dataclass(frozen=True)
class JoinedRows:
    """Which row of the log belongs to which row of the snapshot.

    Attributes:
        logged: Positions in the log, int64, shape (n_matched,), ascending.
        delivered: Positions in the snapshot, int64, of the same shape.
        unknown: Rows of the log under whose key nothing was delivered.
        ambiguous: Rows of the log under whose key several rows were delivered.
        keyless: Rows of the log that lack a part of their key.
        repeated: Matched rows whose key was asked before.
    """

    logged: Places
    delivered: Places
    unknown: int
    ambiguous: int
    keyless: int
    repeated: int


def joined(keys: Sequence[ComparedColumn]) -> JoinedRows:
    """Join by all key columns together, at least one."""
    logged, delivered = _codes(keys)
    order = np.argsort(delivered, kind="stable")
    first = np.searchsorted(delivered[order], logged, side="left")
    found = np.searchsorted(delivered[order], logged, side="right") - first
    has_key = logged >= 0
    places = np.flatnonzero(has_key & (found == 1))
    return JoinedRows(
        logged=places,
        delivered=order[first[places]],
        unknown=int(np.count_nonzero(has_key & (found == 0))),
        ambiguous=int(np.count_nonzero(has_key & (found > 1))),
        keyless=int(np.count_nonzero(~has_key)),
        repeated=len(places) - len(np.unique(logged[places])),
    )


def _codes(keys: Sequence[ComparedColumn]) -> tuple[Places, Places]:
    """Return one number for each key: equal numbers are equal keys; -1 where a part is missing, and -2 in a snapshot.

    A key of the log that no row of the snapshot has keeps a number of its own, so that repetitions can be counted.
    """
    rows = len(keys[0].logged)
    codes = np.zeros(rows + len(keys[0].delivered), dtype=np.int64)
    is_whole = np.ones(len(codes), dtype=np.bool_)
    for key in keys:
        values = pa.chunked_array([*_normal(key.logged).chunks, *_normal(key.delivered).chunks], key.logged.type)
        indices = values.dictionary_encode().unify_dictionaries().combine_chunks()
        part = pc.fill_null(indices.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        is_whole &= part >= 0
        _, codes = np.unique(codes * (len(indices.dictionary) + 1) + part + 1, return_inverse=True)
    codes = np.asarray(codes, dtype=np.int64)
    return np.where(is_whole[:rows], codes[:rows], -1), np.where(is_whole[rows:], codes[rows:], -2)


def _normal(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give -0.0 and 0.0 one name."""
    return pc.add(values, 0.0) if pa.types.is_floating(values.type) else values
