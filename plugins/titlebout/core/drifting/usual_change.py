"""The null distribution of a change between partitions, learned from past ones."""

import math
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.student import two_sided_quantile, two_sided_tail

FEWEST_PARTITIONS = 5
"""Below so many past partitions the usual change is not known well enough to judge by."""
_LARGEST_CORRELATION = 0.95
_CUMULANT_OF_A_SQUARE = 12.0


class UsualChange(NamedTuple):
    """What past partitions say of one measure: how much it changes from partition to partition by itself.

    A change is the sum of two: what the partition's own rows happen to be, whose variance is known from their number,
    and what its day is like, whose variance is learned. So a past of small partitions says what is usual for large
    ones, and the other way round. A season is part of the second: past partitions lie as far from what they are
    held against as the new one does.

    Source: D. Laney, Improved Control Charts for Attributes, Quality Engineering 14 (2002); the variance between
    partitions by R. DerSimonian, N. Laird, Controlled Clinical Trials 7 (1986).

    Attributes:
        between: Variance between partitions beyond that of their rows.
        degrees: So many independent partitions that was learned from.
        heaviness: Their fourth cumulant: above 0 where most change little and a few change much.
    """

    between: float
    degrees: float
    heaviness: float = 0.0

    @classmethod
    def of(cls, changes: NDArray[np.float64], noise: NDArray[np.float64]) -> Self:
        """Learn from past partitions.

        Args:
            changes: float64, shape (n,): how far each lay from what came before it, oldest first.
            noise: float64, shape (n,): the variance of each by its number of rows alone.
        """
        alone = float(noise.mean())
        degrees = independent_count(changes)
        # A few partitions may be alike by chance: one standard error is added to what they show.
        squares = np.square(changes)
        mean = float(squares.mean())
        between = max(0.0, mean - alone) + alone * math.sqrt(2 / degrees)
        # The kurtosis of normal numbers is 3, and by chance it is off by one standard error.
        heaviness = float(np.square(squares).mean()) - (3 + math.sqrt(24 / degrees)) * mean * mean
        return cls(between, degrees, max(0.0, heaviness))

    def of_squares(self) -> Self:
        """Expect a tail as heavy as that of squares, also where a short past has not shown it yet.

        The level of a day moves spread, skew and tails by its square at least. Days that are near the middle of what is
        usual say nothing of that: the first far one lies many deviations out, and means nothing new.

        Source: the fourth cumulant of the square of a normal number is 12 times its squared variance (chi-squared with
        one degree of freedom).
        """
        return self._replace(heaviness=max(self.heaviness, _CUMULANT_OF_A_SQUARE * self.between**2))

    def p_value(self, change: float, noise: float) -> float:
        """Return how rarely a partition lies so far away without drift.

        Args:
            change: How far it lies from its reference.
            noise: The variance of that by its number of rows alone.
        """
        spread, degrees = self._spread(noise)
        return two_sided_tail(change / spread, degrees)

    def limit(self, p_value: float, noise: float) -> float:
        """Return the change that has a p-value."""
        spread, degrees = self._spread(noise)
        return spread * two_sided_quantile(p_value, degrees)

    def _spread(self, noise: float) -> tuple[float, float]:
        variance = self.between * (1 + 1 / self.degrees) + noise
        # F. Satterthwaite, An Approximate Distribution of Estimates of Variance Components, Biometrics 2 (1946).
        known = self.degrees * (variance / self.between) ** 2
        # Student's t of the same variance and kurtosis, which exceeds that of normal numbers by 6 / (v - 4): as heavy a
        # tail as the past has shown. A level that moves shows in spread and tails by its square, far from normal.
        excess = self.heaviness / variance**2
        of_kurtosis = excess / (4 * excess + 6)
        return math.sqrt(variance * (1 - 2 * of_kurtosis)), 1 / (1 / known + of_kurtosis)


def independent_count(changes: NDArray[np.float64]) -> float:
    """Return how many independent partitions tell as much as these, of which neighbours are alike.

    Source: G. Bayley, J. Hammersley, The Effective Number of Independent Observations, JRSS Supplement 8 (1946).

    >>> independent_count(np.array([1.0, -1.0, 1.0, -1.0]))
    4.0
    """
    whole = float(np.square(changes).sum())
    if not whole:
        return float(len(changes))
    alike = min(max(float((changes[1:] * changes[:-1]).sum()) / whole, 0.0), _LARGEST_CORRELATION)
    return max(len(changes) * (1 - alike) / (1 + alike), 2.0)
