"""What a challenger must not break, however large its gain: guard metrics, slices, calibration, size."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bout_check import BoutCheck, CheckState
from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.class_errors import surest_class
from titlebout.core.bouts.metrics import Floats, calibration_error
from titlebout.core.bouts.resampling import GainInterval, compared_gain, interval_fields
from titlebout.core.results import PartitionKey
from titlebout.core.specs.comparison_spec import RANKING_METRICS, ComparisonSection, Metric, SlicesSection

MAX_SLICES = 50
"""Values of one column that are judged, those with the most rows."""


@dataclass(frozen=True)
class Grouping:
    """To which group each row of a partition belongs.

    Attributes:
        codes: int64, shape (n_rows,): position in `values`.
        values: Names of the groups.
    """

    codes: NDArray[np.int64]
    values: tuple[str, ...]

    def rows_of(self, value: str) -> NDArray[np.bool_]:
        """Return which rows are of a group; shape (n_rows,)."""
        return np.isin(self.codes, [code for code, name in enumerate(self.values) if name == value])


@dataclass(frozen=True)
class ScoredPartition:
    """One holdout partition as both models see it; all float arrays are float64, shape (n_rows,).

    Attributes:
        labels: What happened; NaN where it is not known. Where scores are of classes, (n_rows, n_classes), a place.
        challenger: Scores of the challenger.
        champion: Scores of the champion on the same rows; None where no champion serves.
        groups: Column of `comparison.slices` to the groups of the rows.
    """

    labels: Floats
    challenger: Floats
    champion: Floats | None
    groups: Mapping[str, Grouping] = field(default_factory=dict)

    def only(self, chosen: NDArray[np.bool_]) -> "ScoredPartition":
        """Return some of the rows."""
        champion = None if self.champion is None else self.champion[chosen]
        return ScoredPartition(self.labels[chosen], self.challenger[chosen], champion)


@dataclass(frozen=True)
class PairedErrors:
    """Both models' errors by one metric on some rows."""

    rows: int
    challenger_error: float
    champion_error: float
    interval: GainInterval | None

    @classmethod
    def of(
        cls, comparison: ComparisonSection, metric: Metric, blocks: Sequence[ScoredPartition], seed: int
    ) -> "PairedErrors":
        """Measure both models."""
        challenger = block_errors(metric, [(b.labels, b.challenger) for b in blocks], quantile=comparison.quantile)
        pairs = [(b.labels, b.champion) for b in blocks if b.champion is not None]
        champion = block_errors(metric, pairs, quantile=comparison.quantile)
        return cls(
            rows=sum(len(b.labels) for b in blocks),
            challenger_error=whole_error(challenger, len(blocks)),
            champion_error=whole_error(champion, len(blocks)),
            interval=compared_gain(comparison, challenger, champion, blocks=len(blocks), seed=seed),
        )

    def check(self, name: str, state: CheckState, reason: str) -> BoutCheck:
        """Return a check with these numbers."""
        return BoutCheck(
            name=name,
            state=state,
            reason=reason,
            rows=self.rows,
            challenger_error=self.challenger_error,
            champion_error=self.champion_error,
            **interval_fields(self.interval),
        )


def run_checks(
    comparison: ComparisonSection,
    scored: Mapping[PartitionKey, ScoredPartition],
    *,
    model_bytes: int | None,
    seed: int,
) -> tuple[BoutCheck, ...]:
    """Run every check that the spec asks for. Without a champion there is nothing to fall behind, only a floor.

    `model_bytes` is the size of the challenger's booster, None where its manifest is too old to say.
    """
    blocks = [block for block in scored.values() if len(block.labels)]
    if not blocks:
        return ()
    checks: list[BoutCheck] = []
    has_champion = all(block.champion is not None for block in blocks)
    if has_champion:
        checks += [_guard(comparison, metric, share, blocks, seed) for metric, share in comparison.guards.items()]
    if comparison.slices and (has_champion or comparison.slices.max_error is not None):
        checks += _slices(comparison, comparison.slices, blocks, seed)
    if comparison.max_calibration_error is not None:
        checks.append(_calibration(comparison.max_calibration_error, blocks))
    if comparison.max_model_megabytes is not None:
        checks.append(_size(comparison.max_model_megabytes, model_bytes, sum(len(b.labels) for b in blocks)))
    return tuple(checks)


def _guard(
    comparison: ComparisonSection, metric: Metric, share: float, blocks: Sequence[ScoredPartition], seed: int
) -> BoutCheck:
    """Ask that a metric is not worse by more than a share: at the lower bound, so proven."""
    found = PairedErrors.of(comparison, metric, blocks, seed)
    name = f"guard {metric}"
    if found.interval is None or not np.isfinite(found.interval).all():
        return found.check(name, CheckState.UNDECIDED, f"the loss of {metric} or its bound is no finite number")
    said = f"{metric} gains {found.interval.gain:.2%}, at least {found.interval.low:.2%}; {share:.2%} may be lost"
    if found.interval.low >= -share:
        return found.check(name, CheckState.HELD, said)
    if found.interval.high < -share:
        return found.check(name, CheckState.BROKEN, f"{said}, and it is proven worse")
    return found.check(name, CheckState.UNDECIDED, f"{said}, which is neither kept nor broken for certain")


def _slices(
    comparison: ComparisonSection, section: SlicesSection, blocks: Sequence[ScoredPartition], seed: int
) -> Iterator[BoutCheck]:
    for column in section.columns:
        counts: Counter[str] = Counter()
        for block in blocks:
            grouping = block.groups[column]
            rows = np.bincount(grouping.codes, minlength=len(grouping.values))
            counts.update(dict(zip(grouping.values, rows.tolist(), strict=True)))
        for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_SLICES]:
            chosen = [block.only(block.groups[column].rows_of(value)) for block in blocks]
            yield _slice(comparison, section, f"slice {column}={value}", [b for b in chosen if len(b.labels)], seed)


def _slice(
    comparison: ComparisonSection, section: SlicesSection, name: str, blocks: Sequence[ScoredPartition], seed: int
) -> BoutCheck:
    if any(block.champion is None for block in blocks):
        return _first_slice(comparison, section, name, blocks)
    found = PairedErrors.of(comparison, comparison.metric, blocks, seed)
    if found.rows < section.min_rows:
        return found.check(name, CheckState.SHOWN, _too_few(found.rows, section))
    errors = f"error {found.challenger_error:.6g} against {found.champion_error:.6g} of the champion"
    if not np.isfinite([found.challenger_error, found.champion_error]).all():
        return found.check(name, *_without_error(comparison.metric, blocks, f"{errors}, no numbers to compare"))
    if section.max_error is not None and found.challenger_error > section.max_error:
        return found.check(name, CheckState.BROKEN, f"{errors}; max_error is {section.max_error:.6g}")
    if found.challenger_error > found.champion_error * (1 + section.max_loss):
        return found.check(name, CheckState.BROKEN, f"{errors}; {section.max_loss:.2%} may be lost")
    return found.check(name, CheckState.HELD, errors)


def _first_slice(
    comparison: ComparisonSection, section: SlicesSection, name: str, blocks: Sequence[ScoredPartition]
) -> BoutCheck:
    """Check a slice of the first model: nobody to fall behind, but the bound on the error is one for all."""
    pairs = [(block.labels, block.challenger) for block in blocks]
    error = whole_error(block_errors(comparison.metric, pairs, quantile=comparison.quantile), len(blocks))
    rows = sum(len(labels) for labels, _ in pairs)
    limit = math.inf if section.max_error is None else section.max_error
    state, reason = CheckState.HELD if error <= limit else CheckState.BROKEN, f"error {error:.6g}, {limit:.6g} at most"
    if not math.isfinite(error):
        state, reason = _without_error(comparison.metric, blocks, f"error {error:.6g}, no number to compare")
    if rows < section.min_rows:
        state, reason = CheckState.SHOWN, _too_few(rows, section)
    return BoutCheck(name=name, state=state, reason=reason, rows=rows, challenger_error=error)


def _without_error(metric: Metric, blocks: Sequence[ScoredPartition], reason: str) -> tuple[CheckState, str]:
    """Say what a slice without a finite error is: shown where its labels alone are why, which is no model's doing."""
    labels = np.concatenate([block.labels for block in blocks])
    scores = [each for block in blocks for each in (block.challenger, block.champion) if each is not None]
    known = np.isfinite(labels).all() and all(np.isfinite(each).all() for each in scores)
    if metric in RANKING_METRICS | {Metric.LIFT} and known and len(np.unique(labels)) == 1:
        return CheckState.SHOWN, f"all rows are of one class, so there is no {metric} to judge"
    return CheckState.UNDECIDED, reason


def _too_few(rows: int, section: SlicesSection) -> str:
    return f"{rows} rows are too few to judge, {section.min_rows} needed"


def _calibration(limit: float, blocks: Sequence[ScoredPartition]) -> BoutCheck:
    labels = np.concatenate([block.labels for block in blocks])
    scores = np.concatenate([block.challenger for block in blocks])
    error = calibration_error(*surest_class(labels, scores))
    known = CheckState.HELD if error <= limit else CheckState.BROKEN
    state = CheckState.UNDECIDED if np.isnan(error) else known
    reason = f"expected calibration error {error:.4f}, {limit:.4f} at most"
    return BoutCheck(name="calibration", state=state, reason=reason, rows=len(labels), challenger_error=error)


def _size(limit_megabytes: float, model_bytes: int | None, rows: int) -> BoutCheck:
    if model_bytes is None:
        reason = "the manifest of this version does not say how large the model is; a newer night does"
        return BoutCheck(name="size", state=CheckState.UNDECIDED, reason=reason, rows=rows)
    megabytes = model_bytes / 1e6
    state = CheckState.HELD if megabytes <= limit_megabytes else CheckState.BROKEN
    reason = f"the model takes {megabytes:.3g} MB, {limit_megabytes:.3g} at most"
    return BoutCheck(name="size", state=state, reason=reason, rows=rows)
