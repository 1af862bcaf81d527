"""Builds the profile of a stream of numbers, in memory that does not grow with the rows."""

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.column_profile import NumberProfile
from titlebout.core.drifting.dense_counts import MOST_DENSE_BITS, dense_index, dense_size, densely_counted, sketched
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import LARGEST, NumberSketch

_FIRST_ROWS = 4096

Numbers = NDArray[np.float64]


class NumberTally:
    """Counts numbers, in the same way as adding up the sketches and moments of all pieces, and some times as fast.

    As soon as numbers turn out to be many, each piece is counted by one pass over a table that has a place for every
    code, and everything rare is noticed there: infinity, NaN, a number beyond the range so far.
    """

    def __init__(self) -> None:
        self._missing = 0
        self._moments = Moments()
        self._sketch = NumberSketch()
        self._dense: NDArray[np.int64] | None = None
        self._dense_bits = 0

    def profile(self) -> NumberProfile:
        """Return the profile of all pieces so far."""
        dense = NumberSketch() if self._dense is None else sketched(self._dense, self._dense_bits)
        return NumberProfile(missing=self._missing, moments=self._moments, sketch=self._sketch + dense)

    def add(self, numbers: Numbers) -> None:
        """Count one piece of rows.

        NaN is missing.

        Raises:
            ValueError: A number is infinite or beyond float32.
        """
        if not self._is_added_at_once(numbers):
            is_missing = np.isnan(numbers)
            kept = numbers[~is_missing] if is_missing.any() else numbers
            self._missing += len(numbers) - len(kept)
            if len(kept) == len(numbers) or not self._is_added_at_once(kept):
                self._add_with_care(kept)

    def _is_added_at_once(self, numbers: Numbers) -> bool:
        """Count a piece that holds nothing rare; otherwise count nothing."""
        if self._dense is None or not len(numbers):
            return False
        counted = densely_counted(numbers, self._dense_bits)
        if counted is None:
            return False
        self._dense += counted
        self._moments += Moments.of(numbers, self._range_with(numbers, counted))
        return True

    def _range_with(self, numbers: Numbers, counted: NDArray[np.int64]) -> tuple[float, float]:
        """Return the range of all numbers so far; the piece is searched only where it may reach beyond."""
        low, high = self._moments.smallest, self._moments.largest
        if low is None or high is None:
            return float(numbers.min()), float(numbers.max())
        half = len(counted) // 2
        at_low, at_high = (dense_index(each, self._dense_bits) for each in (low, high))
        # Codes rise with positive numbers in the first half, and with the size of negative ones in the second.
        below = [counted[at_low:]] if at_low >= half else [counted[half:], counted[: at_low + 1]]
        above = [counted[at_high:half]] if at_high < half else [counted[:half], counted[half : at_high + 1]]
        if any(part.any() for part in below):
            low = min(low, float(numbers.min()))
        if any(part.any() for part in above):
            high = max(high, float(numbers.max()))
        return low, high

    def _add_with_care(self, numbers: Numbers) -> None:
        if not len(numbers):
            return
        limits = float(numbers.min()), float(numbers.max())
        if max(-limits[0], limits[1]) > LARGEST:
            message = "holds infinity or a number beyond 3.4e38; reject such rows with an expectation"
            raise ValueError(message)
        # A few rows tell how coarse it has to be, and many are counted fast only by coarse buckets.
        for part in (numbers[:_FIRST_ROWS], numbers[_FIRST_ROWS:]):
            self._sketch = self._sketch.with_numbers(part, limits)
        self._moments += Moments.of(numbers, limits)
        if self._dense is None and self._sketch.bits <= MOST_DENSE_BITS:
            self._dense_bits = self._sketch.bits
            self._dense = np.zeros(dense_size(self._dense_bits), np.int64)
