"""The numbers of a bout and the rules that turn them into an outcome. What is not proven keeps the champion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titlebout.core.metrics import error_of, loss_exponent, row_losses
from titlebout.core.resampling import GainInterval, gain_interval
from titlebout.core.results import Outcome, PartitionKey
from titlebout.core.spec import ComparisonSection, Metric

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredPartition:
    """One holdout partition as both models see it; all arrays are float64, shape (n_rows,).

    Attributes:
        labels: What happened; NaN where it is not known.
        challenger: Scores of the challenger.
        champion: Scores of the champion on the same rows; None where no champion serves.
    """

    labels: Floats
    challenger: Floats
    champion: Floats | None


@dataclass(frozen=True)
class BoutNumbers:
    """What was measured; errors in the target's unit or nats per row, smaller is better.

    Attributes:
        rows: Holdout rows.
        blocks: Holdout partitions that have rows.
        unlabelled: Partition to number of rows without a label.
        challenger_error: NaN where it cannot be computed.
        champion_error: The same; None where no champion serves.
        baseline_error: Error of a constant prediction.
        interval: Gain over the champion, or over the constant where there is none; None below two blocks.
        is_identical: Whether challenger and champion give every row the same score.
    """

    rows: int
    blocks: int
    unlabelled: Mapping[PartitionKey, int]
    challenger_error: float
    champion_error: float | None
    baseline_error: float
    interval: GainInterval | None
    is_identical: bool


def measure(
    comparison: ComparisonSection, baseline: float, scored: Mapping[PartitionKey, ScoredPartition], *, seed: int
) -> BoutNumbers:
    """Compute every number of a bout.

    Args:
        comparison: Metric, confidence and number of resamples.
        baseline: The constant prediction.
        scored: The holdout; partitions without rows do not count.
        seed: Of the bootstrap.
    """
    metric = comparison.metric
    blocks = {key: block for key, block in scored.items() if len(block.labels)}
    rows = sum(len(block.labels) for block in blocks.values())
    losses = {
        "challenger": _losses(metric, [(block.labels, block.challenger) for block in blocks.values()]),
        "constant": _losses(metric, [(b.labels, np.full(len(b.labels), baseline)) for b in blocks.values()]),
        "champion": _losses(metric, [(b.labels, b.champion) for b in blocks.values() if b.champion is not None]),
    }
    has_champion = len(losses["champion"]) > 0
    errors = {name: error_of(metric, float(sums.sum()), rows) for name, sums in losses.items()}
    interval = None
    if len(blocks) > 1:
        interval = gain_interval(
            losses["challenger"],
            losses["champion" if has_champion else "constant"],
            exponent=loss_exponent(metric),
            confidence=comparison.confidence,
            resamples=comparison.resamples,
            seed=seed,
        )
    return BoutNumbers(
        rows=rows,
        blocks=len(blocks),
        unlabelled={key: n for key, block in blocks.items() if (n := int(np.isnan(block.labels).sum()))},
        challenger_error=errors["challenger"],
        champion_error=errors["champion"] if has_champion else None,
        baseline_error=errors["constant"],
        interval=interval,
        is_identical=has_champion
        and all(b.champion is not None and np.array_equal(b.challenger, b.champion) for b in blocks.values()),
    )


def decide(numbers: BoutNumbers, comparison: ComparisonSection) -> tuple[Outcome, str]:
    """Apply the rules in their order and return the outcome with its reason.

    Evidence that is missing or no number makes a bout inconclusive; a floor that does not hold keeps the
    champion; only a gain whose lower bound reaches `min_gain` promotes.
    """
    missing = _missing_evidence(numbers, comparison)
    if missing:
        return Outcome.INCONCLUSIVE, missing
    broken = _broken_floor(numbers, comparison)
    if broken:
        return Outcome.KEEP, broken
    interval = numbers.interval
    if interval is None or not all(map(math.isfinite, interval)):
        return Outcome.INCONCLUSIVE, "the gain or one of its bounds is no finite number; wait for more partitions"
    opponent = "the constant baseline" if numbers.champion_error is None else "the champion"
    found = (
        f"gain {interval.gain:.2%} over {opponent}, "
        f"{comparison.confidence:.0%} bounds {interval.low:.2%} to {interval.high:.2%}"
    )
    if interval.low >= comparison.min_gain and interval.gain > 0:
        return Outcome.PROMOTE, f"{found}: the lower bound reaches min_gain {comparison.min_gain:.2%}"
    if interval.high < comparison.min_gain:
        return Outcome.KEEP, f"{found}: even the upper bound stays below min_gain {comparison.min_gain:.2%}"
    return Outcome.INCONCLUSIVE, f"{found}: min_gain {comparison.min_gain:.2%} is neither reached nor ruled out"


def _missing_evidence(numbers: BoutNumbers, comparison: ComparisonSection) -> str | None:
    if not numbers.rows:
        return "the holdout has no rows; ingest its partitions again"
    if numbers.unlabelled:
        key, rows = next(iter(numbers.unlabelled.items()))
        return f"labels are missing in {len(numbers.unlabelled)} holdout partitions, {rows} of them in {key}"
    errors = {"challenger": numbers.challenger_error, "baseline": numbers.baseline_error}
    if numbers.champion_error is not None:
        errors["champion"] = numbers.champion_error
    for name, error in errors.items():
        if not math.isfinite(error):
            return f"the error of the {name} is {error}, no number to compare; look at its scores on the holdout"
    for name, found, needed in (
        ("rows", numbers.rows, comparison.min_rows),
        ("blocks", numbers.blocks, comparison.min_blocks),
    ):
        if found < needed:
            return (
                f"the holdout has {found} {name}, comparison.min_{name} asks for {needed}; raise training.holdout_days"
            )
    return None


def _broken_floor(numbers: BoutNumbers, comparison: ComparisonSection) -> str | None:
    error = numbers.challenger_error
    if comparison.max_error is not None and error > comparison.max_error:
        return f"error {error:.6g} is above comparison.max_error {comparison.max_error:.6g}"
    if error >= numbers.baseline_error:
        return f"error {error:.6g} is not below that of a constant prediction, {numbers.baseline_error:.6g}"
    if numbers.is_identical:
        return "the challenger scores every row exactly as the champion does"
    return None


def _losses(metric: Metric, blocks: list[tuple[Floats, Floats]]) -> Floats:
    """Return the sum of losses of each block."""
    return np.array([row_losses(metric, labels, scores).sum() for labels, scores in blocks])
