"""The account of a bout: its verdict, and what a person wants to see of how it came about, as one JSON document."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, JsonValue

from titlebout import __version__
from titlebout.core.bouts.bout_checks import ScoredPartition
from titlebout.core.bouts.class_errors import surest_class
from titlebout.core.bouts.metrics import Floats, equal_mass_bins
from titlebout.core.bouts.verdict_rules import BoutNumbers
from titlebout.core.results import PartitionKey, Result, SnapshotRef, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.training_spec import CLASSIFYING

if TYPE_CHECKING:
    from numpy.typing import NDArray

RELIABILITY_BINS = 10
_WILSON_Z = 1.959964  # two-sided 95 %


class DayErrors(Result):
    """Errors on one holdout partition, in the verdict's unit; NaN where the metric is not defined on it alone."""

    partition: PartitionKey
    rows: int
    challenger: float
    champion: float | None = None
    constant: float


class ReliabilityBin(Result):
    """Rows of about the same predicted probability, and how often class 1 came of them: with a 95 % interval.

    Of several classes: the probability of the most likely one, and how often it came.
    """

    rows: int
    predicted: float
    observed: float
    low: float
    high: float


class BoutAccount(Result):
    """Everything about one bout. Its verdict is the ledger's; the rest explains it and decides nothing."""

    verdict: Verdict
    objective: str
    target: str
    rules: dict[str, JsonValue] = Field(description="The section `comparison` of the spec that judged.")
    holdout: tuple[SnapshotRef, ...]
    days: tuple[DayErrors, ...]
    reliability: dict[str, tuple[ReliabilityBin, ...]] = Field(
        default_factory=dict, description="Name of the model to its bins; only where scores are probabilities."
    )
    code_version: str = __version__

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        holdout: Sequence[SnapshotRef],
        scored: Mapping[PartitionKey, ScoredPartition],
        *,
        numbers: BoutNumbers,
        verdict: Verdict,
    ) -> Self:
        """Write down a bout."""
        return cls(
            verdict=verdict,
            objective=spec.training.objective.value,
            target=spec.dataset.target,
            rules=spec.comparison.model_dump(mode="json"),
            holdout=tuple(holdout),
            days=tuple(_days(scored, numbers.by_block)),
            reliability=_reliabilities(list(scored.values())) if spec.training.objective in CLASSIFYING else {},
        )

    def document(self) -> bytes:
        """Return the JSON that is stored: the same bout, the same bytes."""
        return self.model_dump_json(indent=1).encode()


def reliability_bins(labels: Floats, probabilities: Floats, *, bins: int = RELIABILITY_BINS) -> list[ReliabilityBin]:
    """Compare predicted probabilities with how often class 1 came, over bins of about equally many rows.

    Source of the interval: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference,
    Journal of the American Statistical Association 22 (1927) 209-212.

    Args:
        labels: float64, shape (n_rows,), 0 or 1; rows where it is NaN do not count.
        probabilities: float64, shape (n_rows,), in [0, 1]. Equal ones always share a bin.
        bins: How many, at most.

    >>> [(each.rows, each.predicted, each.observed) for each in reliability_bins(
    ...     np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.75, 0.75]), bins=2)]
    [(2, 0.5, 0.5), (2, 0.75, 1.0)]
    """
    known = np.isfinite(labels) & np.isfinite(probabilities)
    labels, probabilities = labels[known], probabilities[known]
    if not len(labels):
        return []
    bin_of, count = equal_mass_bins(probabilities, bins)
    rows, predicted, hits = (
        np.bincount(bin_of, weights=each, minlength=count) for each in (np.ones(len(labels)), probabilities, labels)
    )
    return [_bin(int(n), float(p), float(k)) for n, p, k in zip(rows, predicted, hits, strict=True) if n]


def _bin(rows: int, predicted: float, hits: float) -> ReliabilityBin:
    observed, z2 = hits / rows, _WILSON_Z**2
    centre = (observed + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = _WILSON_Z / (1 + z2 / rows) * math.sqrt(observed * (1 - observed) / rows + z2 / (4 * rows**2))
    return ReliabilityBin(
        rows=rows,
        predicted=predicted / rows,
        observed=observed,
        low=max(centre - reach, 0.0),
        high=min(centre + reach, 1.0),
    )


def _days(scored: Mapping[PartitionKey, ScoredPartition], by_block: Mapping[str, Sequence[float]]) -> "list[DayErrors]":
    present = [(key, block) for key, block in scored.items() if len(block.labels)]
    return [
        DayErrors(
            partition=key,
            rows=len(block.labels),
            challenger=by_block["challenger"][n],
            champion=by_block["champion"][n] if "champion" in by_block else None,
            constant=by_block["constant"][n],
        )
        for n, (key, block) in enumerate(present)
    ]


def _reliabilities(blocks: Sequence[ScoredPartition]) -> dict[str, tuple[ReliabilityBin, ...]]:
    labels = _joined([block.labels for block in blocks])
    sides = {"challenger": [block.challenger for block in blocks]}
    champion = [block.champion for block in blocks if block.champion is not None]
    if len(champion) == len(blocks):
        sides["champion"] = champion
    return {name: tuple(reliability_bins(*surest_class(labels, _joined(scores)))) for name, scores in sides.items()}


def _joined(parts: "Sequence[NDArray[np.float64]]") -> Floats:
    return np.concatenate(parts) if parts else np.empty(0)
