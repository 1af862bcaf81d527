"""The numbers of a bout and the rules that turn them into an outcome. What is not proven keeps the champion."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.metrics import constant_scores
from titlebout.core.bouts.resampling import GainInterval, compared_gain
from titlebout.core.results import Baseline, Outcome, PartitionKey
from titlebout.core.specs.comparison_spec import ComparisonSection, Metric


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
        by_block: Name of the model, or `constant`, to its error on each partition that has rows; decides nothing.
    """

    rows: int
    blocks: int
    unlabelled: Mapping[PartitionKey, int]
    challenger_error: float
    champion_error: float | None
    baseline_error: float
    interval: GainInterval | None
    is_identical: bool
    by_block: Mapping[str, Sequence[float]] = field(default_factory=dict)


def measure(
    comparison: ComparisonSection, baseline: Baseline, scored: Mapping[PartitionKey, ScoredPartition], *, seed: int
) -> BoutNumbers:
    """Compute every number of a bout."""
    blocks = {key: block for key, block in scored.items() if len(block.labels)}
    rivals = {
        "challenger": [(block.labels, block.challenger) for block in blocks.values()],
        "constant": [(b.labels, constant_scores(baseline, len(b.labels))) for b in blocks.values()],
        "champion": [(b.labels, b.champion) for b in blocks.values() if b.champion is not None],
    }
    has_champion = len(rivals["champion"]) > 0
    if not has_champion:
        del rivals["champion"]
    reduced = {
        name: block_errors(comparison.metric, pairs, quantile=comparison.quantile) for name, pairs in rivals.items()
    }
    errors = {name: whole_error(each, len(blocks)) if blocks else math.nan for name, each in reduced.items()}
    opponent = reduced["champion" if has_champion else "constant"]
    return BoutNumbers(
        rows=sum(len(block.labels) for block in blocks.values()),
        blocks=len(blocks),
        unlabelled={key: n for key, block in blocks.items() if (n := int(np.isnan(block.labels).sum()))},
        challenger_error=errors["challenger"],
        champion_error=errors.get("champion"),
        baseline_error=errors["constant"],
        interval=compared_gain(comparison, reduced["challenger"], opponent, blocks=len(blocks), seed=seed),
        is_identical=has_champion
        and all(b.champion is not None and np.array_equal(b.challenger, b.champion) for b in blocks.values()),
        by_block={name: each.under(np.eye(len(blocks))).tolist() for name, each in reduced.items()} if blocks else {},
    )


def decide(
    numbers: BoutNumbers,
    comparison: ComparisonSection,
    checks: Sequence[BoutCheck] = (),
    *,
    champion_age_days: int | None = None,
) -> tuple[Outcome, str]:
    """Apply the rules in their order and return the outcome with its reason.

    Evidence that is missing or no number makes a bout inconclusive; a floor or a check that does not hold keeps the
    champion; only a gain whose lower bound reaches `min_gain` promotes, or a champion past its age gives way to a
    challenger that is not worse. `champion_age_days` counts from the champion's partition to that of the night.
    """
    missing = _missing_evidence(numbers, comparison)
    if missing:
        return Outcome.INCONCLUSIVE, missing
    broken = _broken_floor(numbers, comparison) or _first(checks, CheckState.BROKEN)
    if broken:
        return Outcome.KEEP, broken
    interval = numbers.interval
    # Minus infinity is a loss like any other, only larger: against an opponent that made no error.
    if interval is None or not all(each < math.inf for each in interval):
        return Outcome.INCONCLUSIVE, "the gain or one of its bounds is no finite number; wait for more partitions"
    undecided = _first(checks, CheckState.UNDECIDED)
    if undecided:
        return Outcome.INCONCLUSIVE, undecided
    return _by_gain(interval, numbers, comparison, champion_age_days)


def _by_gain(
    interval: GainInterval, numbers: BoutNumbers, comparison: ComparisonSection, champion_age_days: int | None
) -> tuple[Outcome, str]:
    opponent = "the constant baseline" if numbers.champion_error is None else "the champion"
    found = (
        f"gain {interval.gain:.2%} over {opponent}, "
        f"{comparison.confidence:.0%} bounds {interval.low:.2%} to {interval.high:.2%}"
    )
    # A bound of zero is that of two models which err alike on most days: whichever got the few others right would win.
    if interval.low >= comparison.min_gain and interval.low > 0 and interval.gain > 0:
        return Outcome.PROMOTE, f"{found}: the lower bound reaches min_gain {comparison.min_gain:.2%}"
    refresh = comparison.refresh
    if refresh and champion_age_days is not None and champion_age_days >= refresh.after_days:
        aged = f"the champion is {champion_age_days} days old, refresh.after_days {refresh.after_days}"
        if interval.low >= -refresh.max_loss:
            return Outcome.PROMOTE, f"{found}: not worse by more than {refresh.max_loss:.2%}, and {aged}"
        found = f"{found}: {aged}, but a loss of {refresh.max_loss:.2%} is not ruled out"
    if interval.high < comparison.min_gain:
        return Outcome.KEEP, f"{found}: even the upper bound stays below min_gain {comparison.min_gain:.2%}"
    return Outcome.INCONCLUSIVE, f"{found}: min_gain {comparison.min_gain:.2%} is neither reached nor ruled out"


def _first(checks: Sequence[BoutCheck], state: CheckState) -> str | None:
    """Say which check is in a state, the first of them with its reason."""
    found = [check for check in checks if check.state is state]
    if not found:
        return None
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0].name} is {state}: {found[0].reason}{more}"


def _missing_evidence(numbers: BoutNumbers, comparison: ComparisonSection) -> str | None:
    if not numbers.rows:
        return "the holdout has no rows; ingest its partitions again"
    if numbers.unlabelled:
        key, rows = next(iter(numbers.unlabelled.items()))
        return f"labels are missing in {len(numbers.unlabelled)} holdout partitions, {rows} of them in {key}"
    undefined = _undefined_error(numbers, comparison.metric)
    if undefined:
        return undefined
    for name, found, needed in (
        ("rows", numbers.rows, comparison.min_rows),
        ("blocks", numbers.blocks, comparison.min_blocks),
    ):
        if found < needed:
            return (
                f"the holdout has {found} {name}, comparison.min_{name} asks for {needed}; raise training.holdout_days"
            )
    return None


def _undefined_error(numbers: BoutNumbers, metric: Metric) -> str | None:
    """Say whose error is no number, and whether the labels are why or the scores."""
    if not math.isfinite(numbers.baseline_error):  # a constant is a number on every row: the labels are why
        why = _undefined_by(metric) or f"the error of the baseline is {numbers.baseline_error}"
        return f"{metric} is no number on the holdout, whatever a model says: {why}"
    errors = {"challenger": numbers.challenger_error}
    if numbers.champion_error is not None:
        errors["champion"] = numbers.champion_error
    for name, error in errors.items():
        if not math.isfinite(error):
            return f"the error of the {name} is {error}, no number to compare; look at its scores on the holdout"
    return None


def _undefined_by(metric: Metric) -> str | None:
    """Say which labels leave a metric undefined, and what to do about it; None where no finite ones do."""
    match metric:
        case Metric.MAPE:
            return "a label is 0 or next to it; judge by another metric, or leave such rows out with dataset.keep"
        case Metric.AUC:
            return "all of its rows are of one class; raise training.holdout_days"
        case Metric.AVERAGE_PRECISION | Metric.LIFT:
            return "none of its rows is of class 1; raise training.holdout_days"
        case _:
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
