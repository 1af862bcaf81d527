"""The seasonal naive forecast: what was there at the same weekday and hour of the last known week."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from titlebout.core.cadences import Cadence
from titlebout.core.learning.labels import target_values
from titlebout.core.learning.tail_trials import TailTrials
from titlebout.core.partitions import calendar_of, days_apart
from titlebout.core.ports import Lake
from titlebout.core.results import SnapshotRef
from titlebout.core.snapshot_rows import read_rows
from titlebout.core.specs.spec import ModelSpec

_WEEK_DAYS = 7
MAX_ROWS = 200_000
"""Rows are looked up one by one: where a week and the tail hold more, there is no such rung."""
_MIN_FOUND = 0.9


def seasonal_scores(spec: ModelSpec, lake: Lake, trials: TailTrials, constant: float) -> NDArray[np.float64] | str:
    """Score the tail by the newest week before it.

    Rows are the same if weekday, hour and all other key columns are; what has no counterpart gets the constant.

    Returns:
        float64, shape (n_tail_rows,); or why there is no such forecast.
    """
    if spec.dataset.cadence not in {Cadence.DAILY, Cadence.HOURLY}:
        return f"a {spec.dataset.cadence} cadence has no weekdays"
    first = trials.tail[0].partition
    week = [ref for ref in trials.learned if days_apart(ref.partition, first) <= _WEEK_DAYS]
    rows = sum(ref.rows for ref in (*week, *trials.tail))
    if rows > MAX_ROWS or sum(map(len, trials.tail_labels)) < sum(ref.rows for ref in trials.tail):
        return f"{rows} rows are more than are looked up one by one"
    known = defaultdict[tuple[object, ...], list[float]](list)
    for place, label in _rows(spec, lake, week):
        known[place].append(label)
    means = {place: fmean(labels) for place, labels in known.items()}
    found = [means.get(place) for place, _ in _rows(spec, lake, trials.tail)]
    share = sum(each is not None for each in found) / len(found)
    if share < _MIN_FOUND:
        return f"only {share:.0%} of the rows have a counterpart a week before"
    return np.array([constant if each is None else each for each in found])


def _rows(spec: ModelSpec, lake: Lake, refs: Sequence[SnapshotRef]) -> Iterator[tuple[tuple[object, ...], float]]:
    """Yield for each row its place in the week, and its label."""
    time_column = spec.dataset.time_column
    names = [name for name in spec.dataset.key_columns if name != time_column]
    for ref in refs:
        weekday = calendar_of(ref.partition).days(ref.partition)[0].weekday()
        hour = ref.partition.partition("T")[2]
        table = read_rows(spec, lake, ref)
        times = [_time_of_day(moment) for moment in table[time_column].to_pylist()]
        others = [table[name].to_pylist() for name in names]
        labels = target_values(spec, table).tolist()
        for time, label, *keys in zip(times, labels, *others, strict=True):
            yield (weekday, hour, time, *keys), label


def _time_of_day(moment: object) -> object:
    return moment.time() if isinstance(moment, datetime) else None
