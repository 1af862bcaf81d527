"""Sums of losses that can be added over days, and the log ratio of one mean loss to another."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.metrics import error_of
from titlebout.core.performance.performance_results import PartitionPerformance
from titlebout.core.specs.comparison_spec import Metric

_LEAST_VARIATION = 1e-6


@dataclass(frozen=True)
class LossSums:
    """What rows add up to.

    Attributes:
        loss: Sum of their losses, at least 0.
        squares: Sum of the squares of their losses.
    """

    rows: int = 0
    loss: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, losses: NDArray[np.float64]) -> Self:
        """Add up losses of single rows, all finite."""
        return cls(len(losses), float(losses.sum()), float(np.square(losses).sum()))

    @classmethod
    def over(cls, days: Iterable[PartitionPerformance]) -> "LossSums":
        """Add up what was measured of several partitions."""
        return sum((cls(day.rows, day.loss, day.squares) for day in days), cls())

    def __add__(self, other: "LossSums") -> "LossSums":
        """Return the sums of both."""
        return LossSums(self.rows + other.rows, self.loss + other.loss, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Return the loss of a row; NaN without rows."""
        return self.loss / self.rows if self.rows else math.nan

    @property
    def variation(self) -> float:
        """Return the squared coefficient of variation of a row's loss: variance over squared mean."""
        if not self.rows or self.loss <= 0:
            return _LEAST_VARIATION
        return max(self.squares / self.rows / self.mean**2 - 1, _LEAST_VARIATION)

    def error(self, metric: Metric) -> float | None:
        """Return the error of all rows; None without rows."""
        return error_of(metric, self.loss, self.rows) if self.rows else None

    def noise(self, reference: "LossSums") -> float:
        """Return the variance of `log_ratio` by the numbers of rows alone.

        The variance of a logarithm of a mean is that of the mean over its square, for all but the fewest rows
        (G. Oehlert, A Note on the Delta Method, The American Statistician 46 (1992)). How much rows vary, the
        reference says: a few rows know it badly.
        """
        return reference.variation * (1 / max(self.rows, 1) + 1 / max(reference.rows, 1))


def log_ratio(sums: LossSums, reference: LossSums) -> float:
    """Return the logarithm of how many times a row's loss is that of the reference.

    One row like the reference's is added, so that a day without any loss is not infinitely better.

    >>> round(log_ratio(LossSums(99, 198.0), LossSums(1000, 1000.0)), 3)
    0.688
    """
    mean = reference.mean
    if not mean > 0:
        return 0.0 if not sums.loss > 0 else math.inf
    return math.log((sums.loss + mean) / (sums.rows + 1) / mean)
