"""A model's error when some partitions count more than others: what a bootstrap over partitions asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.binned_errors import CalibrationErrors
from titlebout.core.bouts.class_errors import ClassErrors, surest_class
from titlebout.core.bouts.metrics import TOP_SHARE, Floats, loss_exponent, row_losses
from titlebout.core.specs.comparison_spec import Metric

MAX_RANKS = 4096
"""Scores with more distinct values are put into so many groups of about equal size for the average precision."""

Block = tuple[Floats, Floats]
"""Labels and scores of one partition; both float64, shape (n_rows,), scores of classes (n_rows, n_classes)."""


class BlockErrors(Protocol):
    """Errors of one model under weights of the blocks."""

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks.

        Args:
            weights: float64, shape (n_draws, n_blocks), at least 0: how often each block counts.

        Returns:
            float64, shape (n_draws,), smaller is better; NaN where it is not defined.
        """
        ...


def block_errors(metric: Metric, blocks: Sequence[Block], *, quantile: float = 0.5) -> BlockErrors:
    """Reduce the rows of each block to what the metric's error takes.

    Returns:
        The errors; without any block each of them is NaN.
    """
    reduction = _REDUCTIONS.get(metric)
    if reduction and blocks:
        return reduction(blocks)
    sums = [row_losses(metric, labels, scores, quantile=quantile).sum() for labels, scores in blocks]
    rows = [len(labels) for labels, _ in blocks]
    return SummedErrors(np.array(sums, float), np.array(rows, float), loss_exponent(metric))


def whole_error(errors: BlockErrors, blocks: int) -> float:
    """Return the error over all blocks, each counted once."""
    return errors.under(np.ones((1, blocks))).item()


@dataclass(frozen=True)
class SummedErrors:
    """A power of the mean loss.

    Attributes:
        sums: float64, shape (n_blocks,): sum of row losses.
        rows: float64, shape (n_blocks,).
        exponent: See `metrics.loss_exponent`.
    """

    sums: Floats
    rows: Floats
    exponent: float

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks; see the protocol."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = (weights @ self.sums) / (weights @ self.rows)
        errors: Floats = mean**self.exponent
        return errors


@dataclass(frozen=True)
class PairErrors:
    """1 minus the area under the ROC curve: the share of pairs of a positive and a negative that are ranked wrongly.

    A pair belongs to the block of its positive and to that of its negative. So counting once how many pairs each two
    blocks have wrong is enough for any weights of the blocks; nothing is ranked again.

    Attributes:
        wrong: float64, shape (n_blocks, n_blocks): pairs of a positive of the first block and a negative of the
            second where the negative has the higher score; ties count half.
        positives: float64, shape (n_blocks,).
        negatives: float64, shape (n_blocks,).
    """

    wrong: Floats
    positives: Floats
    negatives: Floats

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "PairErrors":
        """Count the pairs. A score or a label that is no number makes every error NaN."""
        ups = [scores[labels == 1] for labels, scores in blocks]
        downs = [np.sort(scores[labels == 0]) for labels, scores in blocks]
        if any(np.isnan(labels).any() or np.isnan(scores).any() for labels, scores in blocks):
            nothing = np.full(len(blocks), np.nan)
            return cls(np.full((len(blocks), len(blocks)), np.nan), nothing, nothing)
        everyone = np.concatenate(ups)
        block_of = np.repeat(np.arange(len(blocks)), [len(up) for up in ups])
        wrong = np.zeros((len(blocks), len(blocks)))
        for number, down in enumerate(downs):
            not_above = np.searchsorted(down, everyone, side="left") + np.searchsorted(down, everyone, side="right")
            lost = len(down) - not_above / 2
            wrong[:, number] = np.bincount(block_of, weights=lost, minlength=len(blocks))
        return cls(wrong, np.array([len(up) for up in ups], float), np.array([len(down) for down in downs], float))

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks; NaN where only one class is left."""
        lost = ((weights @ self.wrong) * weights).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            errors: Floats = lost / ((weights @ self.positives) * (weights @ self.negatives))
        return errors


@dataclass(frozen=True)
class RankErrors:
    """1 minus the average precision, from counts of positives and negatives per group of equal or near scores.

    Attributes:
        positives: float64, shape (n_blocks, n_ranks): from the highest scores to the lowest.
        negatives: The same.
    """

    positives: Floats
    negatives: Floats

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Self:
        """Group the scores: exactly while there are few distinct ones, else into `MAX_RANKS` groups."""
        scores = np.concatenate([scores for _, scores in blocks])
        labels = np.concatenate([labels for labels, _ in blocks])
        if np.isnan(scores).any() or np.isnan(labels).any():
            nothing = np.full(len(blocks), np.nan)[:, np.newaxis]
            return cls(nothing, nothing)
        edges = np.unique(scores)
        if len(edges) > MAX_RANKS:
            edges = np.unique(np.quantile(scores, np.linspace(0, 1, MAX_RANKS + 1)[1:], method="inverted_cdf"))
        rank = len(edges) - 1 - np.searchsorted(edges, scores, side="left")
        block_of = np.repeat(np.arange(len(blocks)), [len(labels) for labels, _ in blocks])
        counts = [_table(block_of[labels == each], rank[labels == each], len(blocks), len(edges)) for each in (1, 0)]
        return cls(*counts)

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks; NaN where no positive is left.

        Source: Average precision is the sum over ranks of the gain in recall times the precision there;
        C. D. Manning, P. Raghavan, H. Schütze, Introduction to Information Retrieval (2008), section 8.4.
        """
        hits, misses = weights @ self.positives, weights @ self.negatives
        found = np.cumsum(hits, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = found / (found + np.cumsum(misses, axis=1))
            # A rank without hits adds none, also before the first row, where 0 / 0 is no precision; NaN stays.
            gained = np.where(hits > 0, hits * precision, hits).sum(axis=1)
            errors: Floats = 1 - gained / found[:, -1]
        return errors


class TopErrors(RankErrors):
    """The share of class 1 that is not among the tenth of the rows with the highest scores.

    It is 1 minus a tenth of the lift, which is how many times more of class 1 the top tenth holds than as many rows at
    random (M. Vuk, T. Curk, ROC Curve, Lift Chart and Calibration Plot, Metodološki zvezki 3 (2006) 89-108). Of rows
    with the same score, where the tenth ends among them, the same share of each class counts: what drawing lots would
    give on average.
    """

    def under(self, weights: Floats) -> Floats:
        """Return the error for each way to weigh the blocks; NaN where no positive is left."""
        hits, rows = weights @ self.positives, weights @ (self.positives + self.negatives)
        found, seen = np.cumsum(hits, axis=1), np.cumsum(rows, axis=1)
        wanted = TOP_SHARE * seen[:, -1]
        ends = np.arange(len(weights)), (seen < wanted[:, None]).sum(axis=1)
        hits, rows, until, passed = hits[ends], rows[ends], found[ends], seen[ends]
        with np.errstate(invalid="ignore", divide="ignore"):
            errors: Floats = 1 - (until - hits * (passed - wanted) / rows) / found[:, -1]
        return errors


def _table(rows: NDArray[np.intp], columns: NDArray[np.intp], height: int, width: int) -> Floats:
    """Count how often each pair of row and column occurs."""
    counted: Floats = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width).astype(float)
    return counted


def _calibration_errors(blocks: Sequence[Block]) -> CalibrationErrors:
    return CalibrationErrors.of([surest_class(*block) for block in blocks], MAX_RANKS)


_REDUCTIONS: Mapping[Metric, Callable[[Sequence[Block]], BlockErrors]] = {
    Metric.AUC: PairErrors.of,
    Metric.AVERAGE_PRECISION: RankErrors.of,
    Metric.LIFT: TopErrors.of,
    Metric.MACRO_F1: ClassErrors.of,
    Metric.ECE: _calibration_errors,
}
"""Metrics that are no mean over rows; all others are."""
