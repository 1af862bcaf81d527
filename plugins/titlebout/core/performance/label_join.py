"""Joins labels to scored rows by key, from deliveries that may hold a key twice, late, or not at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

_AT, _LABEL, _ONE = "__at", "__label", "__one"


class KeyedLabels(NamedTuple):
    """The labels of one delivery.

    Attributes:
        keys: Key columns.
        labels: float64, shape (n_rows,); NaN is missing.
    """

    keys: "pa.Table"
    labels: Floats


class FoundLabels(NamedTuple):
    """What was found for scored rows; each row is exactly one of labelled, waiting, unknown and contradicted.

    Attributes:
        labels: float64, shape (n_rows,); NaN where there is none to be held against.
        waiting: Rows whose key is known and whose label is missing.
        unknown: Rows whose key no delivery has.
        contradicted: Rows whose key one delivery has several times, with different labels.
        doubled: Further rows of keys that were found and that say the same.
    """

    labels: Floats
    waiting: int
    unknown: int
    contradicted: int
    doubled: int


def find_labels(keys: "pa.Table", deliveries: Sequence[KeyedLabels]) -> FoundLabels:
    """Find the label of each scored row.

    Where several deliveries have a key, the first one that says something of it counts, so they come newest first.
    A delivery that contradicts itself about a key says nothing that could be trusted, and none before it is asked.

    Args:
        keys: Key columns of the scored rows; each key at most once. A key with a missing part is unknown.
        deliveries: Where to look, newest first.
    """
    rows = keys.num_rows
    labels, doubled = np.full(rows, np.nan), 0
    is_known, is_contradicted = np.zeros(rows, bool), np.zeros(rows, bool)
    for delivery in deliveries:
        at, low, high, times = _matched(keys, delivery)
        is_open = np.isnan(labels[at]) & ~is_contradicted[at]
        at, low, high, times = at[is_open], low[is_open], high[is_open], times[is_open]
        is_known[at] = True
        differs = low != high  # NaN differs from itself: a missing label is no contradiction
        is_contradicted[at] = differs & ~np.isnan(low)
        labels[at] = np.where(differs, np.nan, low)
        doubled += int((times[~is_contradicted[at]] - 1).sum())
    is_waiting = is_known & np.isnan(labels) & ~is_contradicted
    return FoundLabels(labels, int(is_waiting.sum()), int((~is_known).sum()), int(is_contradicted.sum()), doubled)


def _matched(keys: "pa.Table", delivery: KeyedLabels) -> tuple[NDArray[np.int64], Floats, Floats, NDArray[np.int64]]:
    """Return which rows a delivery knows: their places, smallest and largest label, and how often it has the key."""
    import pyarrow as pa

    names = keys.column_names
    said = delivery.keys.append_column(_LABEL, pa.array(delivery.labels, from_pandas=True))
    said = said.append_column(_ONE, pa.array(np.ones(said.num_rows, np.int64)))
    groups = said.group_by(names, use_threads=False).aggregate([(_LABEL, "min"), (_LABEL, "max"), (_ONE, "sum")])
    asked = keys.cast(delivery.keys.select(names).schema).append_column(_AT, pa.array(np.arange(keys.num_rows)))
    found = asked.join(groups, keys=names, join_type="inner", use_threads=False)
    low, high = (found[f"{_LABEL}_{which}"].to_numpy().astype(np.float64) for which in ("min", "max"))
    return found[_AT].to_numpy(), low, high, found[f"{_ONE}_sum"].to_numpy()
