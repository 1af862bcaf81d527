"""A mergeable histogram of numbers: exact for few different numbers, rounded to fewer bits for many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

MOST_BUCKETS = 2048
"""So many different numbers are kept as they are. Beyond, all are rounded to as many bits as leave no more buckets."""
ALL_BITS = 23
_DENSE_RANGE = 1 << 17
_MAGNITUDE = np.int32(2**31 - 1)
LARGEST = float(np.finfo(np.float32).max)
"""The largest number that a model can see: `field_values.LARGEST_NUMBER`, whose import costs more than a profile."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumberSketch:
    """Counts of numbers by the leading bits of their floating-point form.

    A bucket holds the numbers that share sign, exponent and the first `bits` bits of the fraction: its width is at
    most 2^-bits of its numbers, whatever their size. With 23 bits a bucket is one number of 32 bits, which is
    how the model sees numbers. `bits` is the largest number that leaves at most `MOST_BUCKETS` buckets in use, or 0.
    Parts never use more buckets than their union, so they are never rounded more than it, and any grouping and order
    of merges ends at the same buckets with the same counts.

    Source of the buckets: C. Masson, J. Rim, H. Lee, DDSketch, PVLDB 12 (2019); of the uniform rounding:
    I. Epicoco et al., UDDSketch, IEEE Access 8 (2020). Theirs are logarithms; leading bits are the same to within
    a factor and cost one shift.

    Attributes:
        bits: 0 to 23, of the fraction.
        codes: int64, shape (n_buckets,), ascending: the order of codes is the order of numbers.
        counts: int64, shape (n_buckets,), all above 0.
    """

    bits: int = ALL_BITS
    codes: Counts = field(default_factory=lambda: np.empty(0, np.int64))
    counts: Counts = field(default_factory=lambda: np.empty(0, np.int64))

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same buckets and counts."""
        if not isinstance(other, NumberSketch):
            return NotImplemented
        return (
            self.bits == other.bits
            and np.array_equal(self.codes, other.codes)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @property
    def rows(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    def with_numbers(self, numbers: NDArray[np.float64], limits: tuple[float, float] | None = None) -> Self:
        """Count more numbers: float64, all finite.

        Args:
            numbers: The numbers.
            limits: The smallest and the largest of them, where the caller knows them.
        """
        if not len(numbers):
            return self
        low, high = limits or (float(numbers.min()), float(numbers.max()))
        codes = _codes(numbers, self.bits, has_negative=low < 0)
        # Whole numbers share a tail of zeros: without it they are few, and close together.
        tail = _zeros_at_the_end(codes) if low >= 0 else 0
        codes >>= tail
        first, last = (int(code) >> tail for code in _codes(np.array([low, high]), self.bits))
        if last - first < _DENSE_RANGE:
            codes -= first
            counted = np.bincount(codes)
            used = np.flatnonzero(counted > 0)  # of truth values it is found some times faster
            return self._added((used + first) << tail, counted[used])
        used, counted = np.unique(codes, return_counts=True)
        return self._added(used.astype(np.int64) << tail, counted)

    def __add__(self, other: Self) -> Self:
        """Return the counts of both."""
        bits = min(self.bits, other.bits)
        mine, theirs = self.rounded(bits), other.rounded(bits)
        return mine._added(theirs.codes, theirs.counts)

    def rounded(self, bits: int) -> Self:
        """Return the counts by fewer bits."""
        if bits == self.bits:
            return self
        return type(self)(bits, *_joined(self.codes >> (self.bits - bits), self.counts))

    def _added(self, codes: Counts, counts: Counts) -> Self:
        if len(self.codes):
            codes, counts = np.concatenate([self.codes, codes]), np.concatenate([self.counts, counts])
            codes, counts = _joined(*_sorted(codes, counts))
        if len(codes) <= MOST_BUCKETS:
            return type(self)(self.bits, codes, counts)
        # Neighbours fall into one bucket as soon as all bits are gone in which they differ.
        apart = (codes[1:] ^ codes[:-1]).view(np.uint64)
        gone = min(int(np.partition(apart, -MOST_BUCKETS)[-MOST_BUCKETS]).bit_length(), self.bits)
        return type(self)(self.bits - gone, *_joined(codes >> gone, counts))

    @property
    def values(self) -> NDArray[np.float64]:
        """The middle of each bucket, the number itself where it is exact: float64, shape (n_buckets,), ascending."""
        shift = ALL_BITS - self.bits
        return numbers_at((self.codes << shift) + ((1 << shift) >> 1))

    def quantiles(self, shares: Sequence[float]) -> NDArray[np.float64]:
        """Return, of a sketch that is not empty, the smallest values that such shares of the numbers do not exceed."""
        reached = np.cumsum(self.counts)
        at = np.minimum(np.searchsorted(reached, np.array(shares) * reached[-1]), len(reached) - 1)
        found: NDArray[np.float64] = self.values[at]
        return found

    def below(self, places: Counts) -> Counts:
        """Count the numbers below each of some places, which are codes at all bits.

        Returns:
            int64, shape (n_places,); a bucket that a place would cut counts as not below it.
        """
        ends = ((self.codes + 1) << (ALL_BITS - self.bits)) - 1
        reached = np.concatenate([[0], np.cumsum(self.counts)])
        below: Counts = reached[np.searchsorted(ends, places, side="left")]
        return below

    def outside(self, low: int, high: int) -> int:
        """Count the numbers below one place or above another; a bucket that holds such a place counts as within."""
        shift = ALL_BITS - self.bits
        first, last = np.searchsorted(self.codes, [low >> shift, (high >> shift) + 1])
        return int(self.counts[:first].sum() + self.counts[last:].sum())

    def quantile_places(self, parts: int) -> Counts:
        """Return the places, as codes at all bits, that part the numbers into as equal parts as buckets allow.

        Returns:
            int64, ascending, at most `parts` - 1 of them: each is where a bucket begins.
        """
        reached = np.concatenate([[0], np.cumsum(self.counts)])
        wanted = reached[-1] * np.arange(1, parts) / parts
        after = np.clip(np.searchsorted(reached, wanted), 1, len(reached) - 1)
        nearest = np.where(wanted - reached[after - 1] <= reached[after] - wanted, after - 1, after)
        inner = np.unique(nearest[(nearest > 0) & (nearest < len(self.codes))])
        places: Counts = self.codes[inner] << (ALL_BITS - self.bits)
        return places


def places_of(numbers: NDArray[np.float64]) -> Counts:
    """Return numbers as codes at all bits: integers in the order of the numbers."""
    return _codes(numbers, ALL_BITS).astype(np.int64)


def numbers_at(places: Counts) -> NDArray[np.float64]:
    """Return the numbers that codes at all bits stand for."""
    raw = np.clip(places, -(2**31), 2**31 - 1).astype(np.int32)
    numbers = np.where(raw < 0, raw ^ _MAGNITUDE, raw).view(np.float32).astype(np.float64)
    # No bucket ends beyond the largest number.
    return np.where(np.abs(numbers) <= LARGEST, numbers, np.copysign(LARGEST, numbers))


def _codes(numbers: NDArray[np.float64], bits: int, *, has_negative: bool = True) -> NDArray[np.int32]:
    # -0.0 becomes 0.0: it is the same number.
    raw = (numbers.astype(np.float32) + np.float32(0)).view(np.int32)
    raw >>= ALL_BITS - bits
    if has_negative:
        # The magnitude of a negative number rises as the number falls; the sign bit stays.
        raw ^= (raw >> 31) & (_MAGNITUDE >> (ALL_BITS - bits))
    return raw


def _zeros_at_the_end(codes: NDArray[np.int32]) -> int:
    used = int(np.bitwise_or.reduce(codes))
    return (used & -used).bit_length() - 1 if used else 0


def _sorted(codes: Counts, counts: Counts) -> tuple[Counts, Counts]:
    order = np.argsort(codes, kind="stable")
    return codes[order], counts[order]


def _joined(codes: Counts, counts: Counts) -> tuple[Counts, Counts]:
    """Add the counts of equal codes up, which stand side by side."""
    if not len(codes):
        return codes, counts
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return codes[starts], np.add.reduceat(counts, starts)
