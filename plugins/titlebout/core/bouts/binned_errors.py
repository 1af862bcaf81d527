"""The calibration error when some partitions count more than others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from titlebout.core.bouts.metrics import CALIBRATION_BINS, Floats


@dataclass(frozen=True)
class CalibrationErrors:
    """`metrics.calibration_error`, from sums per group of equal or near probabilities.

    Bins have about equally many rows under any weights: each draw makes its own, as if its rows had been repeated.

    Attributes:
        rows: float64, shape (n_blocks, n_ranks): from the lowest probabilities to the highest.
        gaps: The same: sum of label minus probability.
    """

    rows: Floats
    gaps: Floats

    @classmethod
    def of(cls, blocks: Sequence[tuple[Floats, Floats]], max_ranks: int) -> "CalibrationErrors":
        """Group the probabilities: exactly while there are few distinct ones, else into `max_ranks` groups."""
        labels, scores = (np.concatenate(side) for side in zip(*blocks, strict=True))
        if np.isnan(scores).any() or np.isnan(labels).any():
            return cls(np.full((len(blocks), 1), np.nan), np.full((len(blocks), 1), np.nan))
        edges = np.unique(scores)
        if len(edges) > max_ranks:
            edges = np.unique(np.quantile(scores, np.linspace(0, 1, max_ranks + 1)[1:], method="inverted_cdf"))
        block_of = np.repeat(np.arange(len(blocks)), [len(part) for part, _ in blocks])
        cell = block_of * len(edges) + np.searchsorted(edges, scores, side="left")
        cells = len(blocks) * len(edges)
        shape = (len(blocks), len(edges))
        rows = np.bincount(cell, minlength=cells).astype(np.float64).reshape(shape)
        gaps = np.bincount(cell, weights=labels - scores, minlength=cells).astype(np.float64).reshape(shape)
        return cls(rows, gaps)

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks; NaN where no row is left. See `BlockErrors`."""
        rows = np.cumsum(weights @ self.rows, axis=1)
        gaps = np.cumsum(weights @ self.gaps, axis=1)
        total = rows[:, -1]
        ends = [gaps[:, -1]]
        for quantile in np.linspace(0, 1, CALIBRATION_BINS + 1)[-2:0:-1]:
            last = (rows < (quantile * total)[:, None]).sum(axis=1)
            ends.append(np.take_along_axis(gaps, last[:, None], axis=1)[:, 0])
        bins = -np.diff(np.column_stack([*ends, np.zeros(len(weights))]), axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            errors: Floats = np.abs(bins).sum(axis=1) / total
        return errors
