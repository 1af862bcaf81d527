"""Histograms and distances of a column, from the profiles of the newest partitions and of the reference."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drift_accounts.drift_account import DistanceAccount, DistributionAccount, ShareAccount
from titlebout.core.drifting.bins import MIXED_KINDS, bins_of, comparable, counts_in
from titlebout.core.drifting.column_profile import CategoryProfile, ColumnProfile, NumberProfile
from titlebout.core.drifting.distances import jensen_shannon, kolmogorov_smirnov, population_stability, wasserstein
from titlebout.core.drifting.measures import unseen_rows
from titlebout.core.drifting.number_sketch import NumberSketch

NUMBER_BINS = 24
TOP_CATEGORIES = 10
MAX_NAME_CHARACTERS = 80
_REFERENCE_TAIL, _NEWEST_TAIL = 0.005, 0.05
"""Numbers beyond these quantiles are drawn in the outermost bins: one outlier among a few rows must not hide them."""
_DIGITS = 6

Numbers = NDArray[np.float64]


def distribution_of(reference: ColumnProfile, newest: ColumnProfile) -> DistributionAccount:
    """Put a column of the newest partitions beside the reference."""
    if isinstance(reference, CategoryProfile) and isinstance(newest, CategoryProfile):
        bins = _categories(reference, newest)
    elif isinstance(reference, NumberProfile) and isinstance(newest, NumberProfile):
        bins = _numbers(reference.sketch, newest.sketch)
    else:
        raise TypeError(MIXED_KINDS)
    missing = [_share(each.missing, each.missing + each.present) for each in (reference, newest)]
    return DistributionAccount(
        is_numeric=isinstance(reference, NumberProfile),
        bins=bins,
        missing=ShareAccount("missing", *missing),
        unseen=ShareAccount("new values", 0.0, _share(unseen_rows(reference, newest), newest.present)),
        is_grouped=isinstance(reference, CategoryProfile) and reference.categories.is_grouped,
    )


def distances_of(reference: ColumnProfile, newest: ColumnProfile) -> DistanceAccount:
    """Calculate the usual distances; of categories there is none that knows an order."""
    theirs, ours = counts_in(bins_of(reference), [reference, newest])
    if not theirs.sum() or not ours.sum():
        return DistanceAccount()
    ordered: tuple[float | None, float | None] = (None, None)
    if isinstance(reference, NumberProfile) and isinstance(newest, NumberProfile):
        sketches = newest.sketch, reference.sketch
        ordered = _known(kolmogorov_smirnov(*sketches)), _known(wasserstein(*sketches))
    return DistanceAccount(
        population_stability=_known(population_stability(ours, theirs)),
        jensen_shannon=_known(jensen_shannon(ours, theirs)),
        kolmogorov_smirnov=ordered[0],
        wasserstein=ordered[1],
    )


def _known(distance: float) -> float | None:
    return float(f"{distance:.{_DIGITS}g}") if math.isfinite(distance) else None


def _share(hits: int, rows: int) -> float:
    return round(hits / rows, _DIGITS) if rows else 0.0


def _categories(reference: CategoryProfile, newest: CategoryProfile) -> tuple[ShareAccount, ...]:
    """Return the most frequent names of either side, and all others together."""
    is_grouped = reference.categories.is_grouped
    both = [Counter(comparable(each.categories, is_grouped=is_grouped)) for each in (reference, newest)]
    rows = [max(each.total(), 1) for each in both]
    sides = list(zip(both, rows, strict=True))
    largest = {name: max(counts[name] / total for counts, total in sides) for name in {*both[0], *both[1]}}
    top = sorted(largest, key=lambda name: (-largest[name], name))[:TOP_CATEGORIES]
    bins = [
        ShareAccount(
            name[:MAX_NAME_CHARACTERS], *(_share(counts[name], total) for counts, total in zip(both, rows, strict=True))
        )
        for name in sorted(top, key=lambda name: (-both[0][name], name))
    ]
    if len(largest) > len(top):
        rest = [counts.total() - sum(counts[name] for name in top) for counts in both]
        bins.append(ShareAccount("all others", *(_share(n, total) for n, total in zip(rest, rows, strict=True))))
    return tuple(bins)


def _numbers(reference: NumberSketch, newest: NumberSketch) -> tuple[ShareAccount, ...]:
    """Count both sides in intervals of equal width, or value by value where there are few different ones."""
    values = np.union1d(reference.values, newest.values)
    if not len(values):
        return ()
    if len(values) <= NUMBER_BINS:
        names = [f"{value:.6g}" for value in values.tolist()]
        shares = [_at(each, values) for each in (reference, newest)]
    else:
        edges = _edges(reference, newest)
        names = _interval_names(edges.tolist(), float(values[0]), float(values[-1]))
        shares = [_between(each, edges) for each in (reference, newest)]
    return tuple(ShareAccount(*each) for each in zip(names, shares[0].tolist(), shares[1].tolist(), strict=True))


def _edges(reference: NumberSketch, newest: NumberSketch) -> Numbers:
    sides = [(each, tail) for each, tail in ((reference, _REFERENCE_TAIL), (newest, _NEWEST_TAIL)) if each.rows]
    tails = np.array([each.quantiles([tail, 1 - tail]) for each, tail in sides])
    low, high = float(tails[:, 0].min()), float(tails[:, 1].max())
    if not low < high:  # all but the tails are one number
        values = np.union1d(reference.values, newest.values)
        low, high = float(values[0]), float(values[-1])
    return np.linspace(low, high, NUMBER_BINS + 1)


def _interval_names(edges: list[float], smallest: float, largest: float) -> list[str]:
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    if smallest < edges[0]:
        names[0] = f"below {edges[1]:.4g}"
    if largest > edges[-1]:
        names[-1] = f"{edges[-2]:.4g} and more"
    return names


def _at(sketch: NumberSketch, values: Numbers) -> Numbers:
    shares = np.zeros(len(values))
    shares[np.searchsorted(values, sketch.values)] = sketch.counts
    return (shares / max(sketch.rows, 1)).round(_DIGITS)


def _between(sketch: NumberSketch, edges: Numbers) -> Numbers:
    at = np.clip(np.searchsorted(edges, sketch.values, side="right") - 1, 0, len(edges) - 2)
    counted = np.bincount(at, weights=sketch.counts, minlength=len(edges) - 1)
    shares: Numbers = (counted / max(sketch.rows, 1)).round(_DIGITS)
    return shares
