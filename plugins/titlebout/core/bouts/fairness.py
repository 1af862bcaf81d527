"""Whether a challenger treats groups of rows alike: the gap of a metric between them, by the metrics of Fairlearn."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.metrics import Floats
from titlebout.core.errors import first_few
from titlebout.core.specs.comparison_spec import ComparisonSection, FairnessMetric, FairnessSection

Measure = Callable[[Floats, Floats], float]
_SHOWN_GROUPS = 5


@dataclass(frozen=True)
class GroupGap:
    """How far apart a metric is between groups.

    Attributes:
        size: Largest less smallest value; NaN where it is not defined on some group.
        words: The two groups that are furthest apart, and their values.
    """

    size: float
    words: str


def fairness_checks(
    comparison: ComparisonSection, section: FairnessSection, blocks: Sequence[ScoredPartition]
) -> Iterator[BoutCheck]:
    """Check the gap between the groups of each column; there need not be a champion."""
    if not blocks:
        return
    labels = np.concatenate([block.labels for block in blocks])
    challenger = np.concatenate([block.challenger for block in blocks])
    champion = [block.champion for block in blocks if block.champion is not None]
    rivals = {"challenger": challenger}
    if len(champion) == len(blocks):
        rivals["champion"] = np.concatenate(champion)
    for column in section.by:
        yield _check(comparison, section, column, _Rows(labels, rivals, _groups(blocks, column)))


@dataclass(frozen=True)
class _Rows:
    """All holdout rows: labels, the scores of each model, and names of groups; one for each row."""

    labels: Floats
    scores: dict[str, Floats]
    groups: NDArray[np.object_]

    def only(self, chosen: NDArray[np.bool_]) -> "_Rows":
        """Return some of the rows."""
        scores = {name: each[chosen] for name, each in self.scores.items()}
        return _Rows(self.labels[chosen], scores, self.groups[chosen])


def _check(comparison: ComparisonSection, section: FairnessSection, column: str, rows: _Rows) -> BoutCheck:
    name = f"fairness {section.metric} by {column}"
    counted = rows.only(_counts(section.metric, rows.labels))
    found, sizes = np.unique(counted.groups.astype(str), return_counts=True)
    large = [str(group) for group, size in zip(found, sizes, strict=True) if size >= section.min_rows]
    present = [str(group) for group in np.unique(rows.groups.astype(str))]
    small = [group for group in present if group not in large]
    said = f"; not judged, with fewer than {section.min_rows} rows: {_listed(small)}" if small else ""
    if len(large) < 2:
        reason = f"{len(large)} groups have {section.min_rows} rows that count; two are needed{said}"
        return BoutCheck(name=name, state=CheckState.UNDECIDED, reason=reason, rows=len(rows.labels))
    judged = counted.only(np.isin(counted.groups.astype(str), large))
    measure = _measure(comparison, section)
    gaps = {who: group_gap(measure, judged.labels, scores, judged.groups) for who, scores in judged.scores.items()}
    state, reason = _judge(section, gaps["challenger"], gaps.get("champion"))
    return BoutCheck(
        name=name,
        state=state,
        reason=f"{reason}{said}",
        rows=len(judged.labels),
        challenger_error=gaps["challenger"].size,
        champion_error=gaps["champion"].size if "champion" in gaps else None,
    )


def group_gap(measure: Measure, labels: Floats, scores: Floats, groups: NDArray[np.object_]) -> GroupGap:
    """Measure each group and return how far the two furthest are apart.

    Source: Fairlearn, H. Weerts et al., Journal of Machine Learning Research 24 (2023) 1-8; its `MetricFrame` and
    the difference `between_groups`.

    Args:
        measure: Labels and scores of a group to a number.
        labels: float64, shape (n_rows,).
        scores: float64, shape (n_rows,) or (n_rows, n_classes).
        groups: Names of the groups, shape (n_rows,), of two groups or more.
    """
    # Brings pandas and scikit-learn, two seconds that only bouts with this check pay.
    from fairlearn.metrics import MetricFrame

    def of_rows(rows: Floats, _: Floats) -> float:
        chosen = np.asarray(rows, np.intp)
        return measure(labels[chosen], scores[chosen])

    # Places of rows instead of rows: scores of several classes are more than one number each.
    places = np.arange(len(labels))
    frame = MetricFrame(metrics=of_rows, y_true=places, y_pred=places, sensitive_features=groups.astype(str))
    values = {str(group): float(value) for group, value in frame.by_group.items()}
    if not all(math.isfinite(value) for value in values.values()):
        odd = [group for group, value in values.items() if not math.isfinite(value)]
        return GroupGap(math.nan, f"there is no number for {_listed(odd)}")
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    gap = float(frame.difference(method="between_groups"))
    return GroupGap(gap, f"{values[low]:.6g} for {low!r}, {values[high]:.6g} for {high!r}")


def _judge(section: FairnessSection, ours: GroupGap, theirs: GroupGap | None) -> tuple[CheckState, str]:
    """A gap that is no number never passes, and no gap of a champion excuses one beyond the limit."""
    if not math.isfinite(ours.size):
        return CheckState.UNDECIDED, ours.words
    said = f"gap {ours.size:.4g} ({ours.words}), {section.max_gap:.4g} at most"
    if ours.size > section.max_gap:
        return CheckState.BROKEN, said
    if theirs is None:
        return CheckState.HELD, said
    if not math.isfinite(theirs.size):
        return CheckState.UNDECIDED, f"of the champion {theirs.words}"
    said += f"; the champion's is {theirs.size:.4g}, {section.growth:.4g} more would be allowed"
    if ours.size > theirs.size + section.growth:
        return CheckState.BROKEN, said
    return CheckState.HELD, said


def _counts(metric: FairnessMetric, labels: Floats) -> NDArray[np.bool_]:
    """Return the rows that a metric rests on: a share of the positives says nothing where there are none."""
    match metric:
        case FairnessMetric.TRUE_POSITIVE_RATE:
            return np.asarray(labels == 1)
        case FairnessMetric.FALSE_POSITIVE_RATE:
            return np.asarray(labels == 0)
        case _:
            return np.ones(len(labels), bool)


def _measure(comparison: ComparisonSection, section: FairnessSection) -> Measure:
    """Return the metric; a score that is no number makes it none."""
    match section.metric:
        case FairnessMetric.ERROR:
            return lambda labels, scores: _error(comparison, np.asarray(labels), np.asarray(scores))
        case FairnessMetric.MEAN_PREDICTION:
            return lambda _, scores: float(np.mean(np.asarray(scores, float)))
        case _:
            # On the rows that count, the share that is selected is the rate, whichever of the three.
            return lambda _, scores: _selected(np.asarray(scores, float), section.threshold)


def _error(comparison: ComparisonSection, labels: Floats, scores: Floats) -> float:
    return whole_error(block_errors(comparison.metric, [(labels, scores)], quantile=comparison.quantile), 1)


def _selected(scores: Floats, threshold: float) -> float:
    return math.nan if np.isnan(scores).any() else float(np.mean(scores >= threshold))


def _groups(blocks: Sequence[ScoredPartition], column: str) -> NDArray[np.object_]:
    parts = [np.array(block.groups[column].values, dtype=object)[block.groups[column].codes] for block in blocks]
    joined: NDArray[np.object_] = np.concatenate(parts)
    return joined


def _listed(names: Sequence[str]) -> str:
    return first_few([repr(name) for name in names], _SHOWN_GROUPS)
