"""Turns scores and labels into the error of one version on one partition, that of the prediction."""

import hashlib
import json
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titlebout.core.bouts.block_errors import block_errors, whole_error
from titlebout.core.bouts.metrics import row_losses, row_metric, unit_of
from titlebout.core.layout import performance_folder
from titlebout.core.performance.given_scores import GivenScores
from titlebout.core.performance.label_join import FoundLabels
from titlebout.core.performance.loss_sums import LossSums
from titlebout.core.performance.performance_results import (
    JoinCounts,
    PartitionPerformance,
    ScoreSource,
    Standing,
)
from titlebout.core.performance.score_profile import profile_scores, publish_profile
from titlebout.core.ports import Lake
from titlebout.core.results import PartitionKey
from titlebout.core.specs.comparison_spec import Metric
from titlebout.core.specs.spec import ModelSpec

Floats = NDArray[np.float64]


class Booking(NamedTuple):
    """What an error is booked on.

    Attributes:
        partition: Of the prediction.
        labels_from: Partitions in which labels were looked for.
        evidence: Names scores, labels and metric.
        is_holdout: Whether the version won its bout on the partition.
        standing: Whether it is known from labels, or estimated.
    """

    partition: PartitionKey
    version: str
    source: ScoreSource
    labels_from: tuple[PartitionKey, ...]
    evidence: str
    is_holdout: bool
    standing: Standing = Standing.REALISED


def evidence_of(spec: ModelSpec, *parts: str | Iterable[str]) -> str:
    """Name what an error rests on: the parts, and what the spec says an error is."""
    comparison = spec.comparison
    rules = [comparison.metric, comparison.quantile, [str(each) for each in spec.training.classes]]
    listed = [part if isinstance(part, str) else [*part] for part in parts]
    return hashlib.sha256(json.dumps([rules, listed]).encode()).hexdigest()[:12]


def losses_of(spec: ModelSpec, labels: Floats, scores: Floats) -> Floats:
    """Return the loss of each row; NaN where it has no label, or the metric says nothing of it."""
    losses = row_losses(row_metric(spec.comparison.metric), labels, scores, quantile=spec.comparison.quantile)
    return np.where(np.isfinite(losses), losses, np.nan)


def booked(
    spec: ModelSpec, lake: Lake, booking: Booking, given: GivenScores, found: FoundLabels, *, unscored: int
) -> PartitionPerformance:
    """Return the error of scores whose labels were found; the profile of the scores is published.

    `unscored` counts rows of the partition that have no score.
    """
    losses = losses_of(spec, found.labels, given.scores)
    is_judged = np.isfinite(losses)
    judged = int(is_judged.sum())
    counts = JoinCounts(
        scored=len(given.scores) + given.keyless,
        judged=judged,
        waiting=found.waiting,
        unknown=found.unknown + given.keyless,
        contradicted=found.contradicted,
        undefined=int(np.isfinite(found.labels).sum()) - judged,
        repeated=given.repeated,
        doubled=found.doubled,
        unscored=unscored,
    )
    measured = performance(spec, lake, booking, given.scores, LossSums.of(losses[is_judged]), counts)
    by_spec = _spec_error(spec, found.labels[is_judged], given.scores[is_judged])
    return measured.model_copy(update={"spec_error": by_spec})


def performance(
    spec: ModelSpec, lake: Lake, booking: Booking, scores: Floats, sums: LossSums, counts: JoinCounts
) -> PartitionPerformance:
    """Return the error that sums of losses are; the profile of all scores is published."""
    metric = row_metric(spec.comparison.metric)
    folder = performance_folder(spec.name, booking.partition, booking.version)
    profile = publish_profile(lake, folder, profile_scores(spec, scores)) if len(scores) else None
    return PartitionPerformance(
        model=spec.name,
        partition=booking.partition,
        version=booking.version,
        standing=booking.standing,
        source=booking.source,
        metric=metric.value,
        unit=unit_of(metric, spec.dataset.target),
        rows=sums.rows,
        loss=sums.loss,
        squares=sums.squares,
        error=sums.error(metric),
        spec_metric=None if metric is spec.comparison.metric else spec.comparison.metric.value,
        counts=counts,
        labels_from=booking.labels_from,
        is_holdout=booking.is_holdout,
        profile_path=profile.path if profile else None,
        profile_sha256=profile.sha256 if profile else None,
        evidence=booking.evidence,
    )


def _spec_error(spec: ModelSpec, labels: Floats, scores: Floats) -> float | None:
    """Return the error by the spec's own metric where that is no sum over rows; None where it is not defined."""
    metric: Metric = spec.comparison.metric
    if row_metric(metric) is metric or not len(labels):
        return None
    error = whole_error(block_errors(metric, [(labels, scores)]), 1)
    return error if math.isfinite(error) else None
