"""What is watched of a column: one number per partition for each measure, with sampling variance 1 / rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.bins import MIXED_KINDS, CategoryBins, bins_of, comparable, counts_in
from titlebout.core.drifting.column_profile import CategoryProfile, ColumnProfile, NumberProfile
from titlebout.core.drifting.number_sketch import places_of
from titlebout.core.drifting.past_windows import PastWindows

MISSING, NEW_VALUES = "missing", "new values"
SHAPES_OF_A_LEVEL = ("spread", "skew", "tails")
"""What a move of the location changes as well, by its square at least."""
_SHAPES = ("location", *SHAPES_OF_A_LEVEL)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measure:
    """One thing that is watched of a column, in standard deviations of a row.

    Attributes:
        name: What it is: `location`, `missing`, `share of rain`.
        past: float64, shape (n_past,): how far past partitions lay from their windows.
        past_noise: float64, shape (n_past,): the variance of that by rows alone.
        newest: float64, shape (n_newest,): how far the newest partitions lie from the reference.
        newest_noise: float64, shape (n_newest,).
    """

    name: str
    past: Numbers
    past_noise: Numbers
    newest: Numbers
    newest_noise: Numbers


def measures_of(
    reference: ColumnProfile, past: Sequence[ColumnProfile], newest: Sequence[ColumnProfile], windows: PastWindows
) -> list[Measure]:
    """Measure a column in past and newest partitions."""
    bins = bins_of(reference)
    counted = counts_in(bins, [reference, *past, *newest])
    present = np.array([each.present for each in (reference, *past, *newest)])
    rows = present + np.array([each.missing for each in (reference, *past, *newest)])
    held = _Held(windows, len(past))
    measures = [held.share(MISSING, rows - present, rows)]
    if isinstance(bins, CategoryBins):
        names = [*bins.names, "rare and new categories"]
        measures += [held.share(f"share of {name}", counted[:, at], present) for at, name in enumerate(names)]
    else:
        scores = _polynomials(counted[0])
        measures += [
            held.mean(name, counted @ scores[:, at], present)
            for name, at in zip(_SHAPES, range(scores.shape[1]), strict=False)
        ]
    return [*measures, held.novelty(reference, past, newest)]


class _Held:
    """Holds past partitions against their windows, and the newest against the reference.

    Arrays begin with the reference, then come the past partitions, then the newest.
    """

    def __init__(self, windows: PastWindows, past: int) -> None:
        self._windows, self._past = windows, past

    def mean(self, name: str, sums: Numbers, rows: NDArray[np.int64]) -> Measure:
        """Compare means of scores that have variance 1 in the reference."""
        window_sums, window_rows = self._of_windows(sums), self._of_windows(rows)
        return self._measure(name, _ratio(sums, rows), rows, _ratio(window_sums, window_rows), window_rows)

    def share(self, name: str, hits: NDArray[np.int64], rows: NDArray[np.int64]) -> Measure:
        """Compare shares on a scale on which their variance does not depend on the share.

        Source: J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd edition (1988), chapter 6: h.
        """
        window_hits, window_rows = self._of_windows(hits), self._of_windows(rows)
        shares, of_windows = _angle(_ratio(hits, rows)), _angle(_ratio(window_hits, window_rows))
        return self._measure(name, shares, rows, of_windows, window_rows)

    def novelty(
        self, reference: ColumnProfile, past: Sequence[ColumnProfile], newest: Sequence[ColumnProfile]
    ) -> Measure:
        """Count what a window never held: names, or numbers outside its range."""
        if isinstance(reference, CategoryProfile):
            hits = _unseen_names([each for each in past if isinstance(each, CategoryProfile)], self._windows)
        else:
            hits = _unseen_numbers([each for each in past if isinstance(each, NumberProfile)], self._windows)
        hits += [unseen_rows(reference, each) for each in newest]
        rows = np.array([past[at].present for at in self._windows.positions] + [each.present for each in newest])
        changes, noise = _angle(_ratio(np.array(hits), rows)), 1 / np.maximum(rows, 1)
        split = len(self._windows.positions)
        return Measure(NEW_VALUES, changes[:split], noise[:split], changes[split:], noise[split:])

    def _measure(
        self, name: str, values: Numbers, rows: NDArray[np.int64], of_windows: Numbers, window_rows: Numbers
    ) -> Measure:
        noise = 1 / np.maximum(rows, 1)
        at = 1 + np.array(self._windows.positions, dtype=np.int64)
        newest = slice(1 + self._past, None)
        return Measure(
            name,
            past=values[at] - of_windows,
            past_noise=noise[at] + 1 / np.maximum(window_rows, 1),
            newest=values[newest] - values[0],
            newest_noise=noise[newest] + noise[0],
        )

    def _of_windows(self, numbers: NDArray[np.int64] | Numbers) -> Numbers:
        reached = np.concatenate([[0.0], np.cumsum(numbers[1 : 1 + self._past])])
        found: Numbers = reached[list(self._windows.stops)] - reached[list(self._windows.starts)]
        return found


def _polynomials(reference: NDArray[np.int64]) -> Numbers:
    """Return scores of bins: polynomials of their rank, of mean 0 and variance 1 in the reference, uncorrelated.

    The mean score of a partition's rows says how far its location, spread, skew and tails are from the reference's;
    it does not matter how far away an outlier is.

    Source: J. Neyman, Smooth Test for Goodness of Fit, Skandinavisk Aktuarietidskrift 20 (1937).

    Returns:
        float64, shape (n_bins, at most 4).
    """
    degrees = min(len(_SHAPES), int(np.count_nonzero(reference)) - 1)
    if degrees < 1:  # one bin has no shape
        return np.empty((len(reference), 0))
    shares = reference / int(reference.sum())
    ranks = np.cumsum(shares) - shares / 2
    weights = np.sqrt(shares)
    powers = np.vander(2 * ranks - 1, degrees + 1, increasing=True)
    _, triangle = np.linalg.qr(powers * weights[:, None])
    # Solved for all bins, not divided by the weights: a bin that the reference leaves empty has a score too.
    scores: Numbers = np.linalg.solve(triangle.T, powers.T).T
    return scores[:, 1:]


def unseen_rows(reference: ColumnProfile, newest: ColumnProfile) -> int:
    """Count the rows whose value the reference never held: a new name, or a number outside its range."""
    if isinstance(reference, CategoryProfile) and isinstance(newest, CategoryProfile):
        known = reference.categories
        counts = comparable(newest.categories, is_grouped=known.is_grouped)
        return sum(count for name, count in counts.items() if name not in known.counts)
    if isinstance(reference, NumberProfile) and isinstance(newest, NumberProfile):
        return _out_of_range(newest, *_range(reference))
    raise TypeError(MIXED_KINDS)


def _unseen_numbers(past: Sequence[NumberProfile], windows: PastWindows) -> list[int]:
    ranges = np.array([_range(each) for each in past]).reshape(-1, 2)
    return [
        _out_of_range(past[at], float(ranges[start:stop, 0].min()), float(ranges[start:stop, 1].max()))
        for start, stop, at in zip(*windows, strict=True)
    ]


def _unseen_names(past: Sequence[CategoryProfile], windows: PastWindows) -> list[int]:
    is_grouped = any(each.categories.is_grouped for each in past)
    counts = [comparable(each.categories, is_grouped=is_grouped) for each in past]
    seen, start, stop, found = Counter[str](), 0, 0, []
    for first, last, at in zip(*windows, strict=True):
        while stop < last:
            seen.update(counts[stop].keys())
            stop += 1
        while start < first:
            seen.subtract(counts[start].keys())
            start += 1
        found.append(sum(count for name, count in counts[at].items() if not seen[name]))
    return found


def _range(profile: NumberProfile) -> tuple[float, float]:
    """Return the smallest and the largest number; of none infinity and minus infinity."""
    low, high = profile.moments.smallest, profile.moments.largest
    return np.inf if low is None else low, -np.inf if high is None else high


def _out_of_range(profile: NumberProfile, low: float, high: float) -> int:
    if low > high:  # no number was seen, so each is new
        return profile.present
    return profile.sketch.outside(*places_of(np.array([low, high])).tolist())


def _ratio(sums: NDArray[np.int64] | Numbers, rows: NDArray[np.int64] | Numbers) -> Numbers:
    ratio: Numbers = sums / np.maximum(rows, 1)
    return ratio


def _angle(shares: Numbers) -> Numbers:
    angles: Numbers = 2 * np.arcsin(np.sqrt(np.clip(shares, 0, 1)))
    return angles
