"""Count, mean, spread and range in exact sums, so that the order of merging changes nothing."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

_FAR_FROM_ZERO = 1.01
"""Numbers whose mean square is less than this multiple of their squared mean lie far from zero, and close together."""


@dataclass(frozen=True)
class Moments:
    """What is known of numbers without keeping them.

    Sums of floating-point numbers depend on their order. Those of one piece of rows are floating-point numbers
    (around the piece's own mean where they lie far from zero, so that nothing cancels out); pieces are added as exact
    fractions, so that any grouping of the same pieces gives the same bits.

    Source of the shift to the own mean: T. Chan, G. Golub, R. LeVeque, Algorithms for Computing the Sample
    Variance, The American Statistician 37 (1983).

    >>> a, b = Moments.of(np.array([1e9, 1e9 + 2])), Moments.of(np.array([1e9 + 4]))
    >>> (a + b).count, (a + b).mean, round((a + b).deviation, 4)
    (3, 1000000002.0, 1.633)
    """

    count: int = 0
    total: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)
    smallest: float | None = None
    largest: float | None = None

    @classmethod
    def of(cls, numbers: NDArray[np.float64], limits: tuple[float, float] | None = None) -> Self:
        """Sum numbers up: float64, all finite.

        Args:
            numbers: The numbers of one piece of rows.
            limits: The smallest and the largest of them, where the caller knows them.
        """
        count = len(numbers)
        if not count:
            return cls()
        low, high = limits or (float(numbers.min()), float(numbers.max()))
        total = float(numbers.sum())
        middle = total / count
        # Not `np.dot`: it starts threads, which costs more than the sum where cores are shared.
        squares = float(np.einsum("i,i->", numbers, numbers))
        if squares < count * middle * middle * _FAR_FROM_ZERO:
            return cls(count, *_around(numbers, middle), low, high)
        return cls(count, Fraction(total), Fraction(squares), low, high)

    def __add__(self, other: Self) -> Self:
        """Return the moments of both."""
        if not self.count or not other.count:
            return self if self.count else other
        low = [each for each in (self.smallest, other.smallest) if each is not None]
        high = [each for each in (self.largest, other.largest) if each is not None]
        return type(self)(
            count=self.count + other.count,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            smallest=min(low),
            largest=max(high),
        )

    @property
    def mean(self) -> float:
        """Their mean; NaN of none."""
        return float(self.total / self.count) if self.count else math.nan

    @property
    def deviation(self) -> float:
        """Their standard deviation, by the count and not by one less; NaN of none."""
        if not self.count:
            return math.nan
        return math.sqrt(max(0.0, float(self.squares / self.count - (self.total / self.count) ** 2)))


def _around(numbers: NDArray[np.float64], middle: float) -> tuple[Fraction, Fraction]:
    """Return the sum and the sum of squares, by way of how far each number lies from the middle."""
    apart = numbers - middle
    rest = Fraction(float(apart.sum()))
    spread = Fraction(float(np.square(apart, out=apart).sum()))
    centre = Fraction(middle)
    return len(numbers) * centre + rest, spread + 2 * centre * rest + len(numbers) * centre**2
